"""Answering: asks a model a question that another one wrote, with its window and without, and says what that proves."""

from __future__ import annotations

from collections.abc import Mapping

from evaltrail.core.values import Json
from evaltrail.generation.asking.limits import ANSWER_TOKENS, with_end
from evaltrail.generation.asking.prompt_files import template
from evaltrail.generation.asking.reply_form import Reply, ReplyForm
from evaltrail.generation.asking.tokens import worst_prompt_tokens
from evaltrail.generation.budget import Budget
from evaltrail.generation.drafts import Draft, Passage
from evaltrail.generation.sieve.answers import agreement, says_unanswerable
from evaltrail.generation.sieve.gate import Gated
from evaltrail.scoring.judging.fence import fenced_verbatim
from evaltrail.scoring.judging.judge_model import JudgeModel, Messages
from evaltrail.scoring.judging.verdict import Verdict

_FORM = ReplyForm()
_ANSWER_CHARACTERS = 120
_USUAL_QUESTION = "x" * 240
"""Longer than most, where what checking costs has to be known before there is a question."""


class Answering:
    """Answers by a model, for the gates.

    Args:
        model: whom to ask.
        budget: of all calls.
        settings: of every request, as the plan has them.
        seed: of every request.
    """

    def __init__(self, model: JudgeModel, *, budget: Budget, settings: Mapping[str, Json], seed: int) -> None:
        self._model = model
        self._settings = with_end(settings, ANSWER_TOKENS) if budget.is_limited else settings
        self._seed = seed

    async def from_passage(self, query: str, passage: Passage) -> Verdict[Reply]:
        """The answer out of a window.

        Raises:
            EndpointError: every further request would fail too.
        """
        return await self._ask(answer_messages(query, passage))

    async def alone(self, query: str) -> Verdict[Reply]:
        """The answer of a model that sees the question and nothing else.

        Raises:
            EndpointError: every further request would fail too.
        """
        return await self._ask(alone_messages(query))

    async def _ask(self, messages: Messages) -> Verdict[Reply]:
        return await self._model.ask(messages, _FORM, seed=self._seed, settings=self._settings)


def answer_messages(query: str, passage: Passage) -> Messages:
    """What a model is asked with the window's text, which stands in it as it is."""
    return _messages("answer", (("text", passage.text), ("question", query)))


def alone_messages(query: str) -> Messages:
    """What a model is asked without the window."""
    return _messages("answer_alone", (("question", query),))


def worst_check_tokens(passage: Passage) -> int:
    """Tokens that both questions about one draft may take at most."""
    asked = (answer_messages(_USUAL_QUESTION, passage), alone_messages(_USUAL_QUESTION))
    return sum(worst_prompt_tokens(messages) + ANSWER_TOKENS for messages in asked)


def answerable(draft: Draft, reply: Reply, threshold: float) -> Gated:
    """How far the answer out of the window agrees with the draft's; of an unanswerable draft, whether there is none."""
    said = f"answered from its window: {reply.answer[:_ANSWER_CHARACTERS]!r}"
    if draft.type == "unanswerable":
        return Gated.at_least(float(not reply.is_answered), threshold, said if reply.is_answered else "")
    if not reply.is_answered:
        return Gated.at_least(0.0, threshold, "its window does not answer it")
    if not reply.answer:
        return Gated.at_least(1.0, threshold)
    score = agreement(reply.answer, draft.response)
    return Gated.at_least(score, threshold, said if score < threshold else "")


def closed_book(draft: Draft, reply: Reply, threshold: float) -> Gated:
    """How far the answer without the window agrees with the draft's; passed where it stays below the threshold."""
    if reply.answer and not says_unanswerable(reply.answer):
        score = agreement(reply.answer, draft.response)
    else:
        score = float(reply.is_answered)
    said = f"answered without its window: {reply.answer[:_ANSWER_CHARACTERS]!r}"
    return Gated(score=score, passed=score < threshold, detail="" if score < threshold else said)


def _messages(name: str, parts: tuple[tuple[str, str], ...]) -> Messages:
    return (
        {"role": "system", "content": template(name)},
        {"role": "user", "content": f"{fenced_verbatim(parts)}\n\n{template('answer_ask')}"},
    )

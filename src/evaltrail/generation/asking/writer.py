"""Writer: asks a model for all the questions of one window in one request, and reads what it hands in as drafts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from evaltrail.core.question import QUESTION_TYPES, QuestionType
from evaltrail.core.values import Json
from evaltrail.generation.asking.answering import worst_check_tokens
from evaltrail.generation.asking.limits import with_end, writing_end
from evaltrail.generation.asking.prompt_files import template, told_kinds
from evaltrail.generation.asking.tokens import worst_prompt_tokens
from evaltrail.generation.asking.written_form import Written, WrittenForm, WrittenItem
from evaltrail.generation.budget import Budget
from evaltrail.generation.drafts import UNANSWERABLE, Draft
from evaltrail.generation.quotas import Quota
from evaltrail.generation.source import WriteOrder, Writing
from evaltrail.scoring.judging.fence import fenced_verbatim
from evaltrail.scoring.judging.judge_model import JudgeModel, Messages

MOST_QUESTIONS = 25
"""Of one request; models lose count of more, and their answers end in the middle."""
_MOST_BEFORE = 60
"""Questions that were written before which the model is told."""
_BEFORE_CHARACTERS = 300


class Writer:
    """Questions by a model.

    Args:
        model: whom to ask.
        budget: of all calls; a window begins only where its whole worst case fits.
        settings: of every request, as the plan has them.
        seed: of every request.
    """

    offers: frozenset[QuestionType] = frozenset(QUESTION_TYPES)
    most: int = MOST_QUESTIONS

    def __init__(self, model: JudgeModel, *, budget: Budget, settings: Mapping[str, Json], seed: int) -> None:
        self._model = model
        self._budget = budget
        self._settings = settings
        self._seed = seed

    async def begin(self, order: WriteOrder) -> int:
        """Wait until the window may begin; what it may cost at most, for ``finish``."""
        worst = worst_window_tokens(order) if self._budget.is_limited else 0
        await self._budget.begin(worst)
        return worst

    def finish(self, worst: int) -> None:
        """The window is done, its questions checked."""
        self._budget.finish(worst)

    async def write(self, order: WriteOrder) -> Writing:
        """The drafts of one window, or why there are none.

        Raises:
            EndpointError: every further request would fail too.
        """
        settings = self._settings
        if self._budget.is_limited:
            settings = with_end(settings, writing_end(sum(order.wanted.values())))
        form = WrittenForm(list(order.wanted))
        verdict = await self._model.ask(write_messages(order), form, seed=self._seed, settings=settings)
        if verdict.value is None:
            return Writing(reason=plain_reason(verdict.reason), detail=one_line_of(verdict.raw))
        return Writing(drafts=_drafts(verdict.value, order))


def plain_reason(reason: str) -> str:
    """Why a model's answer could not be used, without the word of those that grade."""
    plain = reason.removeprefix("judge_")
    return "refused" if plain == "refusal" else plain


def one_line_of(text: str) -> str:
    """The begin of a text on one line."""
    return " ".join(text[:_BEFORE_CHARACTERS].split())


def write_messages(order: WriteOrder) -> Messages:
    """What a model is asked for one window; the window's text stands in it as it is."""
    parts = [("text", order.passage.text)]
    before = ""
    if order.attempt > 1:
        told = [one_line_of(query) for query in order.before[-_MOST_BEFORE:]]
        parts.append(("questions", "\n".join(told) or "-"))
        before = template("write_before").format(attempt=order.attempt) + "\n\n"
    persona = template("write_persona").format(persona=order.persona) + "\n\n" if order.persona else ""
    count = sum(order.wanted.values())
    kinds = told_kinds()
    ask = template("write_ask").format(
        count="1 question" if count == 1 else f"{count} questions",
        kinds="\n".join(f"- {number} of type {kind}: {kinds[kind]}" for kind, number in order.wanted.items()),
        persona=persona,
        before=before,
    )
    return (
        {"role": "system", "content": template("write")},
        {"role": "user", "content": f"{fenced_verbatim(parts)}\n\n{ask}"},
    )


def worst_window_tokens(order: WriteOrder) -> int:
    """Tokens that a window may take at most: its questions written, and each of them checked."""
    count = sum(order.wanted.values())
    return worst_prompt_tokens(write_messages(order)) + writing_end(count) + count * worst_check_tokens(order.passage)


def _drafts(written: Written, order: WriteOrder) -> tuple[Draft, ...]:
    room = Counter(dict(order.wanted))
    drafts: list[Draft] = []
    for item in written:
        kind = _kind(item, order.wanted, room)
        room[kind] -= 1
        is_answered = kind != "unanswerable"
        drafts.append(
            Draft(
                query=item.question,
                response=item.answer if is_answered else UNANSWERABLE,
                evidence=item.evidence if is_answered else "",
                type=kind,
                persona=order.persona,
            )
        )
    return tuple(drafts)


def _kind(item: WrittenItem, wanted: Quota, room: Mapping[QuestionType, int]) -> QuestionType:
    """The type that an item says; one that says none takes the first that is still wanted."""
    if item.type is not None and (item.type in wanted or len(wanted) > 1 or item.type == "unanswerable"):
        return item.type
    kinds: Sequence[QuestionType] = list(wanted)
    return next((kind for kind in kinds if room[kind] > 0), kinds[0])

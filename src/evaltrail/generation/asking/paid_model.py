"""PaidModel: a model whose every answer is kept as it comes, counted, and never paid for twice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Self

from evaltrail.bundle.answer_log import AnswerLog
from evaltrail.core.answer import Answer, Prompt
from evaltrail.core.ids import digest
from evaltrail.core.ports import Model
from evaltrail.core.values import Json
from evaltrail.generation.asking.limits import told_end
from evaltrail.generation.asking.tokens import completion_tokens, prompt_tokens, worst_prompt_tokens
from evaltrail.generation.budget import Budget

BUDGET = "budget"
"""Error of an answer that was not asked for, as the budget would not have held it."""
_OWN_ERRORS = frozenset({"empty", "refusal", "truncated"})
"""Errors of answers that the model did give, and that were paid for."""


class PaidModel:
    """A model in front of which answers are looked up, and behind which they are kept.

    A request is known by its words, the plan's settings and the plan's seed. In what form the answer was asked for is
    left out, as that is found out anew by each run: a repeated run could not tell which request had which form. So is
    the end that a budget gives it, but for an answer that was cut there: it serves requests with the same end alone.

    Args:
        model: whom to ask what was not asked before; already open.
        answers: those of earlier runs, and where new ones go; None = nowhere.
        budget: a hard end of tokens.
        concurrency: requests in flight at most.
        settings: of every request, as the plan has them.
        seed: of every request.
    """

    def __init__(
        self,
        model: Model,
        *,
        answers: AnswerLog | None,
        budget: Budget,
        concurrency: int,
        settings: Mapping[str, Json],
        seed: int,
    ) -> None:
        self._model = model
        self._answers = answers
        self._budget = budget
        self._slots = asyncio.Semaphore(concurrency)
        self._settings = settings
        self._seed = seed
        self._flights: dict[str, asyncio.Future[Answer | None]] = {}
        """What is being asked, or was; None comes of one whose asker was given up."""
        self.in_flight = 0
        self.new_calls = self.prompt_tokens = self.completion_tokens = 0
        """Of this run."""
        self._answered_at = time.monotonic()

    async def __aenter__(self) -> Self:
        """Nothing to open."""
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Nothing to close."""

    @property
    def silent_s(self) -> float:
        """Seconds since an answer came last, while some are waited for."""
        return time.monotonic() - self._answered_at if self.in_flight else 0.0

    def request_digest(self, prompt: Prompt) -> str:
        """Identity of a request, whatever form it asks for."""
        plain = Prompt(messages=prompt.messages, text=prompt.text, seed=self._seed, extra=self._settings)
        return self._model.request_digest(plain)

    async def ask(self, prompt: Prompt) -> Answer:
        """The kept answer, else the model's; error ``budget`` where that might cost more than is left.

        Raises:
            EndpointError: every further prompt would fail too.
            StorageError: an answer cannot be kept.
        """
        request = self.request_digest(prompt)
        while (flight := self._flights.get(request)) is not None:
            if (answer := await asyncio.shield(flight)) is not None:
                return answer
        if (found := self._found(request, prompt)) is not None:
            return found
        flight = self._flights[request] = asyncio.get_running_loop().create_future()
        try:
            answer = await self._paid(request, prompt)
        except Exception as error:
            flight.set_exception(error)
            flight.exception()  # seen, also where nobody else waits for it
            raise
        except BaseException:
            del self._flights[request]
            flight.set_result(None)  # who waits for it was not given up: one of them asks anew
            raise
        flight.set_result(answer)
        if not _is_kept(answer):
            del self._flights[request]  # it may go better the next time, or in another form
        return answer

    async def choice_logprobs(self, prompt: Prompt, choices: Sequence[str]) -> Answer:
        """The model's; nothing is kept of it, and nobody here asks for it."""
        return await self._model.choice_logprobs(prompt, choices)

    async def embed(self, texts: Sequence[str], *, model: str = "") -> tuple[tuple[float, ...], ...]:
        """The model's; nothing is kept of it, and nobody here asks for it."""
        return await self._model.embed(texts, model=model)

    def _found(self, request: str, prompt: Prompt) -> Answer | None:
        """The kept answer, whole if there is one."""
        if self._answers is None:
            return None
        found = self._answers.find(request)
        end = self._budget_end(prompt)
        return self._answers.find(_cut_request(request, end)) if found is None and end else found

    def _budget_end(self, prompt: Prompt) -> int:
        """Tokens at which the budget ends an answer; 0 where it does not, or the plan's settings do."""
        return 0 if told_end(self._settings) else told_end(prompt.extra)

    async def _paid(self, request: str, prompt: Prompt) -> Answer:
        worst = self._worst(prompt)
        async with self._slots:
            if not await self._budget.book(worst):
                return Answer(error=BUDGET, detail="the token budget is spent", attempts=0)
            if not self.in_flight:
                self._answered_at = time.monotonic()
            self.in_flight += 1
            used = 0
            try:
                answer = self._counted(prompt, await self._model.ask(prompt))
                used = (answer.prompt_tokens or 0) + (answer.completion_tokens or 0)
                if self._answers is not None and _is_kept(answer):
                    end = self._budget_end(prompt) if answer.finish_reason == "length" else 0
                    self._answers.keep(_cut_request(request, end) if end else request, answer)
            finally:
                self.in_flight -= 1
                self._answered_at = time.monotonic()
                self._budget.settle(worst, used)
        return answer

    def _counted(self, prompt: Prompt, answer: Answer) -> Answer:
        """The answer with its tokens, guessed where the endpoint does not say; a refused request takes none."""
        self.new_calls += max(1, answer.attempts)
        if not _is_kept(answer) and answer.prompt_tokens is None:
            return answer
        asked, said = prompt_tokens(prompt.messages, answer), completion_tokens(answer)
        self.prompt_tokens += asked
        self.completion_tokens += said
        return replace(answer, prompt_tokens=asked, completion_tokens=said)

    def _worst(self, prompt: Prompt) -> int:
        if not self._budget.is_limited:
            return 0
        return worst_prompt_tokens(prompt.messages) + told_end(prompt.extra)


def _cut_request(request: str, end: int) -> str:
    """Under what an answer is kept that was cut at a budget's end."""
    return digest([request, end])


def _is_kept(answer: Answer) -> bool:
    return not answer.error or answer.error in _OWN_ERRORS

"""Generates: documents' chunks become checked questions, as a plan says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence

from evaltrail.bundle.answer_log import AnswerLog
from evaltrail.core.document import Chunk
from evaltrail.core.generation import Generation, GenerationPlan
from evaltrail.core.ports import Model
from evaltrail.core.progress import ProgressSink
from evaltrail.core.question import QuestionType
from evaltrail.core.request import RequestLimits
from evaltrail.generation.asking.answering import Answering
from evaltrail.generation.asking.paid_model import PaidModel
from evaltrail.generation.asking.writer import Writer
from evaltrail.generation.budget import Budget
from evaltrail.generation.checking import Checker
from evaltrail.generation.cloze.source import ClozeSource
from evaltrail.generation.harvest import Harvest
from evaltrail.generation.planning import check_plan, cost_of, passages_of, totals_of, windows_of
from evaltrail.generation.rounds import Rounds
from evaltrail.generation.sieve.round_trip import WindowIndex
from evaltrail.generation.source import Source
from evaltrail.generation.watching import Watcher
from evaltrail.scoring.judging.judge_model import JudgeModel

_CLOZE_ROUNDS = 50
"""Rounds cost nothing without a model, and every one of them asks for further sentences."""
NO_WINDOWS = "no_windows"
NO_TEXT = "no_text"
NOT_OFFERED = "type_not_offered"


async def generate(
    plan: GenerationPlan,
    chunks: Sequence[Chunk],
    model: Model | None,
    *,
    limits: RequestLimits,
    answers: AnswerLog | None,
    on_progress: ProgressSink,
) -> Generation:
    """The questions that a plan makes of some chunks, with all that was rejected and why what is missing is missing.

    The same plan, chunks, model and answers give the same questions in the same order, and nothing is sent that was
    answered before.

    Args:
        plan: how.
        chunks: of the whole upload, numbered from 1.
        model: who writes and answers, already open; None where the plan's generator needs none.
        limits: ``concurrency`` requests are in flight at most.
        answers: those of this generation's earlier, cut-short runs, and where new ones are kept as they come.
        on_progress: told a few times a second, from the same thread.

    Raises:
        InputError: the plan asks for what there is not, or for a model where there is none.
        EndpointError: the endpoint refuses every request or is gone; what was answered is kept, the same call goes on.
        StorageError: an answer cannot be kept.
    """
    check_plan(plan, has_model=model is not None)
    began_at = time.monotonic()
    windows = windows_of(plan, chunks)
    passages = passages_of(windows, chunks)
    totals = totals_of(plan, len(windows.windows))
    harvest = Harvest(totals, windows=len(passages), duplicate=plan.thresholds.duplicate)
    till = _Till(plan, model, limits, answers)
    source: Source = till.writer() if plan.generator == "llm" else ClozeSource(passages, seed=plan.seed)
    for kind in totals:
        harvest.spent[kind] = {place for place, passage in enumerate(passages) if not passage.text.strip()}
    checker = Checker(plan.thresholds, WindowIndex(passages), till.answering())
    watcher = till.watcher(sum(totals.values()), on_progress)
    rounds = Rounds(passages, source, checker, harvest, watcher, concurrency=limits.concurrency, personas=plan.personas)
    await _watched(rounds, watcher, most=plan.rounds if plan.generator == "llm" else _CLOZE_ROUNDS)
    return Generation(
        questions=harvest.questions,
        rejected=harvest.rejected,
        windows=windows.pairs,
        unused_chunks=windows.unused,
        requested=sum(totals.values()),
        shortfall=_shortfall(harvest, source.offers, NO_TEXT if passages else NO_WINDOWS),
        calls=till.earlier_calls + till.new_calls,
        new_calls=till.new_calls,
        prompt_tokens=till.prompt_tokens,
        completion_tokens=till.completion_tokens,
        cost=cost_of(plan, till.prompt_tokens, till.completion_tokens),
        seconds=time.monotonic() - began_at,
    )


async def _watched(rounds: Rounds, watcher: Watcher, *, most: int) -> None:
    ticking = asyncio.create_task(watcher.keep_telling())
    try:
        await rounds.run(most)
    finally:
        ticking.cancel()
        watcher.tell(force=True)


def _shortfall(harvest: Harvest, offers: frozenset[QuestionType], otherwise: str) -> Mapping[str, int]:
    found = harvest.explained(offers, otherwise)
    not_offered = sum(count for kind, count in harvest.missing.items() if kind not in offers)
    return {**found, NOT_OFFERED: not_offered} if not_offered else found


class _Till:
    """The model with everything that is counted about it; without one all counts stay 0."""

    def __init__(
        self, plan: GenerationPlan, model: Model | None, limits: RequestLimits, answers: AnswerLog | None
    ) -> None:
        self._plan = plan
        self.earlier_calls = self._earlier_prompt = self._earlier_completion = 0
        for answer in answers.own() if answers is not None and plan.generator == "llm" else ():
            self.earlier_calls += max(1, answer.attempts)
            self._earlier_prompt += answer.prompt_tokens or 0
            self._earlier_completion += answer.completion_tokens or 0
        self._budget = Budget(plan.budget_tokens, self._earlier_prompt + self._earlier_completion)
        self._paid: PaidModel | None = None
        if model is not None and plan.generator == "llm":
            self._paid = PaidModel(
                model,
                answers=answers,
                budget=self._budget,
                concurrency=limits.concurrency,
                settings=plan.generation,
                seed=plan.seed,
            )
            self._judge = JudgeModel(self._paid, id="")

    @property
    def new_calls(self) -> int:
        """Requests that were sent in this run."""
        return self._paid.new_calls if self._paid else 0

    @property
    def prompt_tokens(self) -> int:
        """Of this run and earlier ones."""
        return self._earlier_prompt + (self._paid.prompt_tokens if self._paid else 0)

    @property
    def completion_tokens(self) -> int:
        """Of this run and earlier ones."""
        return self._earlier_completion + (self._paid.completion_tokens if self._paid else 0)

    def writer(self) -> Writer:
        """Who writes."""
        return Writer(self._judge, budget=self._budget, settings=self._plan.generation, seed=self._plan.seed)

    def answering(self) -> Answering | None:
        """Who answers for the gates."""
        if self._paid is None:
            return None
        return Answering(self._judge, budget=self._budget, settings=self._plan.generation, seed=self._plan.seed)

    def watcher(self, total: int, sink: ProgressSink) -> Watcher:
        """Who tells how far it has come."""
        paid = self._paid
        if paid is None:
            return Watcher(total, sink)
        return Watcher(
            total,
            sink,
            tokens=lambda: self.prompt_tokens + self.completion_tokens,
            in_flight=lambda: paid.in_flight,
            silent_s=lambda: paid.silent_s,
        )

"""How far one benchmark is, told from the units of its job."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from evaltrail.config.secrets import redact
from evaltrail.jobs.account import UnitAccount
from evaltrail.jobs.failure import Failure
from evaltrail.jobs.states import ENDED, JobState
from evaltrail.service.answering.account import Phase, Problem, SampleCount, State
from evaltrail.service.working.planning import PLAN
from evaltrail.service.working.submit import DELIVER

_FLAG = re.compile(r"--param (\w+)=([\w./-]+)")
"""How a hint tells a person at a terminal to set what a request sets in a benchmark's config."""
_FLAGS = {
    "--experiment NAME": "experiment.name",
    "--api-key-env NAME": "EVALTRAIL_SERVER_<NAME>_API_KEY_ENV",
    "--url": "model.url",
    "--judge": "config.judge",
    "the working folder": "the data root",
}
TASK_FAILED = "task_failed"
"""The code of what only the result says."""
_GRAVEST_FIRST: tuple[Literal["failed", "cancelled"], ...] = ("failed", "cancelled")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far a benchmark is."""

    state: State
    phase: Phase
    progress: SampleCount
    attempts: int
    tokens: int
    started_at: datetime | None
    ended_at: datetime | None
    error: Problem | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobUnits:
    """The units of a job, told apart by what they do."""

    plan: UnitAccount | None
    """None where the job was cut when it was accepted."""
    by_benchmark: tuple[tuple[UnitAccount, ...], ...]
    last: UnitAccount | None


def sort_units(units: Sequence[UnitAccount], benchmarks: int) -> JobUnits:
    """The units of a job, told apart by what they do.

    Args:
        units: all of them.
        benchmarks: how many the evaluation has.
    """
    own: tuple[list[UnitAccount], ...] = tuple([] for _ in range(benchmarks))
    plan = last = None
    for unit in units:
        number = benchmark_of(unit)
        if unit.kind == PLAN:
            plan = unit
        elif unit.kind == DELIVER:
            last = unit
        elif number is not None and 0 <= number < benchmarks:
            own[number].append(unit)
    return JobUnits(plan=plan, by_benchmark=tuple(map(tuple, own)), last=last)


def benchmark_of(unit: UnitAccount) -> int | None:
    """Which benchmark a unit is of; None = of all."""
    number = unit.place.get("task") if isinstance(unit.place, dict) else None
    return number if isinstance(number, int) else None


def problem_of(failure: Failure | None) -> Problem | None:
    """A failure as clients are told it; None where there is none."""
    if failure is None:
        return None
    hint = _FLAG.sub(r"config: {\1: \2}", failure.hint)
    for flag, field in _FLAGS.items():
        hint = hint.replace(flag, field)
    return Problem(code=failure.code, message=redact(failure.message), hint=redact(hint))


def standing(units: JobUnits, number: int, job: JobState, *, lack: str | None = None) -> Standing:
    """How far a benchmark is.

    Args:
        units: of the job.
        number: which benchmark, from 0.
        job: the job's state.
        lack: why its result says that it failed, though its units were done; None = it does not.
    """
    own = units.by_benchmark[number]
    failed = next((unit.error for unit in own if unit.state == "failed"), None)
    tried = failed or next((unit.error for unit in own if unit.error), None)
    if not own and units.plan is not None:
        tried = units.plan.error
    state = _state(own, job)
    error = problem_of(tried)
    if lack is not None and state == "completed":
        state, error = "failed", Problem(code=TASK_FAILED, message=redact(lack) or "nothing of it could be scored")
    ends = [unit.ended_at for unit in own if unit.ended_at is not None]
    return Standing(
        state=state,
        phase=_phase(units, own, state),
        progress=progress_of(own),
        attempts=max((unit.attempt for unit in own), default=0),
        tokens=sum(unit.tokens for unit in own),
        started_at=min((unit.started_at for unit in own if unit.started_at is not None), default=None),
        ended_at=max(ends) if own and len(ends) == len(own) else None,
        error=None if state == "completed" else error,
    )


def progress_of(units: Sequence[UnitAccount]) -> SampleCount:
    """Samples of some units together; their total is known when each of them knows its own."""
    totals = [unit.total for unit in units if unit.total is not None]
    is_known = bool(units) and len(totals) == len(units)
    return SampleCount(done=sum(unit.done for unit in units), total=sum(totals) if is_known else None)


def _state(own: Sequence[UnitAccount], job: JobState) -> State:
    states = {unit.state for unit in own}
    if states & {"waiting", "running", "held"}:
        return "running" if _was_begun(own) else "pending"
    ended = next((word for word in _GRAVEST_FIRST if word in states), None)
    if ended is not None:
        return ended
    if job not in ENDED:
        return "running" if own else "pending"
    if job == "cancelled":  # before its units were known, or before the result of what they did was put together
        return "cancelled"
    return "completed" if own else "failed"


def _phase(units: JobUnits, own: Sequence[UnitAccount], state: State) -> Phase:
    if state == "completed":
        return "completed"
    if not own or not _was_begun(own):
        is_planned = units.plan is not None and units.plan.attempt > 0
        return "loading_data" if is_planned else "initializing"
    if state == "running" and all(unit.state == "done" for unit in own):
        is_landing = units.last is not None and units.last.state == "running"
        return "persisting_artifacts" if is_landing else "post_processing"
    return "running_evaluation"


def _was_begun(own: Sequence[UnitAccount]) -> bool:
    return any(unit.attempt > 0 for unit in own)

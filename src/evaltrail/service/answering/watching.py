"""What happens to an evaluation, a generation or edits, as a client is told it: the queue's events.

What is the workers' own business is left out: no owner, host or process is told, and no text of an error that was
not redacted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from evaltrail.config.secrets import redact
from evaltrail.core.values import Json
from evaltrail.jobs.account import JobEvent, UnitAccount
from evaltrail.jobs.lease import LeaseQueue
from evaltrail.jobs.states import ENDED, JobState
from evaltrail.service.answering.account import SampleCount
from evaltrail.service.answering.generation_account import SENTENCES
from evaltrail.service.answering.phases import benchmark_of, progress_of
from evaltrail.service.answering.telling import message_of
from evaltrail.service.working.edits_spec import APPLY
from evaltrail.service.working.generation_spec import GENERATE
from evaltrail.service.working.planning import PLAN
from evaltrail.service.working.submit import DELIVER

EventKind = Literal["state", "benchmark", "step", "progress"]
"""Of the whole; of a benchmark; of what makes questions; how many samples, or questions, are done."""
_MAKES_QUESTIONS = frozenset({GENERATE, APPLY})
"""Units of generations and edits."""
_MOST = 500
_BEFORE_THE_END: tuple[JobState, ...] = ("pending", "running", "cancelling")
_STATES: Mapping[str, str] = {
    "submitted": "pending",
    "started": "running",
    "cancelling": "running",
    "timed_out": "running",
    "retried": "pending",
}
"""An event of the job to the state after it."""
_MORE_SENTENCES: Mapping[str, str] = {
    "timed_out": "its time is over: what was not begun has failed",
    "retried": "it is tried again",
}
_SENTENCES: Mapping[str, str] = {
    **{state: message_of(state).message for state in (*ENDED, *_BEFORE_THE_END)},
    **_MORE_SENTENCES,
}
_SENTENCES_OF_QUESTIONS: Mapping[str, str] = {**SENTENCES, **_MORE_SENTENCES}
_STEPS: Mapping[str, str] = {
    "claimed": "begun",
    "finished": "done",
    "failed": "failed",
    "lost": "lost",
    "handed_back": "waiting",
    "released": "waiting",
}
"""An event of a unit to a client's word for it."""
_COUNTS = ("done", "total", "tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One thing that happened."""

    event_id: int
    """Grows; ask for what came after it."""
    kind: EventKind
    at: datetime
    data: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Happenings:
    """Some of what happened, in order."""

    events: tuple[Happening, ...]
    after: int
    """The last event that was looked at: ask for what came after it."""
    is_over: bool
    """Whether nothing more happens by itself."""
    progress: SampleCount | None = None
    """Of all benchmarks, or of all questions, just now; None where nothing happened."""


def watch(queue: LeaseQueue, job_id: str, after: int) -> Happenings:
    """What happened to an evaluation, a generation or edits after an event; see Answers.events.

    Raises:
        InputError: the queue does not know it.
    """
    events = queue.events(job_id, after, limit=_MOST)
    if not events:
        return Happenings(events=(), after=after, is_over=_is_over(queue, job_id, after))
    units = {unit.id: unit for unit in queue.units([job_id]).get(job_id, ())}
    makes_questions = any(unit.kind in _MAKES_QUESTIONS for unit in units.values())
    told = (translate(event, units.get(event.unit_id), makes_questions=makes_questions) for event in events)
    of_job = [event.kind for event in events if not event.unit_id and event.kind != "released"]
    return Happenings(
        events=tuple(each for each in told if each is not None),
        after=events[-1].id,
        is_over=len(events) < _MOST and bool(of_job) and of_job[-1] == "ended",
        progress=progress_of([unit for unit in units.values() if makes_questions or benchmark_of(unit) is not None]),
    )


def translate(event: JobEvent, unit: UnitAccount | None, *, makes_questions: bool = False) -> Happening | None:
    """An event of the queue as a client is told it; None where it is none of a client's business.

    Args:
        event: of the job.
        unit: that it is about; None = the job as a whole, or a unit that is gone.
        makes_questions: whether it is the job of a generation or of edits, which have no benchmarks.
    """
    if not event.unit_id:
        data = _of_job(event, _SENTENCES_OF_QUESTIONS if makes_questions else _SENTENCES)
        return Happening(event_id=event.id, kind="state", at=event.at, data=data) if data else None
    place = {} if makes_questions else _place(unit)
    if event.kind == "progress":
        return Happening(event_id=event.id, kind="progress", at=event.at, data={**place, **_progress(event)})
    kind: EventKind = "step" if makes_questions else "benchmark"
    return Happening(event_id=event.id, kind=kind, at=event.at, data={**place, **_of_unit(event)})


def _is_over(queue: LeaseQueue, job_id: str, after: int) -> bool:
    """Whether the last event that is known was the end; one look into an index, for many ask this often."""
    last = queue.events(job_id, after - 1, limit=1) if after > 0 else ()
    if last and last[0].id == after and not last[0].unit_id and last[0].kind == "ended":
        return True
    return not last and queue.show(job_id).job.state in ENDED


def _of_job(event: JobEvent, sentences: Mapping[str, str]) -> Mapping[str, Json]:
    state, code = _STATES.get(event.kind, ""), event.kind
    if event.kind == "ended":
        state = code = str(event.data.get("state", ""))
    if event.kind in {"submitted", "started"}:
        code = state
    sentence = sentences.get(code, "")
    return {"state": state, "message": sentence, "message_code": code} if sentence else {}


def _place(unit: UnitAccount | None) -> dict[str, Json]:
    if unit is None:
        return {"benchmark": None, "phase": None}
    if unit.kind in {PLAN, DELIVER}:
        return {"benchmark": None, "phase": "loading_data" if unit.kind == PLAN else "persisting_artifacts"}
    return {"benchmark": benchmark_of(unit), "phase": "running_evaluation"}


def _progress(event: JobEvent) -> Mapping[str, Json]:
    errors = event.data.get("errors")
    counts = {name: event.data.get(name) for name in _COUNTS}
    return {"part": event.unit_id.rpartition(".")[2], **counts, "errors": errors or {}}


def _of_unit(event: JobEvent) -> Mapping[str, Json]:
    told: dict[str, Json] = {"part": event.unit_id.rpartition(".")[2], "step": _STEPS.get(event.kind, event.kind)}
    for name in ("attempt", "will_retry", "retry_in_s"):
        if name in event.data:
            told[name] = event.data[name]
    code, message = event.data.get("code"), event.data.get("message")
    if isinstance(code, str) and isinstance(message, str):
        told |= {"message": redact(message), "message_code": code}
    return told

"""What the database still knows of jobs that are over, and how one of them is forgotten for good."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, delete, select

from evaltrail.core.errors import InputError
from evaltrail.jobs.failure import Failure, failure_from_text
from evaltrail.jobs.states import ENDED, JobState
from evaltrail.store.tables import JOB, SECOND_US, DatabaseNow

_MOST_ASKED = 500
_NOW = DatabaseNow()


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedJob:
    """A job that is over."""

    id: str
    name: str
    state: JobState
    error: Failure | None
    """Of the first unit that failed for good."""


def states_of(connection: Connection, job_ids: Sequence[str]) -> dict[str, JobState]:
    """The states of those jobs that the database knows, by id."""
    found: dict[str, JobState] = {}
    for start in range(0, len(job_ids), _MOST_ASKED):
        some = job_ids[start : start + _MOST_ASKED]
        rows = connection.execute(select(JOB.c.id, JOB.c.state).where(JOB.c.id.in_(some)))
        found |= {row.id: row.state for row in rows}
    return found


def ended_for(connection: Connection, seconds: float) -> tuple[EndedJob, ...]:
    """The jobs that have been over for so long, the oldest first."""
    rows = connection.execute(
        select(JOB.c.id, JOB.c.name, JOB.c.state, JOB.c.error)
        .where(_is_over(seconds))
        .order_by(JOB.c.ended_at, JOB.c.id)
    )
    return tuple(
        EndedJob(id=row.id, name=row.name, state=row.state, error=failure_from_text(row.error)) for row in rows
    )


def forget(connection: Connection, job_id: str, seconds: float) -> bool:
    """Whether a job that has been over for so long is gone, with its units and events; False = it waits again."""
    return bool(connection.execute(delete(JOB).where(JOB.c.id == job_id, _is_over(seconds))).rowcount)


def delete_ended(connection: Connection, job_id: str) -> None:
    """Forget an ended job at once; see LeaseQueue.delete."""
    if connection.execute(delete(JOB).where(JOB.c.id == job_id, JOB.c.state.in_(ENDED))).rowcount:
        return
    state = states_of(connection, [job_id]).get(job_id)
    if state is None:
        raise InputError(f"no job has the id {job_id!r}", code="unknown_id", hint="`evaltrail jobs ls` shows them")
    raise InputError(f"the job {job_id} is {state}", code="not_ended", hint="cancel it first")


def _is_over(seconds: float) -> ColumnElement[bool]:
    return and_(JOB.c.state.in_(ENDED), JOB.c.ended_at <= _NOW - round(seconds * SECOND_US))

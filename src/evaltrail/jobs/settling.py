"""How a job follows its units: in the same transaction as the unit that changed.

Locks are taken in one order, so that no two transactions wait for each other: a claimable or running unit first, its
job then, the jobs that come after it last; who holds a job may touch its held units, and of the others only those that
nobody else has locked.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import ColumnElement, Connection, and_, bindparam, exists, func, insert, select, update

from evaltrail.core.values import Json
from evaltrail.jobs.encoding import to_text
from evaltrail.jobs.following import release_followers
from evaltrail.jobs.lateness import fail_waiting, is_late
from evaltrail.jobs.states import UnitState, Verdict, ended_state
from evaltrail.store.tables import EVENT, JOB, UNIT, DatabaseNow, Record

_NOW = DatabaseNow()
_JOB_ID = "job_id_of_statement"
_OF_JOB = UNIT.c.job_id == bindparam(_JOB_ID)

_LOCK_JOB = select(JOB, _NOW.label("now")).where(JOB.c.id == bindparam(_JOB_ID)).with_for_update(key_share=True)
_BEGIN_JOB = (
    update(JOB)
    .where(JOB.c.id == bindparam(_JOB_ID))
    .values(state="running", started_at=func.coalesce(JOB.c.started_at, _NOW), late_at=_NOW + JOB.c.timeout_us)
)
_HAS_OPEN = select(exists().where(_OF_JOB, UNIT.c.state.in_(["waiting", "running"])))
_RELEASE = (
    update(UNIT).where(_OF_JOB, UNIT.c.state == "held").values(state="waiting", not_before=_NOW).returning(UNIT.c.id)
)
_ADD_EVENT = insert(EVENT).values(at=_NOW)
_OTHERS: tuple[UnitState, ...] = ("done", "failed", "cancelled")
_FOUND_OTHERS = select(
    *(exists().where(_OF_JOB, UNIT.c.state == state, ~UNIT.c.is_last).label(state) for state in _OTHERS)
)
_LAST = select(UNIT.c.state).where(_OF_JOB, UNIT.c.is_last)
_FIRST_ERROR = (
    select(UNIT.c.error)
    .where(_OF_JOB, UNIT.c.state == "failed")
    .order_by(UNIT.c.ended_at, UNIT.c.position)
    .limit(1)
    .scalar_subquery()
)
_END_JOB = (
    update(JOB)
    .where(JOB.c.id == bindparam(_JOB_ID))
    .values(state=bindparam("ended_state"), ended_at=_NOW, late_at=None, error=_FIRST_ERROR)
)


def lock_job(connection: Connection, job_id: str) -> Record | None:
    """The job's row, ours until the transaction ends, with the clock as ``now``; None where there is none."""
    return connection.execute(_LOCK_JOB, {_JOB_ID: job_id}).first()


def begin_job(connection: Connection, job_id: str) -> None:
    """Note that the first unit of a locked job is begun."""
    connection.execute(_BEGIN_JOB, {_JOB_ID: job_id})
    add_event(connection, job_id, "started")


def add_event(
    connection: Connection, job_id: str, kind: str, data: Mapping[str, Json] | None = None, *, unit_id: str = ""
) -> None:
    """Add to what happened to a locked job."""
    values = {"job_id": job_id, "unit_id": unit_id, "kind": kind, "data": to_text(data or {})}
    connection.execute(_ADD_EVENT, values)


def settle(connection: Connection, job: Record, verdict: Verdict = "") -> None:
    """Let a locked job follow its units: cancel or fail what waits, release the last one, or end.

    Args:
        connection: inside the transaction that changed a unit.
        job: its row, read when it was locked.
        verdict: of the last unit, where it has just been done.
    """
    if job.state == "cancelling":
        cancel_waiting(connection, job)
    elif is_late(job) and (failed := fail_waiting(connection, job)):
        add_event(connection, job.id, "timed_out", {"units": failed})
    if connection.execute(_HAS_OPEN, {_JOB_ID: job.id}).scalar():
        return
    released = connection.execute(_RELEASE, {_JOB_ID: job.id}).scalar()
    if released:
        add_event(connection, job.id, "released", unit_id=released)
        return
    _end(connection, job, verdict)


def time_out(connection: Connection, job_id: str) -> bool:
    """Whether the job ran out of time; then what waited of it has failed."""
    job = lock_job(connection, job_id)
    if job is None or not is_late(job):
        return False
    settle(connection, job)
    return True


def cancel_waiting(connection: Connection, job: Record) -> None:
    """Cancel the units of a locked job that nobody works at, but not one that puts in order what the job had begun."""
    idle: ColumnElement[bool] = and_(UNIT.c.job_id == job.id, UNIT.c.state.in_(["waiting", "held"]))
    if job.started_at is not None:
        idle = and_(idle, ~UNIT.c.runs_when_cancelled)
    free = select(UNIT.c.id).where(idle).with_for_update(skip_locked=True)
    connection.execute(update(UNIT).where(UNIT.c.id.in_(free)).values(state="cancelled", ended_at=_NOW))


def _end(connection: Connection, job: Record, verdict: Verdict) -> None:
    found = connection.execute(_FOUND_OTHERS, {_JOB_ID: job.id}).one()
    others = frozenset(state for state in _OTHERS if getattr(found, state))
    last: UnitState | None = connection.execute(_LAST, {_JOB_ID: job.id}).scalar()
    state = ended_state(others, last, is_cancelling=job.state == "cancelling", verdict=verdict)
    connection.execute(_END_JOB, {_JOB_ID: job.id, "ended_state": state})
    add_event(connection, job.id, "ended", {"state": state})
    for follower in release_followers(connection, job.id):
        add_event(connection, follower, "released")

"""Jobs that ran out of time: which they are, and what becomes of their units that nobody works at."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, exists, select, update

from evaltrail.jobs.failure import Failure, failure_to_text
from evaltrail.store.tables import JOB, SECOND_US, UNIT, WAITING, DatabaseNow, Record

_NOW = DatabaseNow()
_MINUTE_S = 60.0
_IDLE = (UNIT.c.state == WAITING, ~UNIT.c.is_last)

LATE = (
    select(JOB.c.id)
    .where(JOB.c.late_at <= _NOW, exists().where(UNIT.c.job_id == JOB.c.id, *_IDLE))
    .order_by(JOB.c.late_at)
    .limit(bindparam("at_most"))
)
"""Jobs that ran out of time while units of theirs wait. Their state is not asked for: sqlite would take its index."""


def is_late(job: Record) -> bool:
    """Whether a running job ran out of time.

    Args:
        job: its state and ``late_at``, with the database's clock as ``now``.
    """
    return job.state == "running" and job.late_at is not None and job.late_at <= job.now


def timed_out(job_id: str, timeout_s: float) -> Failure:
    """Why a unit failed that was not done when its job's time was over."""
    minutes = round(timeout_s / _MINUTE_S, 2)
    return Failure(
        code="timed_out",
        message=f"it was not done {minutes:g} minute{'' if minutes == 1 else 's'} after the job began",
        hint=f"`evaltrail jobs retry {job_id}` gives what is left the same time again",
    )


def fail_waiting(connection: Connection, job: Record) -> int:
    """How many units of a locked job that is late have failed: all that wait, but never its last one."""
    free = select(UNIT.c.id).where(UNIT.c.job_id == job.id, *_IDLE).with_for_update(skip_locked=True)
    error = failure_to_text(timed_out(job.id, job.timeout_us / SECOND_US))
    failed = update(UNIT).where(UNIT.c.id.in_(free)).values(state="failed", ended_at=_NOW, error=error)
    return connection.execute(failed).rowcount

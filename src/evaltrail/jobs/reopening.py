"""What a person does to a whole job: call it off, or have what failed done again."""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from evaltrail.core.errors import InputError
from evaltrail.jobs.following import has_to_wait
from evaltrail.jobs.settling import add_event, lock_job, settle
from evaltrail.jobs.states import ENDED, JobState
from evaltrail.store.tables import JOB, UNIT, DatabaseNow, Record

_NOW = DatabaseNow()


def cancel(connection: Connection, job_id: str) -> JobState:
    """The job's state after it was called off; see LeaseQueue.cancel."""
    job = _locked(connection, job_id)
    if job.state not in ENDED and job.state != "cancelling":
        connection.execute(update(JOB).where(JOB.c.id == job_id).values(state="cancelling"))
        add_event(connection, job_id, "cancelling")
        settle(connection, _locked(connection, job_id))
    state: JobState = connection.execute(select(JOB.c.state).where(JOB.c.id == job_id)).scalar_one()
    return state


def retry(connection: Connection, job_id: str) -> int:
    """How many units of an ended job wait again; see LeaseQueue.retry."""
    job = _locked(connection, job_id)
    if job.state not in ENDED:
        raise InputError(
            f"the job {job_id} is {job.state}", code="not_ended", hint="it can be tried again when it has ended"
        )
    fresh = update(UNIT).values(forgiven=UNIT.c.attempt, not_before=_NOW, ended_at=None, result=None)
    begins = "held" if has_to_wait(connection, job.after) else "waiting"
    reopened = 0
    if job.state != "completed":
        others = UNIT.c.job_id == job_id, UNIT.c.state.in_(["failed", "cancelled"]), ~UNIT.c.is_last
        reopened = connection.execute(fresh.where(*others).values(state=begins)).rowcount
        last = UNIT.c.job_id == job_id, UNIT.c.is_last
        reopened += connection.execute(fresh.where(*last).values(state="held" if reopened else begins)).rowcount
    if not reopened:
        raise InputError(f"all of the job {job_id} is done", code="nothing_to_retry", hint="submit it anew")
    connection.execute(update(JOB).where(JOB.c.id == job_id).values(state="pending", ended_at=None, error=None))
    add_event(connection, job_id, "retried", {"units": reopened})
    return reopened


def _locked(connection: Connection, job_id: str) -> Record:
    job = lock_job(connection, job_id)
    if job is None:
        raise InputError(f"no job has the id {job_id!r}", code="unknown_id", hint="`evaltrail jobs ls` shows them")
    return job

"""What becomes of a unit in somebody's hands: kept, done, failed, handed back, taken back.

Every write names the unit and the attempt, and changes nothing once the unit is in other hands.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import ColumnElement, Connection, bindparam, case, func, select, update

from evaltrail.core.errors import InputError
from evaltrail.core.progress import Progress
from evaltrail.core.values import Json
from evaltrail.jobs.claim import Beat, Claim
from evaltrail.jobs.encoding import from_text, to_text
from evaltrail.jobs.failure import Failure, failure_from_text, failure_to_text
from evaltrail.jobs.lateness import is_late
from evaltrail.jobs.order import NewUnit
from evaltrail.jobs.settling import add_event, lock_job, settle
from evaltrail.jobs.states import Verdict
from evaltrail.jobs.submitting import extend_job
from evaltrail.store.tables import JOB, RUNNING, SECOND_US, UNIT, DatabaseNow, Record

_NOW = DatabaseNow()
_LOST = "worker_lost"
_THIS = (UNIT.c.id == bindparam("its_id"), UNIT.c.attempt == bindparam("its_attempt"))
_OURS: tuple[ColumnElement[bool], ...] = (*_THIS, UNIT.c.state == RUNNING)
_FREE: Mapping[str, object] = {"owner": "", "lease_until": None}
_PROGRESS: Mapping[str, object] = {
    "done": bindparam("new_done"),
    "total": func.coalesce(bindparam("new_total"), UNIT.c.total),
    "tokens": bindparam("new_tokens"),
    # attempts that got a unit further were no failures: only those in a row without progress count against it
    "forgiven": case((bindparam("new_done") > UNIT.c.done, UNIT.c.attempt - 1), else_=UNIT.c.forgiven),
}

_BEAT = update(UNIT).where(*_OURS).values(lease_until=_NOW + bindparam("lease_us"))
_REPORT = update(UNIT).where(*_OURS).values(**_PROGRESS)
_DONE = (
    update(UNIT).where(*_OURS).values(**_FREE, state="done", ended_at=_NOW, result=bindparam("new_result"), error=None)
)
_IS_DONE = select(UNIT.c.id).where(*_THIS, UNIT.c.state == "done")
_IS_SPENT = select(UNIT.c.attempt - UNIT.c.forgiven >= UNIT.c.max_attempts).where(*_THIS)
_FAILED = update(UNIT).where(*_OURS).values(**_FREE, state="failed", ended_at=_NOW, error=bindparam("new_error"))
_WAIT = (
    update(UNIT)
    .where(*_OURS)
    .values(**_FREE, state="waiting", not_before=_NOW + bindparam("pause_us"), error=bindparam("new_error"))
)
_HAND_BACK = update(UNIT).where(*_OURS).values(**_FREE, state="waiting", not_before=_NOW, forgiven=UNIT.c.forgiven + 1)
_JOB_STATE = select(JOB.c.state, JOB.c.late_at, _NOW.label("now")).where(JOB.c.id == bindparam("its_job"))

SILENT = (
    select(UNIT)
    .where(UNIT.c.state == RUNNING, UNIT.c.lease_until < _NOW)
    .order_by(UNIT.c.lease_until)
    .limit(bindparam("at_most"))
)
"""Units whose owners fell silent."""


def beat(connection: Connection, claim: Claim, progress: Progress | None) -> Beat:
    """Make the lease longer from now on, and tell what the owner should know."""
    ours = _ours(claim)
    if not connection.execute(_BEAT, {**ours, "lease_us": _microseconds(claim.lease_s)}).rowcount:
        return Beat(is_ours=False)
    if progress is None:
        job = connection.execute(_JOB_STATE, {"its_job": claim.job_id}).one()
    else:
        connection.execute(_REPORT, {**ours, **_reported(progress)})
        job = _locked(connection, claim.job_id)
        told = {"done": progress.done, "total": progress.total, "tokens": progress.tokens, "errors": progress.errors}
        add_event(connection, claim.job_id, "progress", told, unit_id=claim.unit_id)
    return Beat(
        is_ours=True,
        is_cancelled=job.state in {"cancelling", "cancelled"} and not claim.is_cancelled,
        is_late=is_late(job) and not claim.is_last,
    )


def finish(
    connection: Connection,
    claim: Claim,
    result: Json,
    *,
    progress: Progress | None,
    more: tuple[NewUnit, ...],
    verdict: Verdict,
) -> bool:
    """Whether the unit is done by this claim, now or by an earlier call whose answer was lost."""
    ours = _ours(claim)
    if progress is not None:
        connection.execute(_REPORT, {**ours, **_reported(progress)})
    if not connection.execute(_DONE, {**ours, "new_result": to_text(result, "result")}).rowcount:
        return connection.execute(_IS_DONE, ours).first() is not None
    job = _locked(connection, claim.job_id)
    if more and claim.is_last:
        raise InputError("the last unit cannot add others", where="units", hint="those before it can")
    if more:
        extend_job(connection, job, more)
    add_event(connection, job.id, "finished", unit_id=claim.unit_id)
    settle(connection, job, verdict or ("cancelled" if claim.is_cancelled else ""))
    return True


def fail(connection: Connection, claim: Claim, failure: Failure, retry_in_s: float | None) -> bool:
    """Whether the failure counts: the unit waits for its next attempt, or has failed for good."""
    values = {**_ours(claim), "new_error": failure_to_text(failure)}
    # as the row counts them: an attempt may have got further since it was claimed
    will_retry = retry_in_s is not None and not connection.execute(_IS_SPENT, _ours(claim)).scalar()
    if will_retry:
        values["pause_us"] = _microseconds(retry_in_s or 0.0)
    if not connection.execute(_WAIT if will_retry else _FAILED, values).rowcount:
        return False
    job = _locked(connection, claim.job_id)
    told = {"code": failure.code, "message": failure.message, "retry_in_s": retry_in_s if will_retry else None}
    add_event(connection, job.id, "failed", {**told, "attempt": claim.attempt}, unit_id=claim.unit_id)
    settle(connection, job)
    return True


def hand_back(connection: Connection, claim: Claim) -> bool:
    """Whether the unit waits again as if this attempt had not been."""
    if not connection.execute(_HAND_BACK, _ours(claim)).rowcount:
        return False
    job = _locked(connection, claim.job_id)
    add_event(connection, job.id, "handed_back", unit_id=claim.unit_id)
    settle(connection, job)
    return True


def note_runs(connection: Connection, claim: Claim, run_ids: Mapping[str, str]) -> bool:
    """Whether the runs are noted with the job, and with the one that it belongs to, beside those noted before."""
    if not connection.execute(_BEAT, {**_ours(claim), "lease_us": _microseconds(claim.lease_s)}).rowcount:
        return False
    job = _locked(connection, claim.job_id)
    above = lock_job(connection, job.parent) if job.parent else None
    for each in filter(None, (job, above)):
        noted = to_text({**from_text(each.run_ids), **run_ids}, "run_ids")
        connection.execute(update(JOB).where(JOB.c.id == each.id).values(run_ids=noted))
    return True


def take_back(connection: Connection, unit: Record) -> bool | None:
    """Whether a silent unit waits again; False = it has failed; None = its owner, or another sweeper, was faster."""
    is_spent = unit.attempt - unit.forgiven >= unit.max_attempts
    statement = (_FAILED if is_spent else _WAIT).where(UNIT.c.lease_until < _NOW)
    values = {"its_id": unit.id, "its_attempt": unit.attempt, "new_error": failure_to_text(_lost(unit))}
    if not connection.execute(statement, values if is_spent else {**values, "pause_us": 0}).rowcount:
        return None
    job = _locked(connection, unit.job_id)
    told = {"owner": unit.owner, "attempt": unit.attempt, "will_retry": not is_spent}
    add_event(connection, job.id, "lost", told, unit_id=unit.id)
    settle(connection, job)
    return not is_spent


def _lost(unit: Record) -> Failure:
    """Why a silent unit was taken back, with the last error that an attempt before it told of."""
    before = failure_from_text(unit.error)
    told = "" if before is None or before.code == _LOST else f"; an attempt before failed: {before.message}"
    return Failure(
        code=_LOST,
        message=f"{unit.owner or 'the worker'} began it and fell silent (killed, out of memory, or cut off){told}",
        hint="the worker's log, or the kernel's, says why",
    )


def _locked(connection: Connection, job_id: str) -> Record:
    job = lock_job(connection, job_id)
    if job is None:  # its units refer to it, and would have gone with it
        raise LookupError(job_id)
    return job


def _ours(claim: Claim) -> dict[str, object]:
    return {"its_id": claim.unit_id, "its_attempt": claim.attempt}


def _reported(progress: Progress) -> dict[str, object]:
    return {"new_done": progress.done, "new_total": progress.total, "new_tokens": progress.tokens}


def _microseconds(seconds: float) -> int:
    return round(seconds * SECOND_US)

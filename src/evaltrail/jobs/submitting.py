"""A submission as rows: all of them or none, and the same request under the same key once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, func, insert, select

from evaltrail.core.errors import InputError
from evaltrail.core.ids import digest, new_id
from evaltrail.jobs.encoding import to_text
from evaltrail.jobs.order import NewJob, NewUnit, Submitted, check_order, check_units
from evaltrail.jobs.settling import add_event
from evaltrail.store.database import Database
from evaltrail.store.tables import JOB, UNIT, DatabaseNow, Record

_NOW = DatabaseNow()


def submit(database: Database, job: NewJob) -> Submitted:
    """The job, safe in the database; see LeaseQueue.submit."""
    check_order(job)
    job_id = new_id()
    row = _job_row(job, job_id)
    units = unit_rows(job.units, job_id=job_id, queue=job.queue, priority=job.priority, first=0)
    return database.write(lambda connection: _accepted(connection, row, units))


def unit_rows(
    units: Sequence[NewUnit], *, job_id: str, queue: str, priority: int, first: int
) -> tuple[Mapping[str, object], ...]:
    """The rows of new units; the last one is held unless it is the only one.

    Args:
        units: at least one, checked.
        job_id: of their job.
        queue: of their job.
        priority: of their job.
        first: position of the first one in the job.
    """
    return tuple(
        {
            "id": f"{job_id}.{position}",
            "job_id": job_id,
            "position": position,
            "kind": unit.kind,
            "place": to_text(unit.place, "units.place"),
            "state": "held" if unit.is_last and len(units) > 1 else "waiting",
            "is_last": unit.is_last,
            "runs_when_cancelled": unit.runs_when_cancelled,
            "queue": queue,
            "priority": priority,
            "endpoint": unit.endpoint,
            "slots": unit.slots,
            "lane": digest([queue, priority, unit.endpoint]),
            "max_attempts": unit.max_attempts,
            "total": unit.total,
        }
        for position, unit in enumerate(units, first)
    )


def add_units(connection: Connection, rows: Sequence[Mapping[str, object]]) -> None:
    """Put new units into the queue."""
    fresh = {"attempt": 0, "forgiven": 0, "owner": "", "done": 0, "tokens": 0}
    connection.execute(insert(UNIT).values(not_before=_NOW), [{**fresh, **row} for row in rows])


def extend_job(connection: Connection, job: Record, units: tuple[NewUnit, ...]) -> None:
    """Give a locked job further units.

    Raises:
        InputError: a unit could never run.
    """
    check_units(units)
    if any(unit.is_last for unit in units):
        raise InputError("a further unit cannot be the last", where="units", hint="the job is given that one at first")
    first = connection.execute(select(func.max(UNIT.c.position)).where(UNIT.c.job_id == job.id)).scalar_one() + 1
    add_units(connection, unit_rows(units, job_id=job.id, queue=job.queue, priority=job.priority, first=first))


def _job_row(job: NewJob, job_id: str) -> Mapping[str, object]:
    return {
        "id": job_id,
        "kind": job.kind,
        "name": job.name,
        "state": "pending",
        "queue": job.queue,
        "priority": job.priority,
        "parent": job.parent,
        "run_ids": to_text(job.run_ids, "run_ids"),
        "idempotency_key": job.idempotency_key or None,
        "body_digest": job.body_digest or digest(job.spec),
        "spec": to_text(job.spec, "spec"),
    }


def _accepted(connection: Connection, row: Mapping[str, object], units: Sequence[Mapping[str, object]]) -> Submitted:
    job_id = str(row["id"])
    known = _known(connection, job_id, row)
    if known:
        return known
    connection.execute(insert(JOB).values(created_at=_NOW), [row])
    add_units(connection, units)
    add_event(connection, job_id, "submitted", {"units": len(units)})
    return Submitted(job_id=job_id, is_new=True)


def _known(connection: Connection, job_id: str, row: Mapping[str, object]) -> Submitted | None:
    """The job that was accepted before: by this very call, whose answer was lost, or under the same key."""
    if connection.execute(select(JOB.c.id).where(JOB.c.id == job_id)).first():
        return Submitted(job_id=job_id, is_new=True)
    if not row["idempotency_key"]:
        return None
    same = select(JOB.c.id, JOB.c.body_digest).where(JOB.c.idempotency_key == row["idempotency_key"])
    found = connection.execute(same).first()
    if found is None:
        return None
    if found.body_digest != row["body_digest"]:
        raise InputError(
            f"the idempotency key was used for another request, job {found.id}",
            code="idempotency_conflict",
            hint="use a new key for a new request",
            where="idempotency_key",
        )
    return Submitted(job_id=found.id, is_new=False)

"""Which workers are alive: rows that live as long as their signs of life come."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from evaltrail.jobs.account import WorkerAccount
from evaltrail.jobs.encoding import from_text, moment, to_text
from evaltrail.store.tables import SECOND_US, WORKER, DatabaseNow

_NOW = DatabaseNow()
_ALIVE_UNTIL = _NOW + bindparam("lease_us")
_AGAIN = update(WORKER).where(WORKER.c.id == bindparam("its_id")).values(alive_until=_ALIVE_UNTIL)
_FIRST = insert(WORKER).values(started_at=_NOW, alive_until=_ALIVE_UNTIL)
_DEAD = delete(WORKER).where(WORKER.c.alive_until < _NOW)


def note(connection: Connection, worker: WorkerAccount, *, lease_s: float) -> None:
    """Note a sign of life; see LeaseQueue.note_worker. Workers that fell silent are forgotten by the way."""
    lease = {"lease_us": round(lease_s * SECOND_US)}
    if connection.execute(_AGAIN, {"its_id": worker.id, **lease}).rowcount:
        return
    connection.execute(_DEAD)
    row = {
        "id": worker.id,
        "host": worker.host,
        "pid": worker.pid,
        "engine": worker.engine,
        "version": worker.version,
        "queues": to_text(list(worker.queues)),
        "concurrency": worker.concurrency,
    }
    connection.execute(_FIRST, {**row, **lease})


def forget(connection: Connection, worker_id: str) -> None:
    """Note that a worker has ended; see LeaseQueue.forget_worker."""
    connection.execute(delete(WORKER).where(WORKER.c.id == worker_id))


def alive(connection: Connection) -> tuple[WorkerAccount, ...]:
    """The workers that are alive; see LeaseQueue.workers."""
    rows = connection.execute(
        select(WORKER).where(WORKER.c.alive_until >= _NOW).order_by(WORKER.c.started_at, WORKER.c.id)
    )
    return tuple(
        WorkerAccount(
            id=row.id,
            host=row.host,
            pid=row.pid,
            engine=row.engine,
            version=row.version,
            queues=tuple(from_text(row.queues)),
            concurrency=row.concurrency,
            started_at=moment(row.started_at),
        )
        for row in rows
    )

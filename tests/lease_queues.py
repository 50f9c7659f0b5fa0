"""Queues for tests, on sqlite and on PostgreSQL: the same behaviour is asked of both."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import delete, update

from evaltrail.jobs.claim import Claim, Swept
from evaltrail.jobs.failure import Failure
from evaltrail.jobs.lease import LeaseQueue
from evaltrail.jobs.order import NewJob, NewUnit
from evaltrail.store.database import open_database
from evaltrail.store.tables import ENDPOINT_CAP, JOB, UNIT, WORKER

DIALECTS = ("sqlite", "postgresql")
SHORT_S = 0.2
"""A lease that runs out in a moment."""
BROKEN = Failure(code="endpoint", message="it broke")


@contextmanager
def lease_queue(url: str, *, lease_s: float = 30.0, patience_s: float = 10.0) -> Iterator[LeaseQueue]:
    """The queue in the database of that address."""
    database = open_database(url, Path("/nowhere"), "normal", patience_s=patience_s)
    try:
        yield LeaseQueue(database, lease_s=lease_s)
    finally:
        database.close()


def some_job(*units: NewUnit, **more: Any) -> NewJob:
    """A job of these units, or of one."""
    return NewJob(**{"kind": "evaluate", "spec": {"model": "m"}, "units": units or (NewUnit(),), **more})


def units(count: int, **more: Any) -> tuple[NewUnit, ...]:
    """So many units alike."""
    return (NewUnit(**more),) * count


LAST = NewUnit(kind="deliver", is_last=True)
TIDY = NewUnit(kind="deliver", is_last=True, runs_when_cancelled=True)


def claim_all(queue: LeaseQueue, **more: Any) -> list[Claim]:
    """Every unit that can be had just now."""
    found = []
    while claim := queue.claim("me", **more):
        found.append(claim)
    return found


def swept(queue: LeaseQueue) -> Swept:
    """What a sweep finds once every lease has run out."""
    run_out(queue)
    return queue.sweep()


def empty(queue: LeaseQueue) -> None:
    """Forget every job, cap and worker."""
    for table in (JOB, ENDPOINT_CAP, WORKER):
        queue._database.write(lambda connection, table=table: connection.execute(delete(table)))


def run_out(queue: LeaseQueue) -> None:
    """Let so much time pass that every lease is over, without waiting for it."""
    statement = update(UNIT).where(UNIT.c.state == "running").values(lease_until=1)
    queue._database.write(lambda connection: connection.execute(statement))


def states(queue: LeaseQueue, job_id: str) -> tuple[str, list[str]]:
    """The job's state and those of its units."""
    detail = queue.show(job_id)
    return detail.job.state, [unit.state for unit in detail.units]


def kinds(queue: LeaseQueue, job_id: str) -> list[str]:
    """What happened to a job, in order."""
    return [event.kind for event in queue.events(job_id)]


def wait_until(is_true: Callable[[], object], *, within_s: float = 10.0) -> None:
    """Fail unless it comes true in time."""
    ends = time.monotonic() + within_s
    while not is_true():
        assert time.monotonic() < ends, "it never came true"
        time.sleep(0.01)

"""Jobs that are over are forgotten for good: on both databases alike, with units and events."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select, update

from evaltrail.jobs import forgetting
from evaltrail.jobs.failure import Failure
from evaltrail.store.tables import EVENT, JOB, UNIT
from lease_queues import claim_all, some_job, units

DAY_S = 86_400


@pytest.fixture
def database(queue):
    return queue._database


def ended_days_ago(database, job_id, days):
    """Let a job have ended so long ago."""
    statement = update(JOB).where(JOB.c.id == job_id).values(ended_at=JOB.c.ended_at - int(days * DAY_S * 1e6))
    database.write(lambda connection: connection.execute(statement))


def rows(database):
    """How many jobs, units and events there are."""
    counts = [select(func.count()).select_from(table) for table in (JOB, UNIT, EVENT)]
    return database.read(lambda connection: [connection.execute(count).scalar_one() for count in counts])


def test_a_job_goes_with_all_that_belongs_to_it(queue, database):
    """And its key may be used anew."""
    first = queue.submit(some_job(*units(3), idempotency_key="k")).job_id
    for claim in claim_all(queue):
        assert queue.finish(claim)
    other = queue.submit(some_job()).job_id
    ended_days_ago(database, first, 3)
    assert database.write(lambda connection: forgetting.forget(connection, first, 2 * DAY_S))
    assert rows(database) == [1, 1, 1]
    assert queue.submit(some_job(*units(3), idempotency_key="k")).is_new
    assert database.read(lambda connection: forgetting.states_of(connection, [first, other])) == {other: "pending"}


def test_only_what_has_been_over_for_so_long_is_named_and_forgotten(queue, database):
    """The oldest first; nothing that waits or runs, nothing younger."""
    ids = []
    for days in (1, 3, 5):
        ids.append(queue.submit(some_job(name=f"n{days}")).job_id)
        (claim,) = claim_all(queue)
        assert queue.fail(claim, Failure(code="x", message="no"))
        ended_days_ago(database, ids[-1], days)
    running = queue.submit(some_job()).job_id
    assert queue.claim("me") is not None
    found = database.read(lambda connection: forgetting.ended_for(connection, 2 * DAY_S))
    assert [(job.id, job.name, job.state) for job in found] == [(ids[2], "n5", "failed"), (ids[1], "n3", "failed")]
    assert found[0].error == Failure(code="x", message="no")
    for job_id in (ids[0], running, "nobody"):
        assert not database.write(lambda connection, job_id=job_id: forgetting.forget(connection, job_id, 2 * DAY_S))
    assert rows(database)[0] == 4


def test_a_job_that_waits_again_is_not_forgotten(queue, database):
    """Somebody had it tried again since it was looked at."""
    job_id = queue.submit(some_job()).job_id
    (claim,) = claim_all(queue)
    assert queue.fail(claim, Failure(code="x", message="no"))
    ended_days_ago(database, job_id, 3)
    assert queue.retry(job_id) == 1
    assert not database.write(lambda connection: forgetting.forget(connection, job_id, 0))


def test_many_are_asked_for_at_once(queue, database):
    """More than one statement takes."""
    known = queue.submit(some_job()).job_id
    asked = [f"{number:016x}" for number in range(1200)] + [known]
    assert database.read(lambda connection: forgetting.states_of(connection, asked)) == {known: "pending"}

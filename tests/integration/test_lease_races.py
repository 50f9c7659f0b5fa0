"""Two transactions at the same moment, each stopped where it hurts most."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from evaltrail.jobs import claiming
from evaltrail.store.tables import UNIT
from lease_queues import lease_queue, some_job, states, units

MOMENT_S = 0.3


@pytest.fixture
def another():
    """Runs something in another thread."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit


def claim_slowly(queue, then):
    """A claim whose transaction is not committed before something else was begun."""

    def work(connection):
        claim = claiming.claim(connection, "slow", lease_s=30, queues=(), unit_id="")
        asked = then()
        time.sleep(MOMENT_S)
        return claim, asked

    return queue._database.write(work)


def test_the_last_place_of_a_cap_is_given_once(queue, another):
    """Who asks while another takes it waits for the answer, and gets nothing."""
    queue.set_cap("http://a", 1)
    queue.submit(some_job(*units(2, endpoint="http://a")))
    claim, asked = claim_slowly(queue, lambda: another(queue.claim, "fast"))
    assert claim is not None
    assert asked.result(10) is None


def test_a_unit_that_another_is_taking_is_passed_over(queue, another):
    """Whoever comes next gets the next one."""
    queue.submit(some_job(*units(2)))
    claim, asked = claim_slowly(queue, lambda: another(queue.claim, "fast"))
    assert (claim.position, asked.result(10).position) == (0, 1)


def test_a_cancel_does_not_wait_for_a_unit_that_is_being_taken(postgres_database, another):
    """And who is taking it finds out that the job was cancelled; sqlite lets only one of the two in."""
    with lease_queue(postgres_database) as queue:
        job_id = queue.submit(some_job(*units(2), queue="races")).job_id
        first = queue.claim("me", unit_id=f"{job_id}.0")
        is_locked = threading.Event()

        def cancel():
            assert is_locked.wait(10)
            return queue.cancel(job_id)

        cancelled = another(cancel)

        def take_late(connection):
            connection.execute(select(UNIT.c.id).where(UNIT.c.id == f"{job_id}.1").with_for_update())
            is_locked.set()
            assert cancelled.result(5) == "cancelling"
            return claiming.claim(connection, "late", lease_s=30, queues=["races"], unit_id="")

        assert queue._database.write(take_late) is None
        assert states(queue, job_id) == ("cancelling", ["running", "cancelled"])
        assert queue.hand_back(first)
        assert states(queue, job_id) == ("cancelled", ["cancelled", "cancelled"])

"""What a unit that was carried out tells the queue: further units, what cannot be kept, and which attempt it was."""

from __future__ import annotations

import pytest

from evaltrail.jobs.carrying import carry_out
from evaltrail.jobs.hold import Done, Hold
from evaltrail.jobs.order import NewUnit
from lease_queues import BROKEN, LAST, claim_all, some_job, states


def test_a_unit_extends_its_job(queue):
    """What looked at the data says what there is to do; the last unit waits for that."""
    job_id = queue.submit(some_job(NewUnit(kind="plan"), LAST)).job_id
    more = (NewUnit(kind="task", place={"task": 0}), NewUnit(kind="task", place={"task": 1}))
    carry_out(Hold(queue, queue.claim("me")), queue, lambda _: Done(result={"tasks": 2}, more=more))
    assert states(queue, job_id) == ("running", ["done", "held", "waiting", "waiting"])
    assert [claim.place for claim in claim_all(queue)] == [{"task": 0}, {"task": 1}]


@pytest.mark.parametrize("done", [Done(more=(NewUnit(max_attempts=0),)), Done(result={1, 2})])
def test_what_the_queue_cannot_keep_is_the_units_failure(queue, done):
    """It would be the same at the next attempt, and the worker goes on."""
    job_id = queue.submit(some_job(NewUnit(), LAST)).job_id
    carry_out(Hold(queue, queue.claim("me")), queue, lambda _: done)
    assert states(queue, job_id) == ("running", ["failed", "waiting"])
    assert queue.show(job_id).units[0].error.code == "bad_input"


def test_the_event_of_a_failure_tells_the_attempt(queue):
    """And when the next one is."""
    job_id = queue.submit(some_job()).job_id
    for _ in range(3):
        queue.fail(queue.claim("me"), BROKEN, retry_in_s=0)
    told = [event.data for event in queue.events(job_id) if event.kind == "failed"]
    assert [(data["attempt"], data["retry_in_s"]) for data in told] == [(1, 0), (2, 0), (3, None)]

"""Jobs that come after others: held until these have ended, however they did, and begun once."""

from __future__ import annotations

import threading

import pytest

from evaltrail.core.ids import new_id
from evaltrail.jobs.order import NewUnit
from lease_queues import BROKEN, LAST, TIDY, claim_all, kinds, some_job, states, swept, units


@pytest.fixture
def pair(queue):
    """A job and one that comes after it, handed in together."""
    first = new_id()
    answers = queue.submit_all([some_job(id=first), some_job(*units(2), LAST, after=first, kind="callback")])
    return tuple(answer.job_id for answer in answers)


def end(queue, how, job_id):
    """End the one job that is not held."""
    if how == "cancelled":
        queue.cancel(job_id)
        return
    claim = queue.claim("me", unit_id=f"{job_id}.0")
    if how == "done":
        queue.finish(claim)
    elif how == "failed":
        queue.fail(claim, BROKEN)
    elif how == "handed back when cancelled":
        queue.cancel(job_id)
        queue.hand_back(claim)
    else:
        queue.cancel(job_id)
        swept(queue)


@pytest.mark.parametrize("how", ["done", "failed", "cancelled", "handed back when cancelled", "silent when cancelled"])
def test_a_job_waits_until_the_other_has_ended(queue, pair, how):
    """However it did; then its units wait, and its last one for these."""
    first, second = pair
    assert states(queue, second) == ("pending", ["held"] * 3)
    end(queue, how, first)
    assert states(queue, second) == ("pending", ["waiting", "waiting", "held"])
    assert kinds(queue, second) == ["submitted", "released"]
    for claim in claim_all(queue):
        assert claim.job_id == second
        queue.finish(claim)
    assert queue.claim("me").is_last


def test_nothing_is_begun_before(queue, pair):
    """The other runs, fails for a while, and is tried again."""
    first, _ = pair
    for _ in range(2):
        (claim,) = claim_all(queue)
        assert claim.job_id == first
        queue.fail(claim, BROKEN, retry_in_s=0)
    assert queue.claim("me").job_id == first


def test_a_job_after_one_that_has_ended_waits_for_nobody(queue):
    """Its only unit may be a last one."""
    first = queue.submit(some_job()).job_id
    queue.finish(queue.claim("me"))
    queue.submit(some_job(TIDY, after=first))
    assert queue.claim("me").is_last


def test_a_job_of_one_last_unit_is_held_as_well(queue):
    """And released with the other's end."""
    first = queue.submit(some_job()).job_id
    second = queue.submit(some_job(TIDY, after=first)).job_id
    assert states(queue, second) == ("pending", ["held"])
    end(queue, "done", first)
    assert queue.claim("me").job_id == second


def test_several_come_after_one_and_one_after_another(queue):
    """A chain is begun link by link."""
    ids = [new_id() for _ in range(4)]
    befores = ("", ids[0], ids[0], ids[2])
    queue.submit_all([some_job(id=each, after=before) for each, before in zip(ids, befores, strict=True)])
    seen = []
    while claims := claim_all(queue):
        seen.append({claim.job_id for claim in claims})
        for claim in claims:
            queue.finish(claim)
    assert seen == [{ids[0]}, {ids[1], ids[2]}, {ids[3]}]


def test_a_retry_of_the_other_begins_nothing_twice(queue, pair):
    """What was released stays so, and what was done stays done."""
    first, second = pair
    end(queue, "failed", first)
    while claim := queue.claim("me"):
        queue.finish(claim)
    assert states(queue, second)[0] == "completed"
    queue.retry(first)
    end(queue, "done", first)
    assert queue.claim("me") is None
    assert states(queue, second) == ("completed", ["done"] * 3)
    assert [event.kind for event in queue.events(second) if not event.unit_id].count("released") == 1


def test_a_job_that_was_cancelled_while_it_was_held_is_over(queue, pair):
    """The other's end begins nothing of it."""
    first, second = pair
    assert queue.cancel(second) == "cancelled"
    end(queue, "done", first)
    assert queue.claim("me") is None
    assert states(queue, second) == ("cancelled", ["cancelled"] * 3)


def test_a_retry_of_a_held_job_waits_as_before(queue, pair):
    """Until the other has ended; after that a retry waits for nobody."""
    first, second = pair
    queue.cancel(second)
    assert queue.retry(second) == 3
    assert states(queue, second) == ("pending", ["held"] * 3)
    end(queue, "done", first)
    assert states(queue, second) == ("pending", ["waiting", "waiting", "held"])
    queue.cancel(second)
    queue.retry(second)
    assert states(queue, second) == ("pending", ["waiting", "waiting", "held"])


def test_none_is_left_behind_by_an_end_at_the_same_moment(queue):
    """Jobs are handed in after one that is ending, and called off and tried again: in the end all are due."""
    first = queue.submit(some_job()).job_id
    claim = queue.claim("me")
    second = queue.submit(some_job(after=first)).job_id
    ready = threading.Barrier(3)
    late = []

    def hand_in():
        ready.wait()
        late.append(queue.submit(some_job(NewUnit(), after=first)).job_id)

    def change_mind():
        ready.wait()
        queue.cancel(second)
        queue.retry(second)

    threads = [threading.Thread(target=hand_in), threading.Thread(target=change_mind)]
    for thread in threads:
        thread.start()
    ready.wait()
    queue.finish(claim)
    for thread in threads:
        thread.join()
    assert {each.job_id for each in claim_all(queue)} == {second, *late}

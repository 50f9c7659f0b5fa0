"""Who gets which unit, and how jobs come and end: the same on sqlite and PostgreSQL."""

from __future__ import annotations

import threading
import time

import pytest

from evaltrail.core.errors import InputError
from evaltrail.core.progress import Progress
from evaltrail.jobs.order import NewUnit
from lease_queues import BROKEN, LAST, claim_all, kinds, lease_queue, run_out, some_job, states, units


def test_a_job_goes_from_submitted_to_completed(queue):
    """Its times, states and events are those of its units."""
    job_id = queue.submit(some_job(name="n", run_ids={"": "r1"}, parent="p")).job_id
    assert states(queue, job_id) == ("pending", ["waiting"])
    claim = queue.claim("worker 1")
    assert (claim.job_id, claim.unit_id, claim.attempt, claim.owner) == (job_id, f"{job_id}.0", 1, "worker 1")
    assert (claim.spec, claim.run_ids, claim.job_kind, claim.attempts_left) == (
        {"model": "m"},
        {"": "r1"},
        "evaluate",
        2,
    )
    assert states(queue, job_id) == ("running", ["running"])
    assert queue.finish(claim, {"rows": 3}, progress=Progress(task="t", done=3, total=3, tokens=7))
    detail = queue.show(job_id)
    assert (detail.job.state, detail.job.done, detail.job.total, detail.job.tokens) == ("completed", 3, 3, 7)
    assert detail.job.created_at <= detail.job.started_at <= detail.job.ended_at
    assert detail.units[0].result == {"rows": 3}
    assert detail.units[0].owner == ""
    assert kinds(queue, job_id) == ["submitted", "started", "claimed", "finished", "ended"]
    assert queue.claim("me") is None


def test_a_unit_is_in_one_pair_of_hands(queue):
    """Whoever asks next gets another one, or none."""
    queue.submit(some_job(*units(3)))
    claims = claim_all(queue)
    assert [claim.position for claim in claims] == [0, 1, 2]
    assert queue.claim("other", unit_id=claims[0].unit_id) is None


def test_a_named_unit_is_claimed_by_its_id(queue):
    """As a hint asks for it."""
    job_id = queue.submit(some_job(*units(3))).job_id
    assert queue.claim("me", unit_id=f"{job_id}.1").position == 1
    assert queue.claim("me", unit_id="unknown") is None
    assert [claim.position for claim in claim_all(queue)] == [0, 2]


def test_higher_priority_goes_first_then_who_came_first(queue):
    """Whatever the endpoint."""
    for name, priority in (("b", 0), ("c", 0), ("a", 5), ("d", -3)):
        queue.submit(some_job(NewUnit(endpoint=f"http://{name}"), name=name, priority=priority))
        time.sleep(0.003)
    assert [claim.name for claim in claim_all(queue)] == ["a", "b", "c", "d"]


def test_workers_take_from_their_queues_only(queue):
    """Without a word about queues they take from all."""
    for name in ("small", "large", "small"):
        queue.submit(some_job(queue=name, name=name))
    assert [claim.name for claim in claim_all(queue, queues=["large", "huge"])] == ["large"]
    assert [claim.name for claim in claim_all(queue)] == ["small", "small"]


def test_the_last_unit_runs_when_all_others_have_ended(queue):
    """However they ended; nobody gets it before."""
    job_id = queue.submit(some_job(LAST, *units(2))).job_id
    first, second = claim_all(queue)
    assert queue.finish(first)
    assert queue.claim("me") is None
    assert queue.fail(second, BROKEN)
    last = queue.claim("me")
    assert (last.kind, last.is_last) == ("deliver", True)
    assert states(queue, job_id) == ("running", ["running", "done", "failed"])
    assert queue.finish(last)
    detail = queue.show(job_id)
    assert (detail.job.state, detail.job.error) == ("partially_failed", BROKEN)
    assert "released" in kinds(queue, job_id)


def test_the_last_unit_may_say_worse_than_the_units_tell(queue):
    """Every unit was done, and yet half of the samples failed."""
    job_id = queue.submit(some_job(NewUnit(), LAST)).job_id
    queue.finish(queue.claim("me"))
    queue.finish(queue.claim("me"), verdict="partially_failed")
    assert states(queue, job_id)[0] == "partially_failed"


def test_a_job_can_turn_out_to_need_more_units(queue):
    """A unit that looked at the data cuts the rest; the last one waits for those too."""
    job_id = queue.submit(some_job(NewUnit(kind="cut"), LAST, priority=3)).job_id
    cut = queue.claim("me")
    with pytest.raises(InputError, match="last"):
        queue.finish(cut, more=[LAST])
    assert queue.finish(cut, more=units(2, kind="range", total=50))
    assert states(queue, job_id) == ("running", ["done", "held", "waiting", "waiting"])
    for claim in claim_all(queue):
        assert claim.kind == "range"
        queue.finish(claim)
    last = queue.claim("me")
    assert last.is_last
    with pytest.raises(InputError, match="last unit"):
        queue.finish(last, more=units(1))
    assert queue.finish(last)
    assert states(queue, job_id)[0] == "completed"


def test_the_same_key_and_body_is_the_same_job(queue):
    """Another body is a conflict; without a key every submission is a new one."""
    first = queue.submit(some_job(idempotency_key="k"))
    again = queue.submit(some_job(idempotency_key="k"))
    assert (first.is_new, again.is_new, again.job_id) == (True, False, first.job_id)
    with pytest.raises(InputError, match=first.job_id) as caught:
        queue.submit(some_job(idempotency_key="k", spec={"model": "other"}))
    assert caught.value.code == "idempotency_conflict"
    assert queue.submit(some_job()).job_id != queue.submit(some_job()).job_id
    assert queue.list().total == 3


def test_the_same_key_at_the_same_time_is_one_job(queue):
    """Eight threads, one job."""
    found = []
    ready = threading.Barrier(8)

    def hand_in():
        ready.wait()
        found.append(queue.submit(some_job(idempotency_key="k")))

    threads = [threading.Thread(target=hand_in) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({submitted.job_id for submitted in found}) == 1
    assert sum(submitted.is_new for submitted in found) == 1
    assert queue.list().total == 1


def test_a_cap_holds_over_all_workers(queue):
    """Units of other endpoints go on; the next one of the capped comes when one has ended."""
    queue.set_cap("http://a", 2)
    queue.submit(some_job(*units(4, endpoint="http://a"), *units(2, endpoint="http://b")))
    claims = claim_all(queue)
    asked = [claim.endpoint for claim in claims]
    assert (asked.count("http://a"), asked.count("http://b")) == (2, 2)
    waiting = queue.due()[0].id
    assert queue.claim("me", unit_id=waiting) is None
    queue.finish(next(claim for claim in claims if claim.endpoint == "http://a"))
    assert [claim.endpoint for claim in claim_all(queue)] == ["http://a"]
    assert queue.caps() == {"http://a": 2}
    queue.set_cap("http://a", None)
    assert len(claim_all(queue)) == 1


def test_a_cap_counts_requests_not_units(queue):
    """A unit waits until all its requests have room; one that wants more than the cap makes do with the cap."""
    queue.set_cap("http://a", 8)
    queue.submit(some_job(*units(3, endpoint="http://a", slots=4), NewUnit(endpoint="http://a", slots=100)))
    first, second = claim_all(queue)
    assert (first.slots, second.slots) == (4, 4)
    queue.finish(first)
    (third,) = claim_all(queue)
    queue.finish(second)
    assert claim_all(queue) == []
    queue.finish(third)
    (greedy,) = claim_all(queue)
    assert greedy.slots == 8
    queue.set_cap("http://a", None)
    queue.hand_back(greedy)
    assert queue.claim("me").slots == 100


def test_a_cap_of_nothing_pauses_an_endpoint(queue):
    """Until it is raised; less than nothing is refused."""
    queue.set_cap("http://a", 0)
    queue.submit(some_job(NewUnit(endpoint="http://a")))
    assert queue.claim("me") is None
    queue.set_cap("http://a", 1)
    assert queue.claim("me")
    with pytest.raises(InputError):
        queue.set_cap("http://a", -1)


def test_a_silent_worker_keeps_no_place_of_a_cap(queue):
    """Whoever is dead asks nobody."""
    queue.set_cap("http://a", 1)
    queue.submit(some_job(*units(2, endpoint="http://a")))
    assert len(claim_all(queue)) == 1
    run_out(queue)
    assert queue.claim("other").position == 1


@pytest.mark.parametrize("lease_s", [0, -1, 86_401])
def test_a_lease_of_no_use_is_refused(queue_url, lease_s):
    """Before anything is lent."""
    with pytest.raises(InputError, match="lease"), lease_queue(queue_url, lease_s=lease_s):
        pass

"""Jobs that a person calls off, or has done again."""

from __future__ import annotations

import pytest

from evaltrail.core.errors import InputError
from evaltrail.core.progress import Progress
from evaltrail.jobs.order import NewUnit
from lease_queues import BROKEN, LAST, TIDY, claim_all, some_job, states, swept, units


def test_a_job_that_nobody_has_begun_is_cancelled_at_once(queue):
    """With all its units."""
    job_id = queue.submit(some_job(*units(2), TIDY)).job_id
    assert queue.cancel(job_id) == "cancelled"
    assert states(queue, job_id) == ("cancelled", ["cancelled"] * 3)
    assert queue.claim("me") is None
    assert queue.show(job_id).job.ended_at is not None
    assert queue.show(job_id).job.started_at is None


def test_a_running_job_is_cancelled_when_its_workers_let_go(queue):
    """A sign of life tells them; what waits is cancelled at once."""
    job_id = queue.submit(some_job(*units(2), LAST)).job_id
    claim = queue.claim("me")
    assert not queue.beat(claim).is_cancelled
    assert queue.cancel(job_id) == "cancelling"
    assert states(queue, job_id) == ("cancelling", ["running", "cancelled", "cancelled"])
    assert queue.beat(claim).is_cancelled
    assert queue.beat(claim, Progress(task="t", done=1, total=2)).is_cancelled
    assert queue.hand_back(claim)
    assert states(queue, job_id) == ("cancelled", ["cancelled"] * 3)
    assert queue.cancel(job_id) == "cancelled"


@pytest.mark.parametrize("end", ["fail", "silent"])
def test_a_cancelled_job_tries_nothing_again(queue, end):
    """A unit that fails or falls silent is not begun anew."""
    job_id = queue.submit(some_job()).job_id
    claim = queue.claim("me")
    queue.cancel(job_id)
    if end == "fail":
        assert queue.fail(claim, BROKEN, retry_in_s=0)
    else:
        swept(queue)
    assert queue.claim("me") is None
    assert states(queue, job_id) == ("cancelled", ["cancelled"])


def test_a_cancelled_job_puts_in_order_what_it_had_begun(queue):
    """A last unit that wants to runs when the others have let go, and is told why."""
    job_id = queue.submit(some_job(*units(2), TIDY)).job_id
    claim = queue.claim("me")
    queue.cancel(job_id)
    assert queue.claim("me") is None
    queue.hand_back(claim)
    assert states(queue, job_id)[0] == "cancelling"
    last = queue.claim("me")
    assert (last.is_last, last.is_cancelled) == (True, True)
    assert not queue.beat(last).is_cancelled
    assert queue.finish(last, verdict="completed")
    assert states(queue, job_id) == ("cancelled", ["cancelled", "cancelled", "done"])


def test_a_last_unit_that_is_cancelled_in_mid_work_runs_once_more_to_put_in_order(queue):
    """It stops, and what it then does says that the job was cancelled, though every unit was done."""
    job_id = queue.submit(some_job(NewUnit(), TIDY)).job_id
    queue.finish(queue.claim("me"))
    last = queue.claim("me")
    assert not last.is_cancelled
    queue.cancel(job_id)
    assert queue.beat(last).is_cancelled
    queue.hand_back(last)
    again = queue.claim("me")
    assert again.is_cancelled
    assert queue.finish(again)
    assert states(queue, job_id) == ("cancelled", ["done", "done"])


def test_a_job_that_was_done_before_the_cancel_was_seen_is_completed(queue):
    """Nothing was kept from being done."""
    job_id = queue.submit(some_job()).job_id
    claim = queue.claim("me")
    queue.cancel(job_id)
    assert queue.finish(claim)
    assert states(queue, job_id)[0] == "completed"
    assert queue.cancel(job_id) == "completed"


def test_a_retry_has_done_again_what_failed_and_the_last_unit(queue):
    """With all its attempts; what was done stays done, and old claims stay refused."""
    job_id = queue.submit(some_job(*units(2, max_attempts=1), LAST)).job_id
    good, bad = claim_all(queue)
    queue.finish(good, "kept")
    queue.fail(bad, BROKEN, retry_in_s=0)
    queue.finish(queue.claim("me"))
    assert states(queue, job_id)[0] == "partially_failed"
    started_at = queue.show(job_id).job.started_at
    assert queue.retry(job_id) == 2
    assert states(queue, job_id) == ("pending", ["done", "waiting", "held"])
    assert queue.show(job_id).job.ended_at is None
    again = queue.claim("me")
    assert (again.position, again.attempt, again.attempts_left) == (1, 2, 0)
    assert not queue.finish(bad)
    queue.finish(again)
    queue.finish(queue.claim("me"))
    detail = queue.show(job_id)
    assert (detail.job.state, detail.job.error, detail.job.started_at) == ("completed", None, started_at)
    assert detail.units[0].result == "kept"
    with pytest.raises(InputError, match="all of"):
        queue.retry(job_id)


def test_a_delivery_that_failed_is_tried_again_alone(queue):
    """The others are done."""
    job_id = queue.submit(some_job(NewUnit(), LAST)).job_id
    queue.finish(queue.claim("me"))
    queue.fail(queue.claim("me"), BROKEN)
    assert states(queue, job_id)[0] == "failed"
    assert queue.retry(job_id) == 1
    assert queue.finish(queue.claim("me"))
    assert states(queue, job_id) == ("completed", ["done", "done"])


def test_a_job_that_was_cancelled_too_late_is_tried_again_by_its_last_unit(queue):
    """All units were done, but the last one put things in order instead of delivering."""
    job_id = queue.submit(some_job(NewUnit(), TIDY)).job_id
    claim = queue.claim("me")
    queue.cancel(job_id)
    queue.finish(claim)
    queue.finish(queue.claim("me"))
    assert states(queue, job_id) == ("cancelled", ["done", "done"])
    assert queue.retry(job_id) == 1
    last = queue.claim("me")
    assert not last.is_cancelled
    queue.finish(last)
    assert states(queue, job_id) == ("completed", ["done", "done"])


def test_a_job_whose_only_unit_was_done_with_a_bad_verdict_is_not_tried_again(queue):
    """There is nothing to do anew, and it does not wait for ever."""
    job_id = queue.submit(some_job()).job_id
    queue.finish(queue.claim("me"), verdict="failed")
    with pytest.raises(InputError, match="all of"):
        queue.retry(job_id)
    assert states(queue, job_id) == ("failed", ["done"])


def test_only_an_ended_job_is_tried_again(queue):
    """And only one that there is."""
    job_id = queue.submit(some_job()).job_id
    with pytest.raises(InputError, match="pending"):
        queue.retry(job_id)
    for act in (queue.retry, queue.cancel, queue.show):
        with pytest.raises(InputError, match="no job"):
            act("feedfacefeedface")

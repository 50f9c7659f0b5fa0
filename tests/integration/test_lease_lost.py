"""Whose word counts: leases that run out, attempts that fail, units that are handed back."""

from __future__ import annotations

import time
from functools import partial

import pytest
from sqlalchemy import update

from evaltrail.core.errors import StorageError
from evaltrail.core.progress import Progress
from evaltrail.jobs import returning
from evaltrail.jobs.order import NewUnit
from evaltrail.store.tables import JOB
from lease_queues import BROKEN, LAST, SHORT_S, claim_all, kinds, run_out, some_job, states, swept, units, wait_until


def test_a_failed_attempt_is_tried_again_later(queue):
    """Not before its pause is over; its error is kept meanwhile."""
    soon, late = (queue.submit(some_job()).job_id for _ in range(2))
    for claim in claim_all(queue):
        assert queue.fail(claim, BROKEN, retry_in_s=0.05 if claim.job_id == soon else 600)
    wait_until(lambda: queue.claim("me"))
    assert queue.claim("me") is None
    assert queue.claim("me", unit_id=f"{late}.0") is None
    begun, waiting = (queue.show(job_id).units[0] for job_id in (soon, late))
    assert (begun.attempt, begun.state, begun.attempts_left) == (2, "running", 1)
    assert (waiting.attempt, waiting.state, waiting.attempts_left, waiting.error) == (1, "waiting", 2, BROKEN)


def test_the_last_attempt_fails_for_good(queue):
    """However soon it wants to be tried again."""
    job_id = queue.submit(some_job(NewUnit(max_attempts=2))).job_id
    assert queue.fail(queue.claim("me"), BROKEN, retry_in_s=0)
    assert queue.fail(queue.claim("me"), BROKEN, retry_in_s=0)
    detail = queue.show(job_id)
    assert (detail.job.state, detail.units[0].state, detail.job.error) == ("failed", "failed", BROKEN)


def test_an_attempt_that_got_further_is_not_the_last(queue):
    """Whether its end was told or its lease ran out: attempts count in a row without progress."""
    for is_told in (True, False):
        queue.submit(some_job(NewUnit(max_attempts=2)))
        for done in (0, 1, 2):
            claim = queue.claim("me")
            assert queue.beat(claim, Progress(task="t", done=done, total=9)).is_ours
            assert queue.fail(claim, BROKEN, retry_in_s=0) if is_told else swept(queue).freed == (claim.unit_id,)
        assert queue.fail(queue.claim("me"), BROKEN, retry_in_s=0)
        assert queue.claim("me") is None


def test_a_lease_is_over_after_its_time_and_not_before(short_queue):
    """By the database's clock."""
    short_queue.submit(some_job())
    began = time.monotonic()
    assert short_queue.claim("me")
    wait_until(lambda: short_queue.sweep().freed)
    assert time.monotonic() - began >= SHORT_S


def test_a_unit_whose_worker_fell_silent_waits_again(queue):
    """And is begun anew by the next."""
    job_id = queue.submit(some_job()).job_id
    lost = queue.claim("worker 7")
    assert queue.sweep().freed == ()
    assert swept(queue).freed == (lost.unit_id,)
    assert swept(queue).freed == ()
    unit = queue.show(job_id).units[0]
    assert (unit.state, unit.owner, unit.lease_until) == ("waiting", "", None)
    again = queue.claim("other")
    assert again.attempt == 2
    assert kinds(queue, job_id)[-2:] == ["lost", "claimed"]


def test_a_late_word_of_a_lost_claim_is_refused(queue):
    """Whatever it says: another has the unit, or may have it."""
    job_id = queue.submit(some_job()).job_id
    lost = queue.claim("stopped")
    swept(queue)

    def nothing_counts():
        return not (
            queue.beat(lost, Progress(task="t", done=9, total=9)).is_ours
            or queue.finish(lost, {"stale": True})
            or queue.fail(lost, BROKEN)
            or queue.hand_back(lost)
            or queue.note_runs(lost, {"": "stale"})
        )

    assert nothing_counts()
    ours = queue.claim("other")
    assert nothing_counts()
    assert queue.finish(ours, {"fresh": True})
    assert nothing_counts()
    detail = queue.show(job_id)
    assert (detail.job.state, detail.units[0].result, detail.job.run_ids) == ("completed", {"fresh": True}, {})
    assert detail.job.done == 0


def test_a_lease_that_ran_out_unnoticed_is_still_ours(queue):
    """Nobody took the unit back: a sign of life, or the end, still counts."""
    queue.submit(some_job(*units(2)))
    first, second = claim_all(queue)
    run_out(queue)
    assert queue.beat(first).is_ours
    assert queue.finish(second)
    assert queue.sweep().freed == ()


def test_a_sweeper_that_was_too_slow_takes_nothing(queue):
    """Between its look and its hand the owner gave a sign of life, or another sweeper was there."""
    queue.submit(some_job(*units(2)))
    alive, silent = claim_all(queue)
    run_out(queue)
    database = queue._database
    seen = database.read(lambda connection: connection.execute(returning.SILENT, {"at_most": 9}).all())
    assert len(seen) == 2
    assert queue.beat(alive).is_ours
    assert queue.sweep().freed == (silent.unit_id,)
    for unit in seen:
        assert database.write(partial(returning.take_back, unit=unit)) is None
    assert queue.finish(alive)


def test_signs_of_life_keep_the_lease(queue):
    """For as long as they come."""
    queue.submit(some_job())
    claim = queue.claim("me")
    for _ in range(3):
        run_out(queue)
        assert queue.beat(claim).is_ours
        assert queue.sweep().freed == ()


def test_work_that_kills_its_workers_is_given_up(queue):
    """After its attempts, with the last error that was told, and the job goes on without it."""
    job_id = queue.submit(some_job(NewUnit(max_attempts=3), LAST)).job_id
    queue.fail(queue.claim("w1"), BROKEN, retry_in_s=0)
    queue.claim("w2")
    assert len(swept(queue).freed) == 1
    queue.claim("w3")
    assert swept(queue).failed == (f"{job_id}.0",)
    unit = queue.show(job_id).units[0]
    assert (unit.state, unit.error.code) == ("failed", "worker_lost")
    assert "w3" in unit.error.message
    assert queue.finish(queue.claim("w4"))
    assert states(queue, job_id) == ("failed", ["failed", "done"])


def test_the_error_of_an_attempt_is_not_lost_with_the_next_worker(queue):
    """Both are told."""
    job_id = queue.submit(some_job(NewUnit(max_attempts=2))).job_id
    queue.fail(queue.claim("w1"), BROKEN, retry_in_s=0)
    queue.claim("w2")
    swept(queue)
    message = queue.show(job_id).job.error.message
    assert BROKEN.message in message
    assert "w2" in message


def test_a_unit_that_is_handed_back_was_not_begun(queue):
    """A graceful stop costs no attempt, and yet the old claim's word counts no more."""
    queue.submit(some_job(NewUnit(max_attempts=1)))
    for _ in range(5):
        claim = queue.claim("me")
        assert claim.attempts_left == 0
        assert queue.hand_back(claim)
        assert not queue.finish(claim)
    assert queue.finish(queue.claim("me"))


def test_an_end_that_is_told_twice_counts_once(queue):
    """The answer to the first was lost on the way."""
    job_id = queue.submit(some_job(NewUnit(), LAST)).job_id
    claim = queue.claim("me")
    assert queue.finish(claim, 1)
    assert queue.finish(claim, 2)
    assert queue.show(job_id).units[0].result == 1
    assert kinds(queue, job_id).count("finished") == 1


def test_a_job_that_nobody_can_read_fails_and_others_are_done(queue):
    """Its row was written by hand, or by a disk that is going bad; the next claim goes on past it."""
    broken = queue.submit(some_job(NewUnit(), NewUnit())).job_id
    whole = queue.submit(some_job()).job_id
    statement = update(JOB).where(JOB.c.id == broken).values(spec="{not json")
    queue._database.write(lambda connection: connection.execute(statement))
    assert queue.claim("me").job_id == whole
    page = queue.list()
    assert {job.id: job.state for job in page.jobs}[broken] == "failed"
    assert {job.id: job.error and job.error.code for job in page.jobs}[broken] == "database_broken"
    with pytest.raises(StorageError, match="no JSON"):
        queue.show(broken)

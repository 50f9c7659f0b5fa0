"""Jobs that may take so long and no longer: what is not done then has failed, and the last unit delivers the rest."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from sqlalchemy import select, update

from evaltrail.core.progress import Progress
from evaltrail.jobs.carrying import carry_out
from evaltrail.jobs.heartbeat import Heartbeat
from evaltrail.jobs.hold import Hold, LetGoError
from evaltrail.jobs.lateness import timed_out
from evaltrail.jobs.order import NewUnit
from evaltrail.jobs.sweeping import sweep
from evaltrail.store.tables import JOB
from lease_queues import BROKEN, LAST, TIDY, lease_queue, run_out, some_job, states, units, wait_until

HOUR_S = 3600.0
TOO_LATE = timed_out("j", HOUR_S)


def let_time_pass(queue, job_id):
    """Let the job's time be over, without waiting for it."""
    statement = update(JOB).where(JOB.c.id == job_id, JOB.c.late_at.is_not(None)).values(late_at=1)
    queue._database.write(lambda connection: connection.execute(statement))


def ends_at(queue, job_id):
    """When the job's time is over, as its row has it."""
    statement = select(JOB.c.late_at).where(JOB.c.id == job_id)
    return queue._database.read(lambda connection: connection.execute(statement).scalar_one())


def begun(queue, *its_units, **more):
    """A job that may take an hour, and the claim of its first unit."""
    job_id = queue.submit(some_job(*its_units, timeout_s=HOUR_S, **more)).job_id
    return job_id, queue.claim("me")


def codes(queue, job_id):
    """Why each unit failed."""
    return [unit.error.code if unit.error else "" for unit in queue.show(job_id).units]


def until_stopped(hold):
    """A handler that works until it is told to stop."""
    wait_until(lambda: hold.reason)
    raise LetGoError(hold.reason)


def test_what_waits_of_a_late_job_fails_and_the_last_unit_runs(queue):
    """A sweeper sees to it, whatever a unit's next attempt waits for; who works at one is told, and stops."""
    job_id, first = begun(queue, *units(4), LAST)
    second, third = queue.claim("me"), queue.claim("me")
    queue.finish(first)
    queue.fail(third, BROKEN, retry_in_s=600)
    assert queue.sweep().late == ()
    assert not queue.beat(second).is_late
    let_time_pass(queue, job_id)
    assert queue.sweep().late == (job_id,)
    assert queue.sweep().late == ()
    assert states(queue, job_id) == ("running", ["done", "running", "failed", "failed", "held"])
    assert queue.beat(second).is_late
    assert queue.beat(second, Progress(task="t", done=1, total=2)).is_late
    queue.fail(second, TOO_LATE)
    last = queue.claim("me")
    assert (last.is_last, last.late_at) == (True, None)
    assert not queue.beat(last).is_late
    queue.finish(last)
    detail = queue.show(job_id)
    assert (detail.job.state, detail.job.error.code) == ("partially_failed", "timed_out")
    assert codes(queue, job_id) == ["", "timed_out", "timed_out", "timed_out", ""]
    assert "60 minutes" in detail.units[2].error.message
    assert [event.data for event in queue.events(job_id) if event.kind == "timed_out"] == [{"units": 2}]


def test_no_unit_of_a_late_job_is_begun(queue):
    """Though no sweeper has seen it yet."""
    job_id, first = begun(queue, *units(3), LAST)
    let_time_pass(queue, job_id)
    assert queue.claim("me", unit_id=f"{job_id}.1") is None
    assert queue.claim("me") is None
    assert states(queue, job_id) == ("running", ["running", "failed", "failed", "held"])
    queue.fail(first, TOO_LATE)
    assert queue.claim("me").is_last


def test_units_that_a_late_job_turns_out_to_need_have_failed(queue):
    """At once, and what is there is delivered."""
    job_id, plan = begun(queue, NewUnit(kind="plan"), LAST)
    let_time_pass(queue, job_id)
    queue.finish(plan, more=units(2))
    assert states(queue, job_id) == ("running", ["done", "waiting", "failed", "failed"])


def test_a_silent_unit_of_a_late_job_has_failed(queue):
    """Nobody begins it again."""
    job_id, _ = begun(queue, NewUnit(), LAST)
    let_time_pass(queue, job_id)
    run_out(queue)
    queue.sweep()
    assert states(queue, job_id) == ("running", ["failed", "waiting"])
    assert codes(queue, job_id)[0] == "timed_out"


def test_time_counts_from_the_first_units_begin(queue):
    """For all units alike, not from the submission; a job without a time-out has none."""
    job_id = queue.submit(some_job(*units(2), timeout_s=HOUR_S)).job_id
    assert ends_at(queue, job_id) is None
    before = time.monotonic()
    first = queue.claim("me")
    ends = ends_at(queue, job_id)
    second = queue.claim("me")
    after = time.monotonic()
    assert ends_at(queue, job_id) == ends
    assert before + HOUR_S - 1.0 < first.late_at < after + HOUR_S + 1.0
    assert second.late_at == pytest.approx(first.late_at, abs=1.0)
    assert (first.timeout_s, second.timeout_s) == (HOUR_S, HOUR_S)
    queue.submit(some_job())
    assert (claim := queue.claim("me")).late_at is None
    assert claim.timeout_s is None


def test_a_retry_has_its_time_again(queue):
    """From its own first unit's begin; the job's begin stays what it was."""
    job_id, first = begun(queue, *units(2), LAST)
    let_time_pass(queue, job_id)
    queue.fail(first, TOO_LATE)
    queue.finish(queue.claim("me"))
    started_at = queue.show(job_id).job.started_at
    assert queue.retry(job_id) == 3
    assert queue.sweep().late == ()
    again = queue.claim("me")
    assert again.late_at > time.monotonic() + HOUR_S - 1
    assert not queue.beat(again).is_late
    queue.finish(again)
    queue.finish(queue.claim("me"))
    queue.finish(queue.claim("me"))
    assert states(queue, job_id)[0] == "completed"
    assert queue.show(job_id).job.started_at == started_at


def test_a_cancelled_job_is_cancelled_though_it_is_late(queue):
    """Its units are handed back, not failed."""
    job_id, first = begun(queue, *units(2), TIDY)
    let_time_pass(queue, job_id)
    queue.cancel(job_id)
    assert queue.sweep().late == ()
    beat = queue.beat(first)
    assert (beat.is_cancelled, beat.is_late) == (True, False)
    queue.hand_back(first)
    queue.finish(queue.claim("me"))
    assert states(queue, job_id) == ("cancelled", ["cancelled", "cancelled", "done"])


def test_an_ended_job_is_not_late(queue):
    """Nor is one whose last unit takes long."""
    job_id, first = begun(queue, NewUnit(), LAST)
    queue.finish(first)
    let_time_pass(queue, job_id)
    assert queue.sweep().late == ()
    queue.finish(queue.claim("me"))
    assert queue.sweep().late == ()
    assert states(queue, job_id)[0] == "completed"


def test_people_are_told_of_late_jobs(queue):
    """By the sweeper, in one sentence."""
    job_id, _ = begun(queue, *units(2), LAST)
    let_time_pass(queue, job_id)
    told = []
    sweep(queue, told.append)
    assert told == [f"job {job_id} ran out of time: what waited of it has failed"]


def test_work_stops_when_the_time_is_over(queue):
    """Not a third of a lease later: a unit fails for good, and the last one is due."""
    job_id = queue.submit(some_job(NewUnit(max_attempts=9), LAST, timeout_s=0.3)).job_id
    began = time.monotonic()
    told = []
    carry_out(Hold(queue, queue.claim("me")), queue, until_stopped, notice=told.append)
    assert 0.25 < time.monotonic() - began < 1.3
    assert told == [f"unit {job_id}.0 was let go: late"]
    assert states(queue, job_id) == ("running", ["failed", "waiting"])
    assert codes(queue, job_id) == ["timed_out", ""]


def test_a_sign_of_life_tells_it_too(queue_url):
    """Where this process's clock does not: a machine may have slept."""
    with lease_queue(queue_url, lease_s=0.3) as queue:
        job_id, claim = begun(queue)
        let_time_pass(queue, job_id)
        reasons = []
        with Heartbeat(queue, replace(claim, late_at=None), stop=reasons.append) as heartbeat:
            wait_until(lambda: reasons)
    assert (reasons, heartbeat.reason) == (["late"], "late")

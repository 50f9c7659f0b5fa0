"""The laws of the queue, against any order of events: no unit is lost, none is in two hands, an end is an end."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import bindparam, select, update

from evaltrail.core.errors import InputError
from evaltrail.jobs.order import NewUnit
from evaltrail.jobs.states import ENDED
from evaltrail.store.tables import JOB, UNIT
from lease_queues import BROKEN, empty, some_job

ANY = st.integers(min_value=0, max_value=1_000_000)
LASTS = st.sampled_from([None, NewUnit(is_last=True), NewUnit(is_last=True, runs_when_cancelled=True)])
_LATE_AT = select(JOB.c.late_at).where(JOB.c.id == bindparam("its"))
OPEN = {"held", "waiting", "running"}


class Laws(RuleBasedStateMachine):
    """Workers, sweepers and people at one queue, in any order."""

    def __init__(self, queue):
        super().__init__()
        self.queue = queue
        self.held = {}
        """Unit to the claim that has it."""
        self.lost = []
        """Claims whose units were taken back or given up."""
        self.sizes = {}
        self.ends = {}
        self.after = {}
        """Job to the one that it comes after."""
        self.over = set()
        """Jobs that have ended, if only once."""
        empty(queue)

    def a_claim(self, number):
        return list(self.held.values())[number % len(self.held)]

    def let_go(self, claim):
        del self.held[claim.unit_id]
        self.lost.append(claim)

    @rule(
        count=st.integers(1, 3),
        last=LASTS,
        priority=st.integers(-1, 1),
        attempts=st.integers(1, 2),
        timeout_s=st.sampled_from([None, 3600.0]),
        before=st.none() | ANY,
    )
    def submit(self, count, last, priority, attempts, timeout_s, before):
        units = (NewUnit(max_attempts=attempts, endpoint=f"http://{priority}"),) * count
        after = "" if before is None or not self.sizes else list(self.sizes)[before % len(self.sizes)]
        job = some_job(*units, *([last] if last else []), priority=priority, timeout_s=timeout_s, after=after)
        job_id = self.queue.submit(job).job_id
        self.sizes[job_id] = len(job.units)
        self.after[job_id] = after

    @rule()
    def claim(self):
        is_due = bool(self.queue.due())
        claim = self.queue.claim("worker")
        if claim is None:
            # what was due, if anything, belonged to cancelled jobs and was cancelled on the way
            assert not is_due or not self.queue.due()
            return
        assert claim.unit_id not in self.held, "a unit in two hands"
        assert all(claim.attempt > old.attempt for old in self.lost if old.unit_id == claim.unit_id), "a token twice"
        before = self.after[claim.job_id]
        assert not before or before in self.over or self.queue.show(before).job.state in ENDED, "begun too early"
        self.held[claim.unit_id] = claim

    @precondition(lambda self: self.held)
    @rule(number=ANY)
    def finish(self, number):
        claim = self.a_claim(number)
        assert self.queue.finish(claim, number)
        assert self.queue.finish(claim, number + 1), "the same end told again"
        del self.held[claim.unit_id]

    @precondition(lambda self: self.held)
    @rule(number=ANY, retry_in_s=st.sampled_from([None, 0.0, 0.0]))
    def fail(self, number, retry_in_s):
        claim = self.a_claim(number)
        assert self.queue.fail(claim, BROKEN, retry_in_s)
        self.let_go(claim)

    @precondition(lambda self: self.held)
    @rule(number=ANY)
    def hand_back(self, number):
        claim = self.a_claim(number)
        assert self.queue.hand_back(claim)
        self.let_go(claim)

    @precondition(lambda self: self.held)
    @rule(number=ANY)
    def beat(self, number):
        claim = self.a_claim(number)
        beat = self.queue.beat(claim)
        assert beat.is_ours
        state = self.queue.show(claim.job_id).job.state
        assert beat.is_cancelled == (state == "cancelling" and not claim.is_cancelled)
        assert not (beat.is_late and (claim.is_last or claim.timeout_s is None or state != "running"))

    @precondition(lambda self: self.held)
    @rule(number=ANY)
    def fall_silent(self, number):
        claim = self.a_claim(number)
        statement = update(UNIT).where(UNIT.c.id == claim.unit_id).values(lease_until=1)
        self.queue._database.write(lambda connection: connection.execute(statement))
        swept = self.queue.sweep()
        assert (*swept.freed, *swept.failed) == (claim.unit_id,)
        self.let_go(claim)

    @precondition(lambda self: self.sizes)
    @rule(number=ANY, is_swept=st.booleans())
    def run_out_of_time(self, number, is_swept):
        job_id = list(self.sizes)[number % len(self.sizes)]
        statement = update(JOB).where(JOB.c.id == job_id, JOB.c.late_at.is_not(None)).values(late_at=1)
        self.queue._database.write(lambda connection: connection.execute(statement))
        if is_swept:
            self.queue.sweep()
            detail = self.queue.show(job_id)
            asked = {"its": job_id}
            is_late = self.queue._database.read(lambda connection: connection.execute(_LATE_AT, asked).scalar())
            waits = any(unit.state == "waiting" and not unit.is_last for unit in detail.units)
            assert not (detail.job.state == "running" and is_late == 1 and waits), "late, and still waiting"

    @precondition(lambda self: self.lost)
    @rule(number=ANY)
    def late_word(self, number):
        claim = self.lost[number % len(self.lost)]
        assert not self.queue.beat(claim).is_ours
        assert not self.queue.finish(claim, "late")
        assert not self.queue.fail(claim, BROKEN)
        assert not self.queue.hand_back(claim)

    @precondition(lambda self: self.sizes)
    @rule(number=ANY)
    def cancel(self, number):
        job_id = list(self.sizes)[number % len(self.sizes)]
        assert self.queue.cancel(job_id) in {*ENDED, "cancelling"}

    @precondition(lambda self: self.sizes)
    @rule(number=ANY)
    def retry(self, number):
        job_id = list(self.sizes)[number % len(self.sizes)]
        state = self.queue.show(job_id).job.state
        try:
            assert self.queue.retry(job_id) > 0
        except InputError:
            assert state not in ENDED or state == "completed"
        else:
            assert self.ends.pop(job_id, state) == state

    @invariant()
    def every_job_follows_its_units(self):
        for job_id, size in self.sizes.items():
            detail = self.queue.show(job_id)
            states = [unit.state for unit in detail.units]
            assert len(states) == size, "a unit is lost"
            running = {unit.id for unit in detail.units if unit.state == "running"}
            assert running == {unit_id for unit_id, claim in self.held.items() if claim.job_id == job_id}
            is_ended = detail.job.state in ENDED
            assert is_ended == (not OPEN & set(states)), (detail.job.state, states)
            assert is_ended == (detail.job.ended_at is not None)
            before = self.after[job_id]
            follows = bool(before) and self.queue.show(before).job.state not in ENDED
            assert "held" not in states or {"waiting", "running"} & set(states) or follows, "held for ever"
            if is_ended:
                self.over.add(job_id)
                assert self.ends.setdefault(job_id, detail.job.state) == detail.job.state, "an end that changed"
            ids = [event.id for event in self.queue.events(job_id)]
            assert ids == sorted(set(ids))

    def teardown(self):
        """Whatever happened, workers bring every job to an end."""
        for claim in self.held.values():
            assert self.queue.finish(claim)
        while claim := self.queue.claim("worker"):
            assert self.queue.finish(claim)
        for job_id in self.sizes:
            assert self.queue.show(job_id).job.state in ENDED
        assert self.queue.counts().units == {}


def assert_laws(queue, examples, steps):
    """Search for an order of events that breaks a law."""
    budget = settings(
        max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=list(HealthCheck)
    )
    run_state_machine_as_test(lambda: Laws(queue), settings=budget)


@pytest.mark.slow
def test_the_queue_keeps_its_laws(queue):
    """Submit, claim, end, fail, fall silent, speak late, run out of time, cancel and retry in any order."""
    assert_laws(queue, 10 if queue._database.dialect == "sqlite" else 6, 60)

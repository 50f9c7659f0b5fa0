"""Queued evaluations on one machine, whatever is killed or stopped: the result is the one of an unbroken run."""

from __future__ import annotations

import pytest
from proof_place import GIVEN_UP, killed_and_landed

import proof_scenarios
from proof_trial import LEASE_S, SLACK_S

pytestmark = pytest.mark.slow

POINTS = 6


def test_killed_at_random_points_it_lands_whole_and_once(place, tracking, experiment, mlflow_url):
    """kill -9 of workers, parts of them, who delivers: only what was in flight is asked again; one run."""
    landed = killed_and_landed(place, "sqlite", POINTS, tracking, experiment, mlflow_url)
    assert landed == ("FINISHED", 0.9)


def test_another_worker_takes_over_and_late_writes_are_refused(place):
    """Soon after the lease of a killed worker; one that was stopped for longer than its lease writes nothing more."""
    found = proof_scenarios.taken_over(place, "sqlite")
    place.expect(found.account)
    assert found.first_call_s < LEASE_S + SLACK_S
    assert found.late_rows == 0
    assert "was let go: lost" in found.said, found.said


def test_a_unit_that_kills_its_workers_fails_alone(place):
    """It is given up after five attempts, its last error is kept, and the task beside it lands."""
    account, units = proof_scenarios.poisoned(place, "sqlite")
    place.expect(account, "partially_failed")
    assert units == GIVEN_UP

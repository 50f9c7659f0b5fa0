"""Queued evaluations whose broker, database and workers are replaced: late writes are refused, nothing is lost."""

from __future__ import annotations

import pytest
from proof_place import GIVEN_UP

import proof_scenarios
from proof_trial import LEASE_S, SLACK_S

pytestmark = pytest.mark.slow


def test_another_worker_takes_over_and_late_writes_are_refused(place):
    """Soon after the lease of a killed worker; one that was stopped for longer than its lease writes nothing more."""
    found = proof_scenarios.taken_over(place, "rabbitmq")
    place.expect(found.account)
    assert found.first_call_s < LEASE_S + SLACK_S
    assert found.late_rows == 0
    assert "was let go: lost" in found.said, found.said


@pytest.mark.parametrize("name", ["rabbitmq", "redis"])
def test_servers_may_be_restarted_and_hints_thrown_away(place, name):
    """The database, the broker and what waits there come and go, while the evaluation comes to its end."""
    place.expect(proof_scenarios.servers_restarted(place, name))


def test_a_unit_that_kills_its_workers_fails_alone(place):
    """It is given up after five attempts, its last error is kept, and the task beside it lands."""
    account, units = proof_scenarios.poisoned(place, "rabbitmq")
    place.expect(account, "partially_failed")
    assert units == GIVEN_UP

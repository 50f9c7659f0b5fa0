"""Queued evaluations by every dispatcher, unbroken and killed: one result."""

from __future__ import annotations

import pytest

import proof_scenarios

pytestmark = pytest.mark.slow


def test_however_it_is_run_the_results_are_equal(place):
    """Embedded, by Celery, and with five kills: the same metrics, counts and samples, ordered by sample."""
    ways = [("sqlite", 0), ("rabbitmq", 0), ("sqlite", 5)]
    accounts = [proof_scenarios.killed_in_turn(place, name, kills=kills) for name, kills in ways]
    for account in accounts:
        place.expect(account)
    assert accounts[0].result == accounts[1].result == accounts[2].result

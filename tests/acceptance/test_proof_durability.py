"""Queued evaluations, whatever is killed, stopped or started again: the result is the one of an unbroken run."""

from __future__ import annotations

import os
from contextlib import ExitStack

import pytest

import proof_scenarios
from proof_backends import BACKENDS, Servers, why_not
from proof_trial import LEASE_S, SLACK_S, unbroken

pytestmark = pytest.mark.slow

SEED = 20
POINTS = {"sqlite": 4, "postgresql": 5, "rabbitmq": 6, "redis": 5}
"""Twenty over the backends: each way to kill a worker once, and each server."""


@pytest.fixture(scope="module")
def servers():
    """Servers of these proofs alone, which they kill."""
    with ExitStack() as stack:
        yield Servers(stack)


@pytest.fixture(scope="module")
def unbroken_results():
    """What unbroken runs came to, by the number of samples."""
    return {}


class Place:
    """Where the trials of one test are made."""

    def __init__(self, endpoint, folder, servers, results):
        self.endpoint = endpoint
        self._root, self._servers, self._results = folder, servers, results
        self._made = 0

    def folder(self):
        self._made += 1
        return self._root / str(self._made)

    def backend(self, name):
        reason = why_not(name)
        if reason:
            (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
        return self._servers.backend(name)

    def expect(self, account, state="completed"):
        """The account is one of an evaluation that nothing was lost of; ``-s`` shows it."""
        print(f"\n{account.row}")
        if account.items not in self._results:
            self._results[account.items] = unbroken(self.folder(), self.endpoint, account.items)
        account.check(self._results[account.items], state=state)


@pytest.fixture
def place(endpoint, tmp_path, servers, unbroken_results):
    return Place(endpoint, tmp_path, servers, unbroken_results)


@pytest.mark.parametrize("name", BACKENDS)
def test_killed_at_random_points_it_lands_whole_and_once(place, name, tracking, experiment, mlflow_url):
    """kill -9 of workers, parts of them, servers, who delivers: only what was in flight is asked again; one run."""
    words = ("--experiment", experiment)
    print(f"\nseed {SEED}")
    account = proof_scenarios.random_kills(
        place, name, points=POINTS[name], seed=SEED, words=words, MLFLOW_TRACKING_URI=mlflow_url
    )
    place.expect(account)
    run = tracking.run(experiment)
    assert (run.info.status, run.data.metrics["sums/exact_match"]) == ("FINISHED", 0.9)


@pytest.mark.parametrize("name", [name for name in BACKENDS if name != "redis"])
def test_another_worker_takes_over_and_late_writes_are_refused(place, name):
    """Soon after the lease of a killed worker; one that was stopped for longer than its lease writes nothing more."""
    found = proof_scenarios.taken_over(place, name)
    print(f"\nfirst call {found.first_call_s:.2f} s after the kill; the lease is {LEASE_S} s")
    place.expect(found.account)
    assert found.first_call_s < LEASE_S + SLACK_S
    assert found.late_rows == 0
    assert "was let go: lost" in found.said, found.said


@pytest.mark.parametrize("name", [name for name in BACKENDS if name != "sqlite"])
def test_servers_may_be_restarted_and_hints_thrown_away(place, name):
    """The database, the broker and what waits there come and go, while the evaluation comes to its end."""
    place.expect(proof_scenarios.servers_restarted(place, name))


def test_units_may_last_longer_than_a_broker_waits(place):
    """RabbitMQ's wait for an acknowledgement, 30 minutes as a rule, neither ends a worker nor repeats a unit."""
    account, attempts, is_alive = proof_scenarios.long_units(place)
    place.expect(account)
    assert (set(attempts), is_alive, account.repeats) == ({1}, True, 0)


@pytest.mark.parametrize("name", ["sqlite", "rabbitmq"])
def test_a_unit_that_kills_its_workers_fails_alone(place, name):
    """It is given up after five attempts, its last error is kept, and the task beside it lands."""
    account, units = proof_scenarios.poisoned(place, name)
    place.expect(account, "partially_failed")
    assert units == [("done", 1, ""), ("failed", 5, "worker_lost"), ("done", 1, "")]


def test_however_it_is_run_the_results_are_equal(place):
    """Embedded, by Celery, and with five kills: the same metrics, counts and samples, ordered by sample."""
    ways = [("sqlite", 0), ("rabbitmq", 0), ("sqlite", 5)]
    accounts = [proof_scenarios.killed_in_turn(place, name, kills=kills) for name, kills in ways]
    for account in accounts:
        place.expect(account)
    assert accounts[0].result == accounts[1].result == accounts[2].result

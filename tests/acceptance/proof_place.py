"""Where the trials of one proof are made, and what their accounts are held against."""

from __future__ import annotations

import os

import pytest

import proof_scenarios
from proof_backends import why_not
from proof_trial import LEASE_S, SLACK_S, unbroken

SEED = 20


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


def killed_and_landed(place, name, points, tracking, experiment, mlflow_url):
    """The proof of one backend that random kills lose and double nothing, up to MLflow."""
    words = ("--experiment", experiment)
    print(f"\nseed {SEED}")
    account = proof_scenarios.random_kills(
        place, name, points=points, seed=SEED, words=words, MLFLOW_TRACKING_URI=mlflow_url
    )
    place.expect(account)
    run = tracking.run(experiment)
    assert (run.info.status, run.data.metrics["sums/exact_match"]) == ("FINISHED", 0.9)


def taken_over_in_time(place, name):
    """The proof of one backend that a dead worker is replaced soon, and a stopped one writes nothing late."""
    found = proof_scenarios.taken_over(place, name)
    print(f"\nfirst call {found.first_call_s:.2f} s after the kill; the lease is {LEASE_S} s")
    place.expect(found.account)
    assert found.first_call_s < LEASE_S + SLACK_S
    assert found.late_rows == 0
    assert "was let go: lost" in found.said, found.said


def given_up_alone(place, name):
    """The proof of one backend that a unit which kills its workers costs nothing but itself."""
    account, units = proof_scenarios.poisoned(place, name)
    place.expect(account, "partially_failed")
    assert units == [("done", 1, ""), ("failed", 5, "worker_lost"), ("done", 1, "")]

"""Where the trials of one proof are made, and what their accounts are held against."""

from __future__ import annotations

import os

import pytest

import proof_scenarios
from proof_backends import why_not
from proof_trial import unbroken

SEED = 20
GIVEN_UP = [("done", 1, ""), ("failed", 5, "worker_lost"), ("done", 1, "")]
"""State, attempts and error of the units of an evaluation whose second unit kills its workers."""


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
    """How the one run of an evaluation stands in MLflow, and its score, after random kills that lost nothing."""
    words = ("--experiment", experiment)
    print(f"\nseed {SEED}")
    account = proof_scenarios.random_kills(
        place, name, points=points, seed=SEED, words=words, MLFLOW_TRACKING_URI=mlflow_url
    )
    place.expect(account)
    run = tracking.run(experiment)
    return run.info.status, run.data.metrics["sums/exact_match"]

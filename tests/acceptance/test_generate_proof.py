"""A generation that is killed again and again comes to what an unbroken one comes to, and pays for hardly more."""

from __future__ import annotations

import signal
import time

import pytest
from installed import Installed, ended, until

from evaltrail.store.dataset_store import DatasetStore
from evaltrail.store.document_store import DocumentStore
from generated_sets import write_facts
from mlflow_proxy import unreliable
from question_endpoint import QuestionEndpoint

IN_FLIGHT = 4
LATENCY_S = 0.03
CHUNKS = 25
"""12 windows: about 100 calls."""
POINTS = (0.01, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.95)
"""Shares of what an unbroken generation asks that are answered when it is killed."""
WEAK = {"misquoted": 0.2, "broken": 0.1, "leaks": 0.1}
"""So that there are rejects, repairs and further rounds, which have to come out the same too."""
MOST_ATTEMPTS = 60


class Account:
    """One generation in a home of its own, and what it came to."""

    def __init__(self, place: Installed, *words: object) -> None:
        self.place = place
        write_facts(place.cwd / "facts.json", CHUNKS)
        self.words = ("generate", "facts.json", "--out", "q.csv", *words, "--json")
        self.out = place.cwd / "q.csv"

    def killed_when(self, claim):
        """Start it, and kill it once a claim holds; how it ended where it was not killed."""
        process = self.place.start(*self.words)
        until(lambda: claim() or process.poll() is not None, pause=0.002)
        process.kill()
        done = ended(process)
        return None if done.code == -signal.SIGKILL else done

    @property
    def files(self) -> tuple[bytes, bytes]:
        """The questions and what was rejected."""
        return self.out.read_bytes(), self.out.with_name("q.rejects.csv").read_bytes()

    @property
    def versions(self) -> list[int]:
        """How many versions each data set has."""
        return [len(each.versions) for each in DatasetStore(self.place.home / "datasets").list()]


def asked_words(bodies):
    """What was asked, however often."""
    return {"\n".join(turn["content"] for turn in body["messages"]) for body in bodies}


def assert_landed_once(account, tracking, experiment):
    """One copy of the document, one data set of one version, and a run of each that names the other; which is told."""
    upload, generation = sorted(tracking.runs(experiment), key=lambda run: "evaltrail.dataset" in run.data.tags)
    assert {run.info.status for run in (upload, generation)} == {"FINISHED"}
    assert generation.data.tags["evaltrail.upload_run_id"] == upload.info.run_id
    assert tracking.files(upload.info.run_id) == {"facts.json"}
    assert {"questions.csv", "questions.rejects.csv"} <= tracking.files(generation.info.run_id)
    assert account.versions == [1]
    assert len(DocumentStore(account.place.home / "documents").list()) == 1
    assert len(account.place.runs()) == 1
    return generation


@pytest.mark.slow
def test_ten_kills_of_a_generation_cost_only_what_was_in_flight(tmp_path, mlflow_url, tracking, experiment):
    """Kill -9 at ten points and once more before it lands: same bytes, one data set, one run each, no call lost."""
    with QuestionEndpoint(latency_s=LATENCY_S, **WEAK) as model:
        asked = ("--model", "m", "--url", model.url, "--concurrency", IN_FLIGHT)
        whole = Account(Installed(tmp_path / "whole"), *asked, "--no-deliver")
        unbroken = whole.place(*whole.words)
        needed = len(model.bodies)
        broken = Account(Installed(tmp_path, MLFLOW_TRACKING_URI=mlflow_url), *asked, "--experiment", experiment)
        words = asked_words(model.bodies)
        for point in POINTS:
            share = point * len(words)
            assert broken.killed_when(lambda share=share: len(asked_words(model.bodies[needed:])) >= share) is None
            time.sleep(3 * LATENCY_S)  # until the endpoint has counted what was in flight
        assert not broken.out.exists()
        done = broken.killed_when(broken.out.exists) or broken.place(*broken.words)
        sent = len(model.bodies) - needed
    assert (done.code, done.object["shortfall"]) == (unbroken.code, unbroken.object["shortfall"])
    assert done.object["rejected"] == unbroken.object["rejected"] != {}
    assert needed <= sent <= needed + len(POINTS) * IN_FLIGHT
    assert asked_words(model.bodies[needed:]) == words
    assert done.object["calls"] == needed == unbroken.object["calls"]
    assert done.object["tokens"] == unbroken.object["tokens"]
    assert broken.files == whole.files
    assert assert_landed_once(broken, tracking, experiment).data.metrics["calls"] == needed
    assert whole.versions == [1]


@pytest.mark.slow
def test_a_kill_at_every_request_of_the_landing_leaves_one_run_of_each(tmp_path, mlflow_url, tracking, experiment):
    """The n-th attempt is killed at its n-th request to MLflow, which takes effect, until one of them is through."""
    attempts = []

    def kill(_method, _path, seen):
        if seen - attempts[-1] >= len(attempts):
            process.kill()
        return "forward"

    with unreliable(mlflow_url, kill) as proxy:
        place = Installed(tmp_path, MLFLOW_TRACKING_URI=proxy.url)
        account = Account(place, "--generator", "cloze", "--questions-per-window", "1", "--experiment", experiment)
        while len(attempts) < MOST_ATTEMPTS:
            attempts.append(len(proxy.seen) - 1)
            process = place.start(*account.words)
            done = ended(process)
            if done.code != -signal.SIGKILL:
                break
    assert done.code == 0, done.err
    assert len(attempts) > 5
    assert_landed_once(account, tracking, experiment)
    assert account.place.runs()[0]["evaluation_id"] == done.object["evaluation_id"]

"""A generation that is killed again and again comes to what an unbroken one comes to, and pays for hardly more."""

from __future__ import annotations

import signal
import time

import pytest
from installed import Installed, ended, until

from evaltrail.store.dataset_store import DatasetStore
from evaltrail.store.document_store import DocumentStore
from generated_sets import write_facts
from question_endpoint import QuestionEndpoint

IN_FLIGHT = 4
LATENCY_S = 0.03
CHUNKS = 25
"""12 windows: about 90 calls a round."""
POINTS = (0.01, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.95)
"""Shares of the calls of an unbroken generation that are answered when it is killed."""
WEAK = {"misquoted": 0.2, "broken": 0.1, "leaks": 0.1}
"""So that there are rejects, repairs and further rounds, which have to come out the same too."""


class Account:
    """One generation in a home of its own, and what it came to."""

    def __init__(self, place: Installed, url: str, experiment: str) -> None:
        self.place = place
        write_facts(place.cwd / "facts.json", CHUNKS)
        asked = ("--model", "m", "--url", url, "--concurrency", IN_FLIGHT, "--experiment", experiment)
        self.words = ("generate", "facts.json", "--out", "q.csv", *asked, "--json")
        self.out = place.cwd / "q.csv"

    def killed_when(self, claim) -> None:
        """Start it, and kill it once a claim holds, unless it has ended before."""
        process = self.place.start(*self.words)
        until(lambda: claim() or process.poll() is not None, pause=0.002)
        process.kill()
        assert ended(process).code in {-signal.SIGKILL, 0, 1}

    @property
    def files(self) -> tuple[bytes, bytes]:
        """The questions and what was rejected."""
        return self.out.read_bytes(), self.out.with_name("q.rejects.csv").read_bytes()

    @property
    def versions(self) -> list[int]:
        """How many versions each data set has."""
        return [len(each.versions) for each in DatasetStore(self.place.home / "datasets").list()]


@pytest.mark.slow
def test_ten_kills_of_a_generation_cost_only_what_was_in_flight(tmp_path, mlflow_url, tracking, experiment):
    """Kill -9 at ten points and once more while it lands: same bytes, one data set, one run each, no call lost."""
    with QuestionEndpoint(latency_s=LATENCY_S, **WEAK) as model:
        whole = Account(Installed(tmp_path / "whole"), model.url, "nowhere")
        unbroken = whole.place(*whole.words, "--no-deliver")
        needed = len(model.bodies)
        broken = Account(Installed(tmp_path, MLFLOW_TRACKING_URI=mlflow_url), model.url, experiment)
        kills = 0
        for point in POINTS:
            wanted = needed + point * needed + kills * IN_FLIGHT
            broken.killed_when(lambda wanted=wanted: len(model.bodies) >= wanted)
            kills += 1
            time.sleep(3 * LATENCY_S)  # until the endpoint has counted what was in flight
        assert not broken.out.exists()
        broken.killed_when(broken.out.exists)
        done = broken.place(*broken.words)
        asked = len(model.bodies) - needed
    assert (done.code, done.object["shortfall"]) == (unbroken.code, unbroken.object["shortfall"])
    assert done.object["rejected"] == unbroken.object["rejected"] != {}
    assert needed <= asked <= needed + kills * IN_FLIGHT
    assert done.object["calls"] == needed == unbroken.object["calls"]
    assert done.object["tokens"] == unbroken.object["tokens"]
    assert broken.files == whole.files
    assert broken.versions == whole.versions == [1]
    assert len(DocumentStore(broken.place.home / "documents").list()) == 1
    upload, generation = sorted(tracking.runs(experiment), key=lambda run: "evaltrail.dataset" in run.data.tags)
    assert {run.info.status for run in (upload, generation)} == {"FINISHED"}
    assert generation.data.tags["evaltrail.upload_run_id"] == upload.info.run_id
    assert generation.data.metrics["calls"] == needed
    assert len(broken.place.runs()) == 1

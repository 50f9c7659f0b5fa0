"""Experiments and earlier runs are asked for once by all threads of a command, failures included."""

from __future__ import annotations

import threading
import time
from concurrent.futures import CancelledError, ThreadPoolExecutor

import pytest

from evaltrail.core.errors import DestinationUnreachableError
from evaltrail.destinations.mlflow.places import Places
from evaltrail.destinations.mlflow.port import ExperimentState, RunState


class Slow:
    """A gateway that takes its time over each question, and counts them; it fails as often as it is told to."""

    tracking_uri = "http://host"

    def __init__(self, failure=None):
        self.asked = []
        self.failure = failure
        self.together = threading.Barrier(2, timeout=5)

    def experiment(self, name, tags):
        assert tags == {}
        self.asked.append(name)
        time.sleep(0.05)
        if self.failure is not None:
            raise self.failure
        return ExperimentState(id="1", name=name)

    def experiment_by_id(self, experiment_id):
        self.asked.append(int(experiment_id))
        return ExperimentState(id=experiment_id, name="by id")

    def find_runs(self, experiment_id, tag, value):
        self.asked.append(value)
        if value.startswith("both"):
            self.together.wait()
        return (RunState(run_id=value, experiment_id=experiment_id, status="FINISHED", artifact_uri="", started_ms=1),)


def threads(count, ask):
    """What each of so many threads got: a value or the error."""

    def attempt(_):
        try:
            return ask()
        except DestinationUnreachableError as error:
            return error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(attempt, range(count)))


def test_an_experiment_is_asked_for_once():
    """By name or by id; the other threads wait for the one answer."""
    gateway, places = Slow(), Places()
    found = threads(4, lambda: places.experiment(gateway, "e", ""))
    assert {state.id for state in found} == {"1"}
    assert places.experiment(gateway, "e", "7").id == "7"
    assert places.experiment(gateway, "e", "7").id == "7"
    assert gateway.asked == ["e", 7]


def test_a_server_that_is_away_takes_the_patience_of_one():
    """All who wait get the same failure at once; who comes later asks anew."""
    gateway, places = Slow(DestinationUnreachableError("away")), Places()
    found = threads(4, lambda: places.experiment(gateway, "e", ""))
    assert found == [gateway.failure] * 4
    assert len(gateway.asked) == 1
    gateway.failure = None
    assert places.experiment(gateway, "e", "").id == "1"


def test_the_runs_of_different_sources_are_looked_for_at_the_same_time():
    """One search does not wait for another; a new experiment needs none."""
    gateway, places = Slow(), Places()
    old, new = ExperimentState(id="1", name="e"), ExperimentState(id="2", name="n", is_new=True)
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda value: places.family(gateway, old, "tag", value), ["both a", "both b"]))
    assert [runs[0].run_id for runs in found] == ["both a", "both b"]
    assert places.family(gateway, old, "tag", "both a") == found[0]
    assert places.family(gateway, new, "tag", "both a") == ()
    assert sorted(gateway.asked) == ["both a", "both b"]


def test_an_interrupt_leaves_nobody_waiting():
    """Who waits for an answer that will never come is told so, and the next one asks anew."""
    gateway, places = Slow(KeyboardInterrupt()), Places()
    with ThreadPoolExecutor(1) as pool:
        with pytest.raises(KeyboardInterrupt):
            places.experiment(gateway, "e", "")
        waits = pool.submit(places.experiment, gateway, "e", "")
        with pytest.raises((KeyboardInterrupt, CancelledError)):
            waits.result(timeout=5)
    gateway.failure = None
    assert places.experiment(gateway, "e", "").id == "1"


def test_only_so_many_searches_are_remembered():
    """A long command does not grow with its results: the oldest are forgotten and asked for again."""
    gateway, places = Slow(), Places()
    experiment = ExperimentState(id="1", name="e")
    for number in range(70):
        places.family(gateway, experiment, "tag", str(number))
    places.family(gateway, experiment, "tag", "69")
    places.family(gateway, experiment, "tag", "0")
    assert len(gateway.asked) == 71

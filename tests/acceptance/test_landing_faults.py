"""MLflow away, refusing, or the command killed while it lands: one complete run in the end, never two."""

from __future__ import annotations

import os
import signal
import time

import pytest
from door import Door
from installed import ended, one_error
from sums import write_sums

from mlflow_proxy import unreliable
from mlflow_server import free_port, shared_port

MOMENTS = range(15)
QUICK = {4, 8}
KILLED = [
    *(pytest.param(moment, "forward", marks=[] if moment in QUICK else [pytest.mark.slow]) for moment in MOMENTS[::2]),
    *(pytest.param(moment, "refuse", marks=[pytest.mark.slow]) for moment in MOMENTS[1::2]),
]
"""Each moment once: whether the request was carried out before the kill differs from one to the next."""


def whole(tracking, experiment):
    """The one run of an experiment, checked to be complete."""
    run = tracking.run(experiment)
    assert run.info.status == "FINISHED"
    assert run.info.end_time
    assert run.data.metrics["sums/exact_match"] == 0.9
    assert run.data.params["model"] == "m"
    assert len(run.inputs.dataset_inputs) == 1
    files = tracking.files(run.info.run_id)
    assert files == {
        *("samples.parquet", "eval_results_table.json", "request.json", "report.md", "logs/run.log"),
        *("results.json", "results/sums.json"),
    }
    return run


@pytest.mark.slow
def test_results_wait_while_mlflow_is_down_and_land_once(evaltrail, endpoint, tracking, experiment):
    """Exit 3 within seconds, everything safe; `sync` lands exactly one run, a second `sync` sends nothing."""
    port = free_port()
    task = write_sums(evaltrail.cwd, 10)
    uri = f"http://127.0.0.1:{port}"
    words = ("--url", endpoint.url, "--experiment", experiment, "--tracking-uri", uri, "--json")
    began = time.monotonic()
    away = evaltrail("run", task, "--model", "m", *words)
    assert time.monotonic() - began < 40
    assert (away.code, away.object["exit_code"], away.object["ok"]) == (3, 3, False)
    assert away.object["metrics"]["sums/exact_match"]["value"] == 0.9
    assert "evaltrail sync" in one_error(away)
    assert uri in one_error(away)
    with Door(port, shared_port()):
        sent = evaltrail("sync", "--json")
        assert (sent.code, len(sent.object["receipts"])) == (0, 1), sent.err
        run = whole(tracking, experiment)
        assert sent.object["receipts"][0]["run_id"] == run.info.run_id
        again = evaltrail("sync", "--json")
    assert (again.code, again.object["receipts"]) == (0, [])
    assert whole(tracking, experiment).info.run_id == run.info.run_id
    assert endpoint.stats()["total"] == 10


@pytest.mark.slow
def test_sync_while_mlflow_is_still_down_keeps_everything(evaltrail, endpoint, tracking, experiment):
    """It says 3 again, loses nothing, and `doctor` tells that something waits."""
    port = free_port()
    task = write_sums(evaltrail.cwd, 10)
    uri = f"http://127.0.0.1:{port}"
    words = ("--url", endpoint.url, "--experiment", experiment, "--tracking-uri", uri)
    assert evaltrail("run", task, "--model", "m", *words).code == 3
    assert evaltrail("sync").code == 3
    assert "1 deliveries wait" in evaltrail("doctor").out
    with Door(port, shared_port()):
        assert evaltrail("sync").code == 0
    whole(tracking, experiment)


@pytest.mark.slow
def test_after_exit_3_the_same_command_is_a_new_evaluation(evaltrail, endpoint, tracking, experiment):
    """Waiting in the outbox is finished: the command asks again, and in the end there is one run for each."""
    port = free_port()
    task = write_sums(evaltrail.cwd, 10)
    uri = f"http://127.0.0.1:{port}"
    words = ("run", task, "--model", "m", "--url", endpoint.url, "--experiment", experiment, "--json")
    first = evaltrail(*words, "--tracking-uri", uri)
    assert first.code == 3
    with Door(port, shared_port()):
        second = evaltrail(*words, "--tracking-uri", uri)
        assert second.code == 0, second.err
        assert second.object["evaluation_id"] != first.object["evaluation_id"]
        assert evaltrail("sync").code == 0
    assert endpoint.stats()["total"] == 20
    keys = {run.data.tags["evaltrail.key"] for run in tracking.runs(experiment)}
    assert len(keys) == len(tracking.runs(experiment)) == 2


@pytest.mark.slow
@pytest.mark.parametrize(("moment", "deed"), KILLED)
def test_a_command_killed_while_landing_is_repaired_by_the_same_command(
    evaltrail, endpoint, tracking, experiment, moment, deed
):
    """Killed at the nth request, carried out or not: same evaluation id, nothing asked again, one complete run."""
    task = write_sums(evaltrail.cwd, 10)
    started = []

    def judge(_method, _path, before):
        if before == moment and len(started) == 1:
            os.kill(started[0].pid, signal.SIGKILL)
            return deed
        return "forward"

    with unreliable(tracking.uri, judge) as proxy:
        words = ("--url", endpoint.url, "--experiment", experiment, "--tracking-uri", proxy.url, "--json")
        words = ("run", task, "--model", "m", *words)
        started.append(evaltrail.start(*words))
        killed = ended(started[0])
        if killed.code == 0:
            assert moment >= 8, "it landed with fewer requests than there are steps"
            whole(tracking, experiment)
            return
        assert killed.code == -signal.SIGKILL
        known = evaltrail.runs()[0]["evaluation_id"]
        again = evaltrail(*words)
        assert again.code == 0, again.err
        assert again.object["evaluation_id"] == known
        run = whole(tracking, experiment)
        assert [receipt["run_id"] for receipt in again.object["receipts"]] == [run.info.run_id]
        assert endpoint.stats()["total"] == 10
        assert evaltrail("sync").out == "nothing waits\n"


@pytest.mark.parametrize(
    "deed",
    ["lose", pytest.param("fail_after", marks=pytest.mark.slow), pytest.param("refuse", marks=pytest.mark.slow)],
)
def test_one_request_that_goes_wrong_is_made_up_for(evaltrail, endpoint, tracking, experiment, deed):
    """The answer to the creation of the run is lost, or a 503: exit 0 and one complete run, no twin."""
    task = write_sums(evaltrail.cwd, 10)
    wronged = []

    def judge(_method, path, _before):
        if "runs/create" in path and not wronged:
            wronged.append(path)
            return deed
        return "forward"

    with unreliable(tracking.uri, judge) as proxy:
        words = ("--url", endpoint.url, "--experiment", experiment, "--tracking-uri", proxy.url)
        done = evaltrail("run", task, "--model", "m", *words, "--json")
    assert wronged
    assert done.code == 0, done.err
    whole(tracking, experiment)


def test_a_deleted_experiment_is_named_with_the_way_to_restore_it(evaltrail, endpoint, tracking, experiment):
    """MLflow keeps the name of a deleted experiment: exit 1, says restore; after that `sync` lands the results."""
    place = tracking.client.create_experiment(experiment)
    tracking.client.delete_experiment(place)
    task = write_sums(evaltrail.cwd, 10)
    words = ("--url", endpoint.url, "--experiment", experiment, "--json")
    done = evaltrail("run", task, "--model", "m", *words)
    assert (done.code, done.object["errors"][0]["code"]) == (1, "deleted_experiment")
    assert "restore" in one_error(done)
    assert experiment in one_error(done)
    tracking.client.restore_experiment(place)
    assert evaltrail("sync").code == 0
    whole(tracking, experiment)

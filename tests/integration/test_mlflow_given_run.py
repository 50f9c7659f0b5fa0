"""MLFLOW_RUN_ID: landing in a run that somebody else made."""

from __future__ import annotations

from contextlib import closing

import pytest

from evaltrail.core.errors import DestinationError, DestinationUnreachableError
from evaltrail.core.ids import new_id
from evaltrail.destinations.mlflow.rest import RestGateway
from mlflow_landing import land, planned
from mlflow_proxy import unreliable
from mlflow_server import ask, content_of, runs_in


@pytest.fixture(scope="module")
def url(mlflow_url):
    return mlflow_url


@pytest.fixture
def experiment():
    return f"given {new_id()}"


def test_a_given_run_is_landed_in_and_ended(url, tmp_path, experiment):
    """MLFLOW_RUN_ID: no new run; the given one keeps its name and gets everything else, once."""
    with closing(RestGateway(url, environ={})) as gateway:
        identity = gateway.experiment(experiment).id
    made = ask(url, "runs/create", experiment_id=identity, run_name="mine", start_time=5)["run"]["info"]["run_id"]
    plan = planned(tmp_path, experiment, run_id=made)
    receipts = [land(plan, tmp_path, url) for _ in range(2)]
    (run,) = runs_in(url, experiment)
    assert {receipt.run_id for receipt in receipts} == {made} == {run["info"]["run_id"]}
    found = content_of(url, run)
    assert (found["name"], found["status"]) == ("mine", "FINISHED")
    assert found["params"] == dict(plan.params)
    assert found["tags"]["evaltrail.version"] == "0"
    with pytest.raises(DestinationError, match="0000"):
        land(planned(tmp_path, experiment, run_id="0" * 32), tmp_path, url)


def given_run(url, experiment, **tags):
    """A finished run of somebody's, with its tags."""
    with closing(RestGateway(url, environ={})) as gateway:
        identity = gateway.experiment(experiment).id
    pairs = [{"key": name, "value": value} for name, value in tags.items()]
    made = ask(url, "runs/create", experiment_id=identity, run_name="mine", start_time=5, tags=pairs)
    run_id = made["run"]["info"]["run_id"]
    ask(url, "runs/update", run_id=run_id, status="FAILED", end_time=7)
    return run_id


def test_a_given_run_that_holds_another_evaluation_is_refused_untouched(url, tmp_path, experiment):
    """MLFLOW_RUN_ID left set from the last time: not one write, and the way out is named."""
    taken = given_run(url, experiment, **{"evaltrail.key": "another"})
    (before,) = runs_in(url, experiment)
    with unreliable(url, lambda *_: "forward") as proxy:
        with pytest.raises(DestinationError) as refusal:
            land(planned(tmp_path, experiment, run_id=taken), tmp_path, proxy.url, fresh=True)
        assert proxy.seen == ["GET /api/2.0/mlflow/runs/get"]
    assert (refusal.value.code, refusal.value.hint) == ("run_taken", "unset MLFLOW_RUN_ID, or name another run")
    (after,) = runs_in(url, experiment)
    assert after == before


def test_a_given_run_that_had_ended_is_as_it_was_after_a_refusal(url, tmp_path, experiment):
    """A param of the user's that says otherwise: MLflow refuses, and the run keeps its status and end."""
    mine = given_run(url, experiment)
    ask(url, "runs/log-parameter", run_id=mine, key="model", value="another model", _=1)
    with pytest.raises(DestinationError):
        land(planned(tmp_path, experiment, run_id=mine), tmp_path, url, fresh=True)
    (run,) = runs_in(url, experiment)
    assert (run["info"]["status"], run["info"]["end_time"]) == ("FAILED", 7)


@pytest.mark.parametrize("step", range(3, 8))
def test_a_given_run_that_had_ended_is_completed_wherever_the_first_attempt_broke(url, tmp_path, experiment, step):
    """An ended run with our key is not yet a complete one: the next attempt sends the rest."""
    mine = given_run(url, experiment)
    plan = planned(tmp_path, experiment, run_id=mine)
    with unreliable(url, lambda *request: "forward" if request[2] < step else "refuse") as proxy:
        broke = False
        try:
            land(plan, tmp_path, proxy.url, fresh=True)
        except DestinationUnreachableError:
            broke = True
        assert broke is (step < 7)
        proxy.judge = lambda *_: "forward"
        receipt = land(plan, tmp_path, proxy.url)
    (run,) = runs_in(url, experiment)
    found = content_of(url, run)
    assert receipt.artifacts_logged == len(found["artifacts"]) == 2
    assert (found["name"], found["status"], len(found["datasets"])) == ("mine", "FINISHED", 1)

"""Landing in a run that its user goes on with."""

from __future__ import annotations

from contextlib import closing, suppress
from dataclasses import replace

import pytest

from evaltrail.core.delivery import DeliveryOptions
from evaltrail.core.errors import DestinationError, DestinationUnreachableError
from evaltrail.core.ids import new_id
from evaltrail.destinations.mlflow.open_run import beside_others
from evaltrail.destinations.mlflow.rest import RestGateway
from mlflow_landing import land, planned
from mlflow_proxy import unreliable
from mlflow_server import ask, content_of, runs_in


@pytest.fixture
def experiment():
    return f"open {new_id()}"


def opened(url, experiment):
    """A run of somebody's, under way."""
    with closing(RestGateway(url, environ={})) as gateway:
        identity = gateway.experiment(experiment).id
    made = ask(url, "runs/create", experiment_id=identity, run_name="mine", start_time=5)
    return made["run"]["info"]["run_id"]


@pytest.mark.parametrize("step", range(2, 8))
def test_an_open_run_is_whole_wherever_the_first_attempt_broke(mlflow_url, tmp_path, experiment, step):
    """Each value once, whichever request was refused; the run stays RUNNING and keeps its name."""
    run_id = opened(mlflow_url, experiment)
    plan = beside_others(planned(tmp_path, experiment, run_id=run_id), DeliveryOptions(run_id=run_id))
    with unreliable(mlflow_url, lambda *request: "forward" if request[2] < step else "refuse") as proxy:
        with suppress(DestinationUnreachableError):
            land(plan, tmp_path, proxy.url, fresh=True)
        proxy.judge = lambda *_: "forward"
        receipts = [land(plan, tmp_path, proxy.url) for _ in range(2)]
    (run,) = runs_in(mlflow_url, experiment)
    found = content_of(mlflow_url, run)
    assert (found["name"], found["status"], found["params"]) == ("mine", "RUNNING", dict(plan.params))
    assert {len(points) for points in found["metrics"].values()} == {1}
    assert [receipt.artifacts_logged for receipt in receipts] == [len(found["artifacts"])] * 2
    assert {receipt.status for receipt in receipts} == {"RUNNING"}


def test_parts_of_one_run_do_not_take_each_others_place(mlflow_url, tmp_path, experiment):
    """A second result lands beside the first as a part; as the whole it is refused."""
    run_id = opened(mlflow_url, experiment)
    first = beside_others(planned(tmp_path, experiment, run_id=run_id), DeliveryOptions(run_id=run_id))
    land(first, tmp_path, mlflow_url)
    other = replace(planned(tmp_path, experiment, run_id=run_id), key="other")
    other = replace(other, tags={**other.tags, "evaltrail.key": "other"}, metrics=())
    with pytest.raises(DestinationError, match="another evaluation"):
        land(beside_others(other, DeliveryOptions(run_id=run_id)), tmp_path, mlflow_url)
    land(beside_others(other, DeliveryOptions(run_id=run_id, part="two")), tmp_path, mlflow_url)
    (run,) = runs_in(mlflow_url, experiment)
    tags = {tag["key"]: tag["value"] for tag in run["data"]["tags"]}
    assert (tags["evaltrail.key"], tags["evaltrail.key.two"]) == (first.key, "other")

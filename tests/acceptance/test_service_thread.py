"""The thin thread: `evaltrail up` on an empty home, the seed's first payload, and its one run in MLflow."""

from __future__ import annotations

import pytest
from service_stand import Stand

from evaltrail.api.description import examples
from service_data import ARC_ROWS, arc_mirror


@pytest.fixture
def stand(tmp_path, endpoint, mlflow_url, experiment):
    """Everything that `up` starts; the prefix keeps the experiment apart from those of other tests."""
    prefix = experiment.replace(" ", "-")
    with Stand(tmp_path, model=endpoint.url, mlflow=mlflow_url, MLFLOW_EXPERIMENT_PREFIX=prefix) as made:
        arc_mirror(tmp_path / "mirror")
        yield made.start_all()


@pytest.mark.slow
def test_first_payload_lands_as_one_run(stand, tracking, endpoint):
    """One command, one POST: the evaluation completes, and MLflow holds one terminal run with its score."""
    body = examples()["one_benchmark"]
    accepted = stand.submit(body)
    told = stand.ended(accepted["id"])
    assert (told["status"], told["mlflow_sync"]) == ("completed", "synced")
    assert told["experiment"]["name"].endswith("_arc-easy-evaluation")
    run = tracking.run(told["experiment"]["name"])
    assert (run.info.status, run.info.run_id) == ("FINISHED", told["runs"][0]["run_id"])
    (result,) = stand.results(accepted["id"])["benchmarks"]
    assert (result["counts"]["scored"], result["performance"]["requests"]) == (ARC_ROWS, endpoint.stats()["total"])
    shown = {metric["name"]: metric["value"] for metric in result["metrics"]}
    assert run.data.metrics["arc_easy/acc"] == shown["acc"]
    assert run.data.tags.items() >= {"request_id": told["id"], "environment": "testing"}.items()
    assert stand.end() == [0]

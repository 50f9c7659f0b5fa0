"""Experiments that MLflow has in another state than the request expects, and what the evaluation says of it."""

from __future__ import annotations

import pytest
from service_stand import Stand, order

pytestmark = pytest.mark.slow


def test_deleted_experiment_is_told_and_its_results_are_safe(tmp_path, endpoint, tracking, mlflow_url, experiment):
    """Deleted in MLflow between two requests: results are kept, and the way out that is said works."""
    with Stand(tmp_path, model=endpoint.url, mlflow=mlflow_url) as stand:
        stand.start(concurrency=1)
        body = order(stand.sums(10), experiment)
        first = stand.landed(stand.submit(body)["id"])
        tracking.client.delete_experiment(first["experiment"]["id"])
        second = stand.ended(stand.submit(body)["id"])
        assert (second["status"], second["mlflow_sync"]) == ("partially_failed", "failed")
        assert (second["error"]["code"], second["benchmarks"][0]["status"]) == ("deleted_experiment", "completed")
        assert "mlflow experiments restore" in second["error"]["hint"]
        assert stand.results(second["id"])["benchmarks"][0]["counts"]["scored"] == 10
        tracking.client.restore_experiment(first["experiment"]["id"])
        assert stand.command("sync").code == 0
        sent = stand.account(second["id"])
        assert (sent["mlflow_sync"], len(sent["runs"]), sent["error"]) == ("synced", 1, None)
    runs = tracking.runs(f"eval-hub_{experiment}")
    assert [run.data.tags["request_id"] for run in runs] == [first["id"], second["id"]]

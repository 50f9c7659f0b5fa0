"""MLflow away before, while and after an evaluation runs: nothing is refused, nothing is asked twice, it lands once."""

from __future__ import annotations

import pytest
from door import Door
from installed import until
from service_stand import Stand, order

from mlflow_server import free_port, shared_port

pytestmark = pytest.mark.slow

SUMS = 20


@pytest.fixture
def away(tmp_path, endpoint):
    """A service whose MLflow nobody can reach yet: its address is a door that is shut."""
    port = free_port()
    with Stand(tmp_path, model=endpoint.url, mlflow=f"http://127.0.0.1:{port}") as made:
        made.mlflow_port = port
        yield made.start()


def test_mlflow_that_is_away_keeps_nothing_from_being_done(away, endpoint, tracking, experiment):
    """202, a completed evaluation, `pending`, and health that says so; once MLflow is there it lands by itself."""
    accepted = away.submit(order(away.sums(SUMS), experiment))
    assert accepted["mlflow_sync"] == "pending"
    told = away.ended(accepted["id"])
    assert (told["status"], told["mlflow_sync"], told["runs"]) == ("completed", "pending", [])
    health = away.health()
    assert (health["status"], health["components"]["mlflow"]["status"]) == ("degraded", "degraded")
    assert "evaluations are accepted, their results wait" in health["components"]["mlflow"]["message"]
    assert away.results(accepted["id"])["benchmarks"][0]["counts"]["scored"] == SUMS
    with Door(away.mlflow_port, shared_port()):
        landed = away.landed(accepted["id"])
        assert len(landed["runs"]) == 1
        until(lambda: away.health()["components"]["mlflow"]["status"] == "healthy", seconds=10, pause=0.2)
    run = tracking.run(f"eval-hub_{experiment}")
    assert (run.info.status, run.data.metrics["sums/exact_match"]) == ("FINISHED", 0.9)
    assert endpoint.stats()["total"] == SUMS


def test_mlflow_that_goes_while_it_runs_gets_it_later(away, endpoint, tracking, experiment):
    """Away from the middle on, over a kill of all processes, and after the end: one run, each question once."""
    endpoint.configure(latency_ms=60.0)
    with Door(away.mlflow_port, shared_port()):
        accepted = away.submit(order(away.sums(40), experiment))
        until(lambda: endpoint.stats()["ok"] >= 2)
    told = away.ended(accepted["id"])
    assert (told["status"], told["mlflow_sync"]) == ("completed", "pending")
    away.kill(away.service, *away.workers)
    away.start()
    assert away.account(accepted["id"])["mlflow_sync"] == "pending"
    with Door(away.mlflow_port, shared_port()):
        away.landed(accepted["id"])
    run = tracking.run(f"eval-hub_{experiment}")
    assert (run.info.status, run.data.metrics["sums/exact_match"]) == ("FINISHED", 0.9)
    assert endpoint.stats()["total"] == 40


def test_mlflow_that_goes_after_the_end_is_missed_by_nobody(away, endpoint, tracking, experiment):
    """What has landed stays told as it is; the next evaluation is accepted and lands when MLflow is back."""
    with Door(away.mlflow_port, shared_port()):
        first = away.landed(away.submit(order(away.sums(10), experiment))["id"])
    assert away.account(first["id"]) == first
    second = away.submit(order(away.sums(10), experiment))
    assert away.ended(second["id"])["mlflow_sync"] == "pending"
    with Door(away.mlflow_port, shared_port()):
        away.landed(second["id"])
    runs = tracking.runs(f"eval-hub_{experiment}")
    assert [run.data.tags["request_id"] for run in runs] == [first["id"], second["id"]]
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert endpoint.stats()["total"] == 20

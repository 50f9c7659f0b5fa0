"""Auto-export that cannot deliver: it is seen, nothing is lost, and it is sent later."""

from __future__ import annotations

import pytest
from door import Door
from installed import one_error
from launching import Launching

from mlflow_server import free_port, runs_in, shared_port

EXPORT = {"auto_export": {"destinations": ["mlflow"]}}


@pytest.fixture
def launching(evaltrail, endpoint, experiment):
    return Launching(evaltrail, endpoint.url, experiment)


@pytest.mark.slow
def test_an_mlflow_that_is_away_is_seen_and_synced_later(launching, endpoint, mlflow_url):
    """Exit code 3, the other destination served; `status` says that it waits; `sync` sends; then `status` says so."""
    port = free_port()
    launching.native(
        count=20,
        execution={"auto_export": {"destinations": ["mlflow", "local"]}},
        export={"local": {"output_dir": "summary"}, "mlflow": {"experiment_name": launching.experiment}},
    )
    environ = {"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{port}"}
    done = launching("--json", environ=environ)
    assert done.code == 3
    assert [receipt["dest"] for receipt in done.object["receipts"]] == ["local"]
    assert list((launching.folder / "summary").rglob("processed_results.json"))
    assert "evaltrail sync" in one_error(done)
    assert [job["state"] for job in done.object["jobs"]] == ["success"]
    invocation = done.object["invocation_id"]
    waiting = launching.status(invocation)
    assert waiting["state"] == "completed"
    assert any("sync" in error["hint"] for error in waiting["errors"])
    with Door(port, shared_port()):
        sent = launching.command("sync", "--json", environ=environ)
    assert sent.code == 0, sent.err
    (run,) = runs_in(mlflow_url, launching.experiment)
    assert run["info"]["status"] == "FINISHED"
    assert run["info"]["run_name"] == f"eval-{invocation}"
    assert not any("sync" in error["hint"] for error in launching.status(invocation)["errors"])


@pytest.mark.slow
def test_resume_delivers_what_was_not_delivered(launching, endpoint, mlflow_url):
    """All jobs are done, their delivery is not: `resume` asks nothing and delivers, once."""
    port = free_port()
    launching.native(count=20, execution=EXPORT)
    environ = {"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{port}"}
    done = launching("--json", environ=environ)
    assert done.code == 3
    asked = endpoint.stats()["total"]
    with Door(port, shared_port()):
        resumed = launching.command("resume", done.object["invocation_id"], "--json", environ=environ)
        assert resumed.code == 0, resumed.err
        assert launching.command("sync", "--json", environ=environ).code == 0
    assert endpoint.stats()["total"] == asked
    assert len(runs_in(mlflow_url, launching.experiment)) == 1


def test_a_filter_that_fits_nothing_is_seen(launching, mlflow_url):
    """The job is done, its export is refused: exit code 1, and the names that there are."""
    mlflow = {"experiment_name": launching.experiment, "log_metrics": ["no_such_metric"]}
    launching.native(count=20, execution=EXPORT, export={"mlflow": mlflow})
    done = launching("--json")
    assert done.code == 1
    assert "exact_match" in one_error(done)
    assert [job["state"] for job in done.object["jobs"]] == ["success"]

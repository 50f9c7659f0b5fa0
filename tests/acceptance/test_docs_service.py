"""The page on the service, run as a reader would, and the troubles that need a worker to be met."""

from __future__ import annotations

import shutil

import pytest
from installed import Installed, until
from reader import ROOT, blocks, paste

from mlflow_server import ask, free_port
from service_client import ServiceClient
from told_messages import explanations_of


@pytest.mark.slow
def test_the_page_on_the_service_works_as_written(evaltrail, endpoint, tracking):
    """Its tour in one shell: accepted, followed to its end, landed in one run each with the tags; then all is ended."""
    port = str(free_port())
    *tour, last = blocks("docs/service.md", "sh tour")
    (python,) = blocks("docs/service.md", "python")
    script = "\n".join([*tour, f"python - <<'END'\n{python.replace('localhost:8000', f'localhost:{port}')}END", last])
    done = paste(evaltrail, script, ends_at_errors=False, URL=endpoint.url, MODEL="my-model", EVALTRAIL_PORT=port)
    runs = tracking.runs("eval-hub_first")
    assert [run.info.status for run in runs] == ["FINISHED"] * 3
    assert sorted(run.data.tags.get("environment", "") for run in runs) == ["", "testing", "testing"]
    assert {run.data.tags["model.name"] for run in runs} == {"my-model"}
    assert '"status":"completed"' in done.out
    assert '"verdict":"fail"' in done.out, "the endpoint knows no capitals"
    assert "completed fail" in done.out


@pytest.fixture
def service(tmp_path, endpoint, mlflow_url):
    """A client of an installed service with a worker, both ended with the test."""
    port = free_port()
    command = Installed(
        tmp_path, MLFLOW_TRACKING_URI=mlflow_url, EVALTRAIL_SERVER_VLLM_URL=endpoint.url, EVALTRAIL_PORT=str(port)
    )
    tasks = command.home / "tasks"
    shutil.copytree(ROOT / "examples" / "capitals", tasks)
    client = ServiceClient(f"http://127.0.0.1:{port}")
    try:
        serving = command.start("serve")
        assert serving.stdout is not None
        assert client.address in serving.stdout.readline()
        command.start("worker")
        yield client
    finally:
        command.end_all()


def ended(client, **body):
    """The account of an evaluation that was asked for, once it has ended."""
    asked = {"model": {"server": "vllm", "name": "m"}, "retry_attempts": 0, **body}
    path = client.post("/api/v1/evaluations", asked).headers["location"]
    until(lambda: client.get(path).object["status"] not in {"pending", "running"}, seconds=60, pause=0.1)
    return client.get(path).object


@pytest.mark.slow
def test_data_that_is_missing_is_explained(service, experiment):
    """Each benchmark says what it lacks in the page's words; the run is there, and says that it failed."""
    found = ended(
        service,
        benchmarks=[
            {"id": "arc_easy", "provider_id": "lm_evaluation_harness"},
            {"id": "faithfulness", "provider_id": "ragas", "config": {"dataset_path": "./data/test.jsonl"}},
        ],
        experiment={"name": experiment},
    )
    assert (found["status"], found["mlflow_sync"], len(found["runs"])) == ("failed", "synced", 1)
    assert all(explanations_of(each["error"]["message"]) for each in found["benchmarks"])


@pytest.mark.slow
def test_a_model_that_is_away_is_explained(service, endpoint, experiment):
    """The benchmark failed for a reason that the page knows."""
    endpoint.stop()
    found = ended(service, benchmarks=[{"id": "capitals", "provider_id": "native"}], experiment={"name": experiment})
    assert found["status"] == "failed"
    assert explanations_of(found["benchmarks"][0]["error"]["message"])


@pytest.mark.slow
def test_an_experiment_that_was_deleted_is_explained(service, experiment, mlflow_url):
    """The evaluation keeps its results, says that MLflow has not got them, and its log tells why."""
    name = f"eval-hub_{experiment}"
    made = ask(mlflow_url, "experiments/create", name=name, tags=[])["experiment_id"]
    ask(mlflow_url, "experiments/delete", experiment_id=made, tags=[])
    found = ended(service, benchmarks=[{"id": "capitals", "provider_id": "native"}], experiment={"name": experiment})
    assert (found["status"], found["mlflow_sync"]) == ("partially_failed", "failed")
    results = service.get(found["links"]["results"]).object["benchmarks"][0]
    assert results["metrics"][0]["n"] == 12
    last = service.get(found["links"]["logs"]).body.decode().rstrip().splitlines()[-1]
    assert "not delivered: " in last
    assert explanations_of(last.partition(f"{mlflow_url}: ")[2])

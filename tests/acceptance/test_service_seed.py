"""The seed's document word for word: its three payloads, its pipeline's curl, and what MLflow holds afterwards."""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import datetime
from urllib.request import urlopen

import pytest
from installed import until
from service_stand import EVALUATIONS, Stand
from tracking import Tracking

from evaltrail.api.description import examples
from mlflow_server import free_port
from service_data import ARC_ROWS, FAITHFUL, RAG_ROWS, rag_rows, seed_mirror
from service_model import ServiceModel

pytestmark = pytest.mark.slow

HEALTHCARE = {"medqa_4options", "mmlu_clinical_knowledge", "truthfulqa_mc2"}
FIGURES = {"runtime_seconds", "requests", "tokens_in", "tokens_out", "latency_p50", "latency_p95"}
PIPELINE = """curl -X POST "http://eval-hub:8000/api/v1/evaluations" \\
  -H "Content-Type: application/json" \\
  -d '{
    "model": {"server": "vllm", "name": "my-model:v1.0"},
    "benchmarks": [{"benchmark_id": "arc_easy", "provider_id": "lm_evaluation_harness"}],
    "experiment": {
      "name": "ci-evaluation-'$BUILD_ID'",
      "tags": {
        "build_id": "'$BUILD_ID'",
        "branch": "'$GIT_BRANCH'",
        "commit": "'$GIT_COMMIT'"
      }
    }
  }'"""


@pytest.fixture(scope="module")
def stand(tmp_path_factory, _started_endpoint):
    """`up` on an empty home with an MLflow of its own; the model is its own judge."""
    folder = tmp_path_factory.mktemp("seed")
    mlflow = free_port()
    with (
        ServiceModel(_started_endpoint[0]) as model,
        Stand(folder, model=model.url, EVALTRAIL_ALLOWED_HOSTS="eval-hub") as made,
    ):
        seed_mirror(folder / "mirror")
        rag_rows(folder)
        made.start_all("--mlflow-port", str(mlflow))
        made.mlflow = f"http://127.0.0.1:{mlflow}"
        until(lambda: made.health()["status"] == "healthy", seconds=60, pause=0.2)
        yield made


@pytest.fixture(scope="module")
def landed(stand):
    """The three payloads at once, each as it ended: its account by its name."""
    ids = {name: stand.submit(body)["id"] for name, body in examples().items()}
    return {name: stand.landed(each) for name, each in ids.items()}


@pytest.fixture(scope="module")
def tracked(stand):
    """What lies in its MLflow, by MLflow's own client."""
    return Tracking(stand.mlflow)


def test_single_benchmark_lands_with_everything_the_seed_lists(stand, landed, tracked, tmp_path):
    """Name, tags and description of the experiment; one run with tags, params, metrics, artifacts and true times."""
    told = landed["one_benchmark"]
    assert (told["status"], told["warnings"]) == ("completed", [])
    experiment = tracked.client.get_experiment_by_name("eval-hub_arc-easy-evaluation")
    assert experiment.tags["environment"] == "testing"
    assert experiment.tags["model_family"] == "llama-3.1"
    description = experiment.tags["mlflow.note.content"]
    assert "meta-llama/llama-3.1-8b" in description
    assert "arc_easy" in description
    run = tracked.run(experiment.name)
    assert run.info.status == "FINISHED"
    tags = {
        "environment": "testing",
        "model_family": "llama-3.1",
        "model.name": "meta-llama/llama-3.1-8b",
        "model.server": "vllm",
        "model.temperature": "0.1",
        "model.max_tokens": "512",
        "benchmarks": "arc_easy",
        "provider": "lm_evaluation_harness",
        "request_id": told["id"],
    }
    assert run.data.tags.items() >= tags.items()
    assert run.data.params.items() >= {"arc_easy.num_fewshot": "0", "arc_easy.generation.temperature": "0.1"}.items()
    assert {f"arc_easy/{name}" for name in FIGURES} <= set(run.data.metrics)
    assert (run.data.metrics["arc_easy/requests"], run.data.metrics["arc_easy/acc_n"]) == (ARC_ROWS, ARC_ROWS)
    files = tracked.files(run.info.run_id)
    assert {"request.json", "results.json", "samples.parquet", "logs/run.log", "results/arc_easy.json"} <= files
    folder = tracked.download(run.info.run_id, tmp_path / "artifacts")
    measured = {metric["name"]: metric["value"] for metric in stand.results(told["id"])["benchmarks"][0]["metrics"]}
    assert run.data.metrics["arc_easy/acc"] == measured["acc"]
    assert json.loads((folder / "results.json").read_text())
    assert _milliseconds(told["started_at"]) <= run.info.start_time <= run.info.end_time
    assert run.info.end_time <= _milliseconds(told["ended_at"]) + 1


def test_several_providers_are_one_run(stand, landed, tracked):
    """A benchmark of the harness and one of ragas, whose judge is the model itself: both scores on one run."""
    told = landed["several_providers"]
    assert (told["status"], len(told["runs"])) == ("completed", 1)
    run = tracked.run("eval-hub_comprehensive-evaluation")
    assert run.info.status == "FINISHED"
    assert run.data.metrics["faithfulness/faithfulness"] == FAITHFUL
    assert (run.data.metrics["faithfulness/faithfulness_n"], "arc_easy/acc" in run.data.metrics) == (RAG_ROWS, True)
    assert run.data.tags["provider"] == "lm_evaluation_harness,ragas"
    assert {"results/arc_easy.json", "results/faithfulness.json"} <= tracked.files(run.info.run_id)
    test = stand.results(told["id"])["test"]
    assert test["score"] == pytest.approx((FAITHFUL + run.data.metrics["arc_easy/acc"]) / 2)


def test_payload_without_benchmarks_runs_the_collection_of_its_tags(stand, landed, tracked):
    """`compliance: healthcare` means healthcare_safety_v1: all its benchmarks, one score, one run."""
    told = landed["a_collection_by_tags"]
    assert (told["status"], told["collection"]) == ("completed", "healthcare_safety_v1")
    run = tracked.run("eval-hub_healthcare-certification")
    assert {name.partition("/")[0] for name in run.data.metrics} >= HEALTHCARE
    assert run.data.tags["certification_level"] == "grade-a"
    assert run.data.tags["collection"] == "healthcare_safety_v1"
    assert stand.results(told["id"])["test"]["missing"] == []


def test_links_to_mlflow_lead_somewhere(stand, landed, tracked):
    """Each link answers 200, and names the experiment and the run that MLflow knows."""
    for told in landed.values():
        (run,) = told["runs"]
        found = tracked.client.get_run(run["run_id"])
        assert run["url"] == f"{stand.mlflow}/#/experiments/{found.info.experiment_id}/runs/{run['run_id']}"
        with urlopen(run["url"], timeout=10) as page:
            assert page.status == 200
        with urlopen(told["experiment"]["url"], timeout=10) as page:
            assert page.status == 200


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_pipeline_of_the_seed_runs_as_it_stands(stand, tracked):
    """The seed's command, byte by byte; only where eval-hub lies is told to curl from outside."""
    way = f'curl() {{ command curl -sS --connect-to eval-hub:8000:127.0.0.1:{stand.port} "$@"; }}'
    environ = {**stand.command.environ, "BUILD_ID": "4711", "GIT_BRANCH": "main", "GIT_COMMIT": "0a1b2c3"}
    done = subprocess.run(
        ["bash", "-c", f"{way}\n{PIPELINE}"], env=environ, capture_output=True, text=True, timeout=30, check=True
    )
    told = stand.landed(json.loads(done.stdout)["id"])
    assert told["status"] == "completed"
    run = tracked.run("eval-hub_ci-evaluation-4711")
    wanted = {"build_id": "4711", "branch": "main", "commit": "0a1b2c3", "model.name": "my-model:v1.0"}
    assert run.data.tags.items() >= wanted.items()


def test_experiment_without_a_name_gets_one_of_model_and_time(stand, tracked):
    """`{prefix}_{model}_{time}`; two submissions to one experiment are two runs, and their tags are merged there."""
    body = {"model": {"server": "vllm", "name": "m"}, "benchmarks": [stand.sums(10)]}
    made = stand.landed(stand.submit(body)["id"])
    assert made["experiment"]["name"].startswith("eval-hub_m_20")
    assert tracked.run(made["experiment"]["name"]).info.status == "FINISHED"
    for tags in ({"first": "1", "same": "a"}, {"second": "2", "same": "b", "empty": ""}):
        stand.landed(stand.submit({**body, "experiment": {"name": "merged", "tags": tags}})["id"])
    experiment = tracked.client.get_experiment_by_name("eval-hub_merged")
    assert experiment.tags.items() >= {"first": "1", "second": "2", "same": "b", "empty": ""}.items()
    assert [run.data.tags["same"] for run in tracked.runs("eval-hub_merged")] == ["a", "b"]


def test_nested_layout_has_a_child_for_each_benchmark(stand, tracked):
    """One parent with everything on it, one child a benchmark below it; all of them end."""
    body = examples()["several_providers"] | {"layout": "nested", "experiment": {"name": "nested"}}
    stand.landed(stand.submit(body)["id"])
    runs = tracked.runs("eval-hub_nested")
    (parent,) = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    children = [run for run in runs if run is not parent]
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
    assert len(children) == 2
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert {"arc_easy/acc", "faithfulness/faithfulness"} <= set(parent.data.metrics)


def test_equal_submissions_under_one_key_are_asked_once(stand, tracked):
    """One evaluation and one run, however often it is submitted; also once it has ended."""
    body = {"model": {"server": "vllm", "name": "m"}, "benchmarks": [stand.sums(10, name="keyed")]}
    accepted = [stand.submit(body, Idempotency_Key="build-1") for _ in range(3)]
    assert len({each["id"] for each in accepted}) == 1
    assert stand.client.get(f"{EVALUATIONS}?name=keyed").object["total_count"] == 1
    landed = stand.landed(accepted[0]["id"])
    assert len(tracked.runs(landed["experiment"]["name"])) == 1
    assert stand.submit(body, Idempotency_Key="build-1")["status"] == "completed"


def _milliseconds(text):
    return int(datetime.fromisoformat(text).timestamp() * 1000)

"""Seed 002's run configuration as it stands (only its endpoint is another), and its exports by command and Python."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
import yaml
from installed import Installed, ended, until
from launching import Launching, tree, with_harnesses

from evaltrail.bundle.folders import is_locked
from mlflow_server import runs_in

pytestmark = pytest.mark.slow
SEED = {
    "execution": {
        "auto_export": {"destinations": ["mlflow"]},
        "env_vars": {
            "export": {"MLFLOW_TRACKING_URI": "MLFLOW_TRACKING_URI", "PATH": "/path/to/conda/env/bin:$PATH"},
        },
    },
    "export": {
        "mlflow": {
            "tracking_uri": "http://mlflow.example.com:5000",
            "experiment_name": "llm-evaluation",
            "description": "Llama 3.1 8B evaluation",
            "log_metrics": ["mmlu_score_macro", "mmlu_score_micro"],
            "tags": {"model_family": "llama", "version": 3.1},
            "extra_metadata": {"hardware": "A100", "batch_size": 32},
            "log_artifacts": True,
        },
    },
    "target": {
        "api_endpoint": {
            "model_id": "meta/llama-3.1-8b-instruct",
            "url": "https://integrate.api.nvidia.com/v1/chat/completions",
        },
    },
    "evaluation": {"tasks": [{"name": "simple_evals.mmlu"}]},
}
"""The keys and values of the seed's example; ``version`` without quotes, which is harder."""

EXPORT = """
import json, sys
import evaltrail
ids, config = json.loads(sys.argv[1])
print(json.dumps(evaltrail.export_results(invocation_ids=ids, dest="mlflow", config=config)))
"""


@pytest.fixture(scope="module")
def seed(tmp_path_factory, mlflow_url, _started_endpoint):
    """The seed's file, run once; results land in an experiment of its own."""
    started, usual = _started_endpoint
    started.configure(**usual)
    command = Installed(tmp_path_factory.mktemp("seed"), MLFLOW_TRACKING_URI=mlflow_url)
    with_harnesses(command)
    experiment = f"llm-evaluation {os.getpid()}"
    launching = Launching(command, started.url, experiment)
    content = json.loads(json.dumps(SEED))
    content["target"]["api_endpoint"]["url"] = f"{started.url}/chat/completions"
    content["export"]["mlflow"] |= {"tracking_uri": mlflow_url, "experiment_name": experiment}
    launching.write(content)
    launching.done = launching("--json", timeout=120)
    return launching


def test_the_seeds_file_runs_as_it_stands(seed):
    """Exit code 0, the launcher's tree, the harness's scores in the answer."""
    assert seed.done.code == 0, seed.done.err
    folder = Path(seed.done.object["jobs"][0]["folder"])
    assert folder.name == "simple_evals.mmlu.0"
    assert {
        "run.sh",
        "artifacts/results.yml",
        "artifacts/run_config.yml",
        "artifacts/metadata.yaml",
        "artifacts/eval_factory_metrics.json",
        "logs/stage.pre-start",
        "logs/stage.running",
        "logs/stage.exit",
        "logs/stdout.log",
        "logs/client_stdout.log",
    } <= tree(folder)
    results = yaml.safe_load((folder / "artifacts/results.yml").read_text())["results"]
    scores = results["groups"]["mmlu"]["metrics"]["score"]["scores"]
    assert seed.done.object["metrics"]["mmlu_score_micro"]["value"] == scores["micro"]["value"]


def test_its_results_are_in_mlflow_when_it_ends(seed, mlflow_url):
    """One run with the metrics asked for and no other, the tags, the metadata, the description, the artifacts."""
    landed = [run for run in runs_in(mlflow_url, seed.experiment) if run["info"]["run_name"].startswith("eval-")]
    (run,) = [run for run in landed if run["info"]["run_id"] == seed.done.object["receipts"][0]["run_id"]]
    metrics = {item["key"] for item in run["data"]["metrics"]}
    assert {"mmlu_score_macro", "mmlu_score_micro"} <= metrics
    assert all(name.startswith(("mmlu_score_macro", "mmlu_score_micro")) for name in metrics)
    tags = {tag["key"]: tag["value"] for tag in run["data"]["tags"]}
    assert (tags["model_family"], tags["version"]) == ("llama", "3.1")
    assert tags["mlflow.note.content"] == "Llama 3.1 8B evaluation"
    assert tags["harness"] == "simple_evals"
    params = {item["key"]: item["value"] for item in run["data"]["params"]}
    assert (params["hardware"], params["batch_size"]) == ("A100", "32")
    assert run["info"]["status"] == "FINISHED"


def test_the_command_exports_it_with_overrides_and_a_filter(seed, mlflow_url):
    """`export ID --dest mlflow -o ... --log-metrics ...`, twice: one run, the second time found complete."""
    invocation = seed.done.object["invocation_id"]
    experiment = f"{seed.experiment} by command"
    words = ("-o", f"export.mlflow.tracking_uri={mlflow_url}", "-o", f"export.mlflow.experiment_name={experiment}")
    for _ in range(2):
        done = seed.command("export", invocation[:8], "--dest", "mlflow", *words, "--log-metrics", "MICRO", "--json")
        assert done.code == 0, done.err
    (run,) = runs_in(mlflow_url, experiment)
    assert all("micro" in item["key"] for item in run["data"]["metrics"])


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("basic", {}),
        (
            "labelled",
            {
                "run_name": "llama-3.1-8b-mmlu",
                "description": "Evaluation of Llama 3.1 8B on MMLU",
                "tags": {"model_family": "llama", "model_version": "3.1", "benchmark": "mmlu"},
                "log_metrics": ["mmlu_score"],
                "extra_metadata": {"hardware": "A100-80GB", "batch_size": 32},
            },
        ),
        ("bare", {"log_artifacts": False}),
        ("once", {"skip_existing": True}),
    ],
)
def test_python_exports_it_with_each_configuration_of_the_seed(seed, mlflow_url, name, config):
    """The four of the seed, each twice: success both times, and one run."""
    invocation = seed.done.object["invocation_id"]
    experiment = f"{seed.experiment} {name}"
    given = json.dumps([[invocation[:8]], {"tracking_uri": mlflow_url, "experiment_name": experiment, **config}])
    found = [json.loads(seed.command.python(EXPORT, given).out) for _ in range(2)]
    assert [each["success"] for each in found] == [True, True]
    (run,) = runs_in(mlflow_url, experiment)
    assert {each["metadata"]["run_id"] for each in found} == {run["info"]["run_id"]}


def test_a_harness_that_fails_is_one_line_and_the_next_runs(seed, mlflow_url):
    """Crash, time-out and a flood of output: each told, bounded, and none stops the others."""
    tasks = [
        {"name": "simple_evals.crash"},
        {"name": "simple_evals.flood"},
        {"name": "simple_evals.mmlu", "nemo_evaluator_config": {"config": {"params": {"limit_samples": 8}}}},
    ]
    seed.write({"evaluation": {"tasks": tasks}, "execution": {"mode": "parallel"}}, "faults.yaml")
    done = seed.command("run", "--config", "faults.yaml", "--json", timeout=120)
    assert done.code == 1
    states = {job["task"]: job["state"] for job in done.object["jobs"]}
    assert states["simple_evals.crash"] == "failed"
    assert states["simple_evals.mmlu"] == "success"
    assert any("crash" in line and "evaltrail logs" in line for line in done.errors)


def test_a_harness_job_is_killed_with_all_that_it_started(seed):
    """`kill` of a hanging harness: the job is over, its processes are gone, `status` says killed."""
    seed.write({"evaluation": {"tasks": [{"name": "simple_evals.hang"}]}}, "hang.yaml")
    before = len(seed.lines())
    process = seed.command.start("run", "--config", "hang.yaml", "--json")
    until(lambda: len(seed.lines()) > before)
    folder = seed.folders()[-1]
    until((folder / "nemo_evaluator.yml").is_file)
    invocation = seed.lines()[-1]["invocation_id"]
    killed = seed.command("kill", invocation, "--json")
    assert killed.code == 0, killed.err
    assert ended(process).code == 1
    assert seed.status(invocation)["jobs"][0]["state"] == "killed"


@pytest.mark.parametrize("is_launcher_killed", [False, True])
def test_a_harness_that_outlives_its_job_is_ended(seed, is_launcher_killed):
    """Kill -9 of the job: its launcher ends the harness; where that is gone too, `kill` does."""
    seed.write({"evaluation": {"tasks": [{"name": "simple_evals.hang"}]}}, "hang.yaml")
    before = len(seed.lines())
    process = seed.command.start("run", "--config", "hang.yaml", "--json")
    until(lambda: len(seed.lines()) > before)
    lock = seed.folders()[-1] / ".running"
    until(lambda: lock.is_file() and len(lock.read_text().split()) == 2)
    if is_launcher_killed:
        process.kill()
    os.kill(int(lock.read_text().split()[0]), signal.SIGKILL)
    invocation = seed.lines()[-1]["invocation_id"]
    if is_launcher_killed:
        ended(process)
        assert is_locked(lock)
        assert seed.status(invocation)["state"] == "running"
        assert seed.command("kill", invocation).code == 0
    else:
        assert ended(process).code == 1
    assert not is_locked(lock)
    assert seed.status(invocation)["jobs"][0]["state"] in {"failed", "killed"}

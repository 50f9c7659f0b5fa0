"""`evaltrail.export_results` from Python: seed 002's own examples, and what comes back."""

from __future__ import annotations

import json

import pytest
from exporting import Exporting, Landed
from installed import Installed

from launcher_jobs import results_of, score
from mlflow_server import runs_in

SEED = """
import json, sys
from evaltrail import export_results

MLFLOW = sys.argv[1]
said = []

# Basic MLflow export
said += [export_results(
    invocation_ids=["8abcd123"],
    dest="mlflow",
    config={
        "tracking_uri": MLFLOW,
        "experiment_name": "model-evaluation"
    }
)]

# Export with metadata and tags
said += [export_results(
    invocation_ids=["8abcd123"],
    dest="mlflow",
    config={
        "tracking_uri": MLFLOW,
        "experiment_name": "llm-benchmarks",
        "run_name": "llama-3.1-8b-mmlu",
        "description": "Evaluation of Llama 3.1 8B on MMLU",
        "tags": {
            "model_family": "llama",
            "model_version": "3.1",
            "benchmark": "mmlu"
        },
        "log_metrics": ["accuracy"],
        "extra_metadata": {
            "hardware": "A100-80GB",
            "batch_size": 32
        }
    }
)]

# Export with artifacts disabled
said += [export_results(
    invocation_ids=["8abcd123"],
    dest="mlflow",
    config={
        "tracking_uri": MLFLOW,
        "experiment_name": "model-comparison",
        "log_artifacts": False
    }
)]

# Skip if run already exists
for _ in range(2):
    said += [export_results(
        invocation_ids=["8abcd123"],
        dest="mlflow",
        config={
            "tracking_uri": MLFLOW,
            "experiment_name": "nightly-evals",
            "skip_existing": True
        }
    )]
print(json.dumps(said))
"""
OTHERS = """
import json, sys
import evaltrail

experiment = {"experiment_name": sys.argv[1]}
print(json.dumps([
    evaltrail.export_results(["8abcd123.0", "5555"], config=experiment),
    evaltrail.export_results("8abcd123.0", "mlflow", experiment),
    evaltrail.export_results(["8abcd123", "6666"], config=experiment),
    evaltrail.export_results(["6666"], config=experiment),
    evaltrail.export_results(["ffff"], config=experiment),
    evaltrail.export_results(["8abcd123"], dest="mlfow", config=experiment),
    evaltrail.export_results(["8abcd123"], config={**experiment, "log_metric": ["x"]}),
    evaltrail.export_results(["8abcd123"], config={**experiment, "tracking_uri": "ftp://user:plum-otter@host"}),
    evaltrail.export_results([], config=experiment),
]))
"""
METADATA = {"run_id", "experiment_id", "tracking_uri", "run_url", "metrics_logged", "params_logged", "artifacts_logged"}


def with_accuracy():
    accuracy = {"tasks": {"mmlu": {"metrics": {"accuracy": {"scores": {"accuracy": score(0.625)}}}}}}
    return {**results_of("mmlu"), **accuracy}


@pytest.fixture(scope="module")
def seed(tmp_path_factory, mlflow_url):
    """What the seed's examples returned, and the runs they made."""
    folder = tmp_path_factory.mktemp("seed")
    export = Exporting(folder, mlflow_url, "")
    export.jobs.add("8abcd123", results=with_accuracy())
    done = Installed(folder).python(SEED, mlflow_url)
    assert (done.code, done.err) == (0, "")
    return json.loads(done.out)


@pytest.fixture(scope="module")
def others(tmp_path_factory, mlflow_url):
    """What calls of other kinds returned."""
    folder = tmp_path_factory.mktemp("others")
    export = Exporting(folder, mlflow_url, "")
    export.jobs.add("8abcd123", results=with_accuracy())
    export.jobs.add("5555aaaa5555aaaa")
    export.jobs.add("6666aaaa6666aaaa")
    (export.jobs.add("6666aaaa6666aaaa", 1, "gpqa") / "artifacts" / "results.yml").write_text("{ no yaml")
    done = Installed(folder, MLFLOW_TRACKING_URI=mlflow_url).python(OTHERS, f"python {folder.name}")
    assert (done.code, done.err) == (0, "")
    return json.loads(done.out)


def run_of(url, said):
    """The run that an answer names, in the experiment that it names."""
    metadata = said["metadata"]
    runs = [Landed(run) for run in runs_in(url, metadata["experiment_name"])]
    return next(run for run in runs if run.id == metadata["run_id"])


def test_the_seeds_basic_export(seed, mlflow_url):
    """One id: success, the invocation, its jobs, and the run's figures, as launcher 0.1.31 returned them."""
    said = seed[0]
    assert (said["success"], said["invocation_id"]) == (True, "8abcd123")
    assert said["metadata"].keys() >= METADATA
    assert said["metadata"]["tracking_uri"] == mlflow_url
    assert said["metadata"]["run_url"].startswith(f"{mlflow_url}/#/experiments/")
    assert list(said["jobs"]) == ["8abcd123.0"]
    assert said["jobs"]["8abcd123.0"].keys() == {"success", "message", "metadata"}
    run = run_of(mlflow_url, said)
    assert (said["metadata"]["metrics_logged"], said["metadata"]["params_logged"]) == (
        len(run.metrics),
        len(run.params),
    )
    assert (said["metadata"]["experiment_name"], said["metadata"]["artifacts_logged"]) == ("model-evaluation", 4)


def test_the_seeds_export_with_metadata_and_tags(seed, mlflow_url):
    """Name, description, tags, params and the one metric are what the example says."""
    said = seed[1]
    assert said["success"], said
    run = run_of(mlflow_url, said)
    assert (run.name, run.tags["mlflow.note.content"]) == ("llama-3.1-8b-mmlu", "Evaluation of Llama 3.1 8B on MMLU")
    assert {"model_family": "llama", "model_version": "3.1", "benchmark": "mmlu"}.items() <= run.tags.items()
    assert {"hardware": "A100-80GB", "batch_size": "32"}.items() <= run.params.items()
    assert run.metrics == {"mmlu_accuracy": 0.625}


def test_the_seeds_other_examples(seed):
    """Without artifacts none is counted; with skip_existing the second call finds the run of the first."""
    without, first, second = seed[2:]
    assert (without["success"], without["metadata"]["artifacts_logged"]) == (True, 0)
    assert (first["success"], second["success"]) == (True, True)
    assert second["metadata"]["run_id"] == first["metadata"]["run_id"]
    assert "was complete already" in second["jobs"]["8abcd123.0"]["message"]


def test_several_ids_are_told_by_invocation(others):
    """Each invocation as one alone would be, and how many there were; a single text is one id."""
    several, alone = others[:2]
    assert (several["success"], set(several["invocations"])) == (True, {"8abcd123", "5555aaaa5555aaaa"})
    assert several["metadata"] == {"total_invocations": 2, "successful_invocations": 2}
    assert list(several["invocations"]["8abcd123"]["jobs"]) == ["8abcd123.0"]
    assert alone["metadata"]["run_id"] == several["invocations"]["8abcd123"]["metadata"]["run_id"]


def test_a_job_that_could_not_be_read_is_told_beside_those_that_landed(others):
    """success is False for it, for its invocation and for the whole; the other jobs name their run."""
    both, one = others[2:4]
    assert (both["success"], both["metadata"]["successful_invocations"]) == (False, 1)
    assert both["invocations"]["8abcd123"]["success"] is True
    assert (one["success"], [job["success"] for job in one["jobs"].values()]) == (False, [True, False])
    good, bad = one["jobs"].values()
    assert (good["metadata"]["run_id"], bad["metadata"]) == (one["metadata"]["run_id"], {})
    assert "results.yml" in bad["message"]
    assert one["error"] == bad["message"]
    assert both["invocations"]["6666aaaa6666aaaa"]["jobs"].keys() == one["jobs"].keys()


@pytest.mark.parametrize(
    ("place", "code", "said"),
    [
        (4, "unknown_id", "ffff"),
        (5, "unknown_destination", "did you mean 'mlflow'?"),
        (6, "unknown_option", "did you mean 'log_metrics'?"),
        (7, "bad_tracking_uri", "ftp://host"),
        (8, "usage", "evaltrail ls runs"),
    ],
)
def test_what_cannot_begin_is_no_success_and_nothing_is_raised(others, place, code, said):
    """The error, its code and what to do next; a password in a URI is not among them."""
    found = others[place]
    assert (found["success"], found["code"]) == (False, code)
    assert said in found["error"]
    assert found["hint"]
    assert "plum-otter" not in json.dumps(found)

"""A run configuration with native tasks: the tree, the stages, the database, the results, MLflow."""

from __future__ import annotations

import json
import re

import pytest
import yaml
from installed import one_error
from launching import Launching, tree

from judge_server import JudgeServer
from mlflow_server import runs_in


@pytest.fixture
def launching(evaltrail, endpoint, experiment):
    return Launching(evaltrail, endpoint.url, experiment)


def test_a_job_leaves_the_launchers_tree(launching):
    """Folder, stages, documents and database line are where the NeMo launcher puts its own, and `progress` counts."""
    launching.native(count=40)
    done = launching("--json")
    assert done.code == 0, done.err
    (folder,) = launching.folders()
    found = done.object
    assert re.fullmatch(rf"\d{{8}}_\d{{6}}-{found['invocation_id']}", folder.parent.name)
    assert folder.name == "sums.0"
    assert {
        "run.sh",
        "job.json",
        "outcome.json",
        "artifacts/results.yml",
        "artifacts/run_config.yml",
        "artifacts/metadata.yaml",
        "artifacts/eval_factory_metrics.json",
        "artifacts/progress",
        "artifacts/bundle/bundle.json",
        "artifacts/bundle/samples.parquet",
        "logs/stage.pre-start",
        "logs/stage.running",
        "logs/stage.exit",
        "logs/stdout.log",
        "logs/client_stdout.log",
    } <= tree(folder)
    assert not list(folder.glob("work/*"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ 0\n", (folder / "logs/stage.exit").read_text())
    assert (folder / "artifacts/progress").read_text() == "40"
    assert (folder / "job.json").stat().st_mode & 0o077 == 0
    (line,) = launching.lines()
    assert (line["job_id"], line["executor"]) == (f"{found['invocation_id']}.0", "local")
    assert line["config"]["target"]["api_endpoint"]["model_id"] == "m"


def test_the_launchers_documents_hold_the_scores(launching):
    """`results.yml` nests each metric as the launcher does, with count and stderr."""
    launching.native(count=40)
    assert launching("--json").code == 0
    (folder,) = launching.folders()
    results = yaml.safe_load((folder / "artifacts/results.yml").read_text())
    score = results["results"]["tasks"]["sums"]["metrics"]["exact_match"]["scores"]["exact_match"]
    assert score["value"] == pytest.approx(0.9)
    assert score["stats"]["count"] == 40
    assert results["config"]["type"] == "sums"


def test_settings_reach_the_endpoint(launching, endpoint):
    """The launcher's words for limit, tokens, temperature and parallelism are acted on; tasks lie over the whole."""
    params = {"limit_samples": 20, "temperature": 0.5, "top_p": 0.9, "max_new_tokens": 7, "parallelism": 4}
    task = {"name": "sums.yaml", "nemo_evaluator_config": {"config": {"params": {"max_new_tokens": 9}}}}
    launching.native(evaluation={"nemo_evaluator_config": {"config": {"params": params}}, "tasks": [task]})
    endpoint.configure(latency_ms=20)
    done = launching("--json")
    assert done.code == 0, done.err
    stats = endpoint.stats()
    assert stats["ok"] == 20
    assert stats["peak_inflight"] == 4
    asked = json.loads(stats["last_request"]["body"])
    assert (asked["temperature"], asked["top_p"], asked["max_tokens"]) == (0.5, 0.9, 9)


@pytest.mark.slow
def test_jobs_run_one_after_the_other_or_side_by_side(launching, endpoint):
    """Sequential is the default; parallel jobs overlap."""
    endpoint.configure(latency_ms=150)
    params = {"nemo_evaluator_config": {"config": {"params": {"parallelism": 5}}}}
    launching.native(count=20, evaluation={**params, "tasks": ["sums.yaml", "sums.yaml"]})
    assert launching("--json").code == 0
    assert endpoint.stats()["peak_inflight"] == 5
    assert launching("-o", "execution.mode=parallel", "--json").code == 0
    assert endpoint.stats()["peak_inflight"] == 10


def test_results_land_by_themselves_as_one_run(launching, mlflow_url):
    """Auto-export: when the command ends, one run holds the metrics of all jobs, complete, with samples."""
    launching.native(count=20, tasks=2, execution={"auto_export": {"destinations": ["mlflow"]}})
    done = launching("--json")
    assert done.code == 0, done.err
    (run,) = runs_in(mlflow_url, launching.experiment)
    assert run["info"]["status"] == "FINISHED"
    assert run["info"]["run_name"] == f"eval-{done.object['invocation_id']}"
    metrics = {item["key"]: item["value"] for item in run["data"]["metrics"]}
    scores = {name: value for name, value in metrics.items() if name.endswith("exact_match")}
    assert list(scores.values()) == [pytest.approx(0.9)] * 2
    assert [receipt["run_id"] for receipt in done.object["receipts"]] == [run["info"]["run_id"]]


@pytest.mark.slow
def test_each_job_may_have_a_run_of_its_own(launching, mlflow_url):
    """`runs: job`: each job is delivered when it ends."""
    launching.native(
        count=20,
        tasks=2,
        execution={"auto_export": {"destinations": ["mlflow"]}},
        export={"mlflow": {"experiment_name": launching.experiment, "runs": "job"}},
    )
    done = launching("--json")
    assert done.code == 0, done.err
    runs = runs_in(mlflow_url, launching.experiment)
    assert len(runs) == len(done.object["receipts"]) == 2
    assert {run["info"]["status"] for run in runs} == {"FINISHED"}


@pytest.mark.slow
def test_a_manual_export_of_the_same_changes_nothing(launching, mlflow_url):
    """What auto-export has landed is complete for `export` too."""
    launching.native(count=20, execution={"auto_export": {"destinations": ["mlflow"]}})
    found = launching("--json").object
    words = ("-o", f"export.mlflow.experiment_name={launching.experiment}")
    again = launching.command("export", found["invocation_id"][:8], "--dest", "mlflow", *words, "--json")
    assert again.code == 0, again.err
    assert [receipt["run_id"] for receipt in again.object["receipts"]] == [found["receipts"][0]["run_id"]]
    assert len(runs_in(mlflow_url, launching.experiment)) == 1


def test_only_chosen_tasks_run(launching, endpoint):
    """`-t` picks by name."""
    launching.native(count=20, evaluation={"tasks": ["sums.yaml", "native.reading"]})
    done = launching("-t", "sums.yaml", "--json")
    assert done.code == 0, done.err
    assert [job["task"] for job in done.object["jobs"]] == ["sums.yaml"]


def test_a_dry_run_starts_nothing(launching, endpoint):
    """The resolved configuration without secrets and the plan; no request, no folder, no line."""
    launching.native(env_vars={"HF_TOKEN": "lit:hf_abcdefghijklmnop"})
    done = launching("--dry-run")
    assert done.code == 0, done.err
    assert "model_id: m" in done.out
    assert "sums.yaml" in done.out
    assert "hf_abcdefghijklmnop" not in done.out + done.err
    assert endpoint.stats()["total"] == 0
    assert launching.lines() == []
    assert not (launching.folder / "results").exists()


def test_results_go_to_files_too(launching):
    """`destinations: [local]` writes a summary beside the copied artifacts."""
    out = launching.folder / "summary"
    launching.native(
        count=20,
        execution={"auto_export": {"destinations": ["local"]}},
        export={"local": {"output_dir": str(out), "format": "json"}},
    )
    done = launching("--json")
    assert done.code == 0, done.err
    (receipt,) = done.object["receipts"]
    assert receipt["dest"] == "local"
    assert any(file.endswith("processed_results.json") for file in receipt["files"])


@pytest.mark.slow
def test_the_same_task_runs_with_a_baseline_model(launching, endpoint):
    """A baseline needs no endpoint, so none is asked for."""
    launching.native(
        evaluation={"tasks": ["native.reading"]}, target={"api_endpoint": {"model_id": "baseline:random", "url": ""}}
    )
    done = launching("--json")
    assert done.code == 0, done.err
    assert endpoint.stats()["total"] == 0
    assert one_error(launching("-t", "no_such", "--json"))


@pytest.mark.slow
def test_the_judge_of_a_job_is_told_at_its_end(launching, endpoint):
    """Which model judged, and that nobody has measured it; without one nothing is started."""
    launching.native(count=4)
    task = launching.folder / "sums.yaml"
    task.write_text(task.read_text().replace("metrics:", "metrics:\n- tone: {grading_prompt: Rate 1 to 5.}\n#"))
    assert "extra.judge" in launching.refused().err
    assert endpoint.stats()["total"] == 0
    with JudgeServer(lambda _: {"rationale": "kind", "score": 4}) as server:
        word = f"evaluation.nemo_evaluator_config.config.params.extra.judge={server.url}#judge-1"
        done = launching("-o", f"++{word}")
        assert done.code == 0, done.err
    assert "tone is judged by judge-1: uncalibrated" in done.out

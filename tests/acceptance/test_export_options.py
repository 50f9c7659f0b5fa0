"""The exporter's options, as seed 002's table has them, in both vocabularies of the launcher."""

from __future__ import annotations

import uuid

import pytest
from exporting import Exporting, only_receipt
from installed import one_error

from evaltrail.core.errors import InputError
from launcher_jobs import BEGAN, INVOCATION, MODEL, REQUIRED, write_yaml
from mlflow_server import content_of, runs_in

DEFAULT = "nemo-evaluator-launcher"


@pytest.fixture
def export(tmp_path, mlflow_url, experiment):
    return Exporting(tmp_path, mlflow_url, experiment)


@pytest.fixture
def invocation():
    """An id that nobody else has, so that the default experiment may be shared."""
    return uuid.uuid4().hex[:16]


def files_of(plan):
    """The files that would land, without the folder of their job."""
    return {item.path.partition("/")[2] for item in plan.artifacts}


def in_default(url, invocation):
    """Name and content of the runs of an invocation in the default experiment."""
    runs = [
        run for run in runs_in(url, DEFAULT) if {"key": "invocation_id", "value": invocation} in run["data"]["tags"]
    ]
    return {run["info"]["run_name"]: content_of(url, run) for run in runs}


def test_without_options_an_invocation_is_one_run_in_the_launchers_experiment(evaltrail, export, invocation):
    """`export ID --dest mlflow`: experiment, run name, params, tags, metrics, times and files are the contract's."""
    export.jobs.add(invocation)
    done = evaltrail("export", invocation[:10], "--dest", "mlflow", "--json")
    assert (done.code, done.err) == (0, "")
    found = in_default(export.url, invocation)
    run = found.pop(f"eval-{invocation}")
    assert found == {}
    tags, params, metrics = run["tags"], run["params"], run["metrics"]
    job = {"invocation_id": invocation, "job_id": f"{invocation}.0", "executor": "local", "harness": "simple_evals"}
    assert job.items() <= tags.items()
    assert job.items() <= params.items()
    assert (tags["task_name"], tags["benchmark"], tags["model"]) == ("mmlu", "mmlu", MODEL)
    assert (params["model"], params["endpoint"]) == (MODEL, "http://127.0.0.1:9/v1/chat/completions")
    assert (params["config.params.limit_samples"], params["config.params.temperature"]) == ("100", "0.0")
    values = {name: points[0][0] for name, points in metrics.items()}
    named = {"mmlu_score_micro": 0.6841, "mmlu_score_macro": 0.6825, "stem_score_micro": 0.5375}
    beside = {"mmlu_score_micro_stderr": 0.0041, "mmlu_score_micro_stddev": 0.46}
    runtime = {"count": 100, "successful_count": 99, "avg_latency_ms": 412.5, "runtime_seconds": 177.5}
    assert values == named | beside | {f"runtime/{name}": value for name, value in runtime.items()}
    assert run["times"] == (1766143654000, 1766143831500), f"the evaluation's own, in UTC, not {BEGAN}"
    assert {path.rpartition("/")[2] for path in run["artifacts"]} == REQUIRED
    receipt = done.object["receipts"][0]
    assert (receipt["metrics_logged"], receipt["artifacts_logged"]) == (len(metrics), 4)
    assert receipt["params_logged"] == len(params)


def test_runs_may_be_one_a_job(export, invocation):
    """`runs: job`, as 0.2.6 has them, are named `eval-<invocation>-<task>`."""
    export.jobs.add(invocation)
    export.jobs.add(invocation, 1, "gpqa")
    export(invocation, runs="job", experiment_name=None)
    assert {name: run["tags"]["job_id"] for name, run in in_default(export.url, invocation).items()} == {
        f"eval-{invocation}-mmlu": f"{invocation}.0",
        f"eval-{invocation}-gpqa": f"{invocation}.1",
    }


def test_runs_may_be_nested(export):
    """`runs: nested`: the invocation's run holds everything, one child a job its own metrics and status."""
    export.jobs.add()
    export.jobs.add(number=1, task="gpqa", ending="failed")
    (outcome,) = export(INVOCATION, runs="nested").outcomes
    parent, *children = outcome.receipts
    runs = {run.id: run for run in export.landed()}
    assert len(runs) == 3
    assert runs[parent.run_id].name == f"eval-{INVOCATION}"
    assert runs[parent.run_id].status == "FAILED"
    assert [runs[child.run_id].tags["mlflow.parentRunId"] for child in children] == [parent.run_id] * 2
    assert [runs[child.run_id].status for child in children] == ["FINISHED", "FAILED"]
    assert runs[children[0].run_id].metrics == runs[parent.run_id].metrics
    assert runs[children[1].run_id].metrics == {}


def test_texts_tags_and_metadata_land_as_they_are(export):
    """The description keeps its lines, nested metadata gets dotted names, tags stand beside the exporter's."""
    export.jobs.add()
    done = export(
        INVOCATION,
        run_name="llama-3.1-8b-mmlu",
        description="Evaluation of Llama\n\n* on MMLU: \u00e4\u4e2d",
        tags={"model_family": "llama", "benchmark": "mmlu"},
        extra_metadata={"hardware": "A100-80GB", "batch_size": 32, "cluster": {"nodes": [1, 2], "zone": {"id": "a"}}},
    )
    only_receipt(done)
    run = export.run()
    assert run.name == "llama-3.1-8b-mmlu"
    assert run.tags["mlflow.note.content"] == "Evaluation of Llama\n\n* on MMLU: \u00e4\u4e2d"
    assert (run.tags["model_family"], run.tags["benchmark"]) == ("llama", "mmlu")
    metadata = {"hardware": "A100-80GB", "batch_size": "32", "cluster.nodes.0": "1", "cluster.nodes.1": "2"}
    assert (metadata | {"cluster.zone.id": "a"}).items() <= run.params.items()


@pytest.mark.parametrize("name", ["log_artifacts", "copy_artifacts"])
def test_without_artifacts_nothing_at_all_is_uploaded(export, name):
    """Neither the job's files nor any of ours; metrics and params land all the same, whatever else is asked for."""
    export.jobs.add()
    only_receipt(export(INVOCATION, **{name: False}, log_logs=True, only_required=False))
    run = export.run()
    assert content_of(export.url, run.raw)["artifacts"] == {}
    assert len(run.metrics) == 9


def test_the_files_that_land_are_those_asked_for(export):
    """Required ones only, logs too, everything but caches, databases and locks, all but some patterns; never keys."""
    folder = export.jobs.add()
    artifacts = folder / "artifacts"
    (artifacts / "cache").mkdir()
    for name in ("report.html", "cache/response.json", "cache.db", "x.lock", ".secrets.env", "server.pem", "big.bin"):
        (artifacts / name).write_text("x")
    (folder / "logs" / "prod.env").write_text("KEY=1")
    required = {f"artifacts/{name}" for name in REQUIRED}
    logs = {"logs/stdout.log", "logs/stage.pre-start", "logs/stage.running", "logs/stage.exit"}
    extra = {"artifacts/report.html", "artifacts/big.bin", "run.sh"}
    assert files_of(export.plan(INVOCATION)) == required
    assert files_of(export.plan(INVOCATION, copy_logs=True)) == required | logs
    whole = export.plan(INVOCATION, only_required=False, log_logs=True)
    assert files_of(whole) == required | logs | extra
    assert {item.what.rpartition("/")[2] for item in whole.skipped} >= {".secrets.env", "server.pem", "prod.env"}
    fewer = export.plan(INVOCATION, only_required=False, exclude_patterns=["*.bin", "run.*"])
    assert files_of(fewer) == required | {"artifacts/report.html"}
    (artifacts / "omni-info.json").write_text('{"seed": 1}')
    assert files_of(export.plan(INVOCATION)) == required | {"artifacts/omni-info.json"}


def test_the_run_configuration_becomes_params_as_deep_as_asked_for(export):
    """Off unless asked for; what lies deeper stays one text; secrets are none of them."""
    config = {
        "execution": {"type": "local", "env_vars": {"HF_TOKEN": "lit:hf-plum-4711"}},
        "evaluation": {"tasks": [{"name": "mmlu", "overrides": {"a": {"b": 1}}}]},
    }
    export.jobs.add(config=config)

    def params(**options):
        found = export.plan(INVOCATION, **options).params
        return {name: value for name, value in found.items() if name.startswith(("config.ex", "config.ev"))}

    assert params() == {}
    assert params(log_config_params=True) == {
        "config.execution.type": "local",
        "config.execution.env_vars.HF_TOKEN": "lit:***",
        "config.evaluation.tasks.0.name": "mmlu",
        "config.evaluation.tasks.0.overrides.a.b": "1",
    }
    assert params(log_config_params=True, log_config_params_max_depth=2) == {
        "config.execution.type": "local",
        "config.execution.env_vars": "{'HF_TOKEN': 'lit:***'}",
        "config.evaluation.tasks": "[{'name': 'mmlu', 'overrides': {'a': {'b': 1}}}]",
    }


def test_a_flag_wins_over_an_override_and_that_over_the_file(evaltrail, export):
    """Also across the vocabularies: the file's `copy_logs` gives way to `-o log_logs`, and that to --log-logs."""
    export.jobs.add()
    section = {"run_name": "file", "description": "file", "copy_logs": False, "log_metrics": ["micro"]}
    section |= {"experiment_name": "file", "only_required": False, "copy_artifacts": False}
    write_yaml(evaltrail.cwd / "export.yaml", {"export": {"mlflow": section, "wandb": {"entity": "x"}}})
    overrides = ("run_name=override", "log_logs=true", "log_metrics=[macro]", "log_artifacts=true")
    words = [word for text in overrides for word in ("-o", f"export.mlflow.{text}")]
    flags = ("--log-metrics", "stem", "--no-log-logs", "--only-required")
    done = evaltrail.here("export", INVOCATION, "--config", "export.yaml", *words, *flags, "--dry-run", "--json")
    assert done.code == 0, done.err
    plan = done.object["plan"][0][0]
    assert (plan["experiment"], plan["run_name"]) == ("file", "override")
    assert plan["tags"]["mlflow.note.content"] == "file"
    assert [metric["name"] for metric in plan["metrics"]] == ["stem_score_micro"]
    assert {item["path"].rpartition("/")[2] for item in plan["artifacts"]} == REQUIRED
    assert runs_in(export.url, "file") == []


def test_a_tracking_uri_is_needed(export):
    """MLflow's own default store is no answer here: exit 2 with both ways to name one."""
    export.jobs.add()
    del export.environ["MLFLOW_TRACKING_URI"]
    with pytest.raises(InputError) as caught:
        export(INVOCATION)
    assert caught.value.exit_code == 2
    assert "MLFLOW_TRACKING_URI" in caught.value.hint
    assert "export.mlflow.tracking_uri=" in caught.value.hint
    export.environ["TEAM_MLFLOW"] = export.url
    assert only_receipt(export(INVOCATION, tracking_uri="TEAM_MLFLOW")).status == "FINISHED"


def test_a_missing_tracking_uri_stops_the_command(evaltrail, export):
    """One line and exit 2, and no mlflow.db in the working folder."""
    export.jobs.add()
    del evaltrail.environ["MLFLOW_TRACKING_URI"]
    done = evaltrail.here("export", INVOCATION)
    assert done.code == 2
    assert "MLFLOW_TRACKING_URI" in one_error(done)
    assert list(evaltrail.cwd.iterdir()) == []


def test_a_file_whose_options_cannot_be_used_is_named(evaltrail, export):
    """Exit 2 with the file, what is wrong and what would be right, also where `-o` stands beside it."""
    export.jobs.add()
    file = evaltrail.cwd / "export.yaml"
    file.write_text("export: {mlflow: {experimnt_name: x}}")
    done = evaltrail.here("export", INVOCATION, "--config", file, "-o", "export.mlflow.run_name=x")
    assert done.code == 2
    assert str(file) in one_error(done)
    assert "did you mean 'experiment_name'?" in one_error(done)

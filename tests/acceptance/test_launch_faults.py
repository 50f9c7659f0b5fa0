"""Run configurations with mistakes, and jobs that go wrong: one clear line each, and the other jobs go on."""

from __future__ import annotations

import pytest
from installed import one_error
from launching import Launching, with_harnesses

from mlflow_server import runs_in


@pytest.fixture
def launching(evaltrail, endpoint, experiment):
    return Launching(evaltrail, endpoint.url, experiment)


def refused(launching) -> str:
    """The one line of a launch that is refused."""
    return one_error(launching.refused())


def test_a_missing_mandatory_value_names_its_place(launching):
    """`???` that nobody has filled: file, line, key, and how to fill it."""
    launching.native(target={"api_endpoint": {"url": "???", "model_id": "m"}})
    said = refused(launching)
    assert "my_config.yaml:" in said
    assert "target.api_endpoint.url" in said
    assert "-o target.api_endpoint.url=" in said


def test_a_circle_of_interpolation_is_named(launching):
    """a -> b -> a: the chain is told."""
    launching.native(execution={"output_dir": "${env_vars.A}"}, env_vars={"A": "${execution.output_dir}"})
    said = refused(launching)
    assert "execution.output_dir" in said
    assert "env_vars.A" in said


def test_an_unknown_key_is_answered_with_the_nearest(launching):
    """A typo: file, line and what was probably meant."""
    launching.native(execution={"ouput_dir": "x"})
    said = refused(launching)
    assert "my_config.yaml:" in said
    assert "'output_dir'" in said


def test_a_wrong_type_is_told_with_its_line(launching):
    """A text where a number is wanted."""
    params = {"nemo_evaluator_config": {"config": {"params": {"parallelism": "many"}}}}
    launching.native(evaluation={**params, "tasks": ["sums.yaml"]})
    said = refused(launching)
    assert "my_config.yaml:" in said
    assert "parallelism" in said


def test_several_mistakes_are_told_at_once(launching):
    """One line each, nothing started."""
    launching.native(execution={"ouput_dir": "x", "mode": "sideways"})
    done = launching.refused()
    assert len(done.errors) == 2
    assert launching.lines() == []


def test_tags_may_be_numbers(launching, mlflow_url):
    """`version: 3.1` is a number to YAML and a tag to MLflow."""
    mlflow = {"experiment_name": launching.experiment, "tags": {"version": 3.1, "ready": True}}
    launching.native(count=20, execution={"auto_export": {"destinations": ["mlflow"]}}, export={"mlflow": mlflow})
    done = launching("--json")
    assert done.code == 0, done.err
    (run,) = runs_in(mlflow_url, launching.experiment)
    tags = {tag["key"]: tag["value"] for tag in run["data"]["tags"]}
    assert (tags["version"], tags["ready"]) == ("3.1", "true")


def test_an_unwritable_output_folder_is_told(launching):
    """A file stands where the folder would be: nothing was started."""
    (launching.folder / "taken").write_text("")
    launching.native(execution={"output_dir": "taken"})
    said = refused(launching)
    assert "output_dir" in said
    assert launching.lines() == []


def test_an_endpoint_that_is_away_is_found_out_first(launching, endpoint):
    """Nobody listens: no folder, no line; left out, the job itself finds it."""
    launching.url = "http://127.0.0.1:9/v1"
    launching.native(count=20)
    said = refused(launching)
    assert "127.0.0.1:9" in said
    assert "--no-endpoint-check" in said
    assert launching.lines() == []
    done = launching("--no-endpoint-check", "--json")
    assert done.code == 1
    assert [job["state"] for job in done.object["jobs"]] == ["failed"]
    hints = [error["hint"] for error in done.object["errors"]]
    assert any("check target.api_endpoint.url" in hint for hint in hints)
    assert not any("--url" in hint for hint in hints)


def test_an_unknown_task_is_answered_with_the_nearest(launching):
    """Task files, native tasks and harness tasks alike."""
    launching.native(evaluation={"tasks": ["native.readin"]})
    assert "'reading'" in refused(launching)
    launching.native(evaluation={"tasks": ["sum.yaml"]})
    assert "'sums.yaml'" in refused(launching)
    with_harnesses(launching.command)
    launching.native(evaluation={"tasks": ["simple_evals.mmlo"]})
    assert "simple_evals.mmlu" in refused(launching)


def test_a_harness_that_is_not_installed_is_named(launching):
    """A well-known harness: which package brings it."""
    launching.native(evaluation={"tasks": ["bigcode-evaluation-harness.mbpp"]})
    assert "pip install nvidia-bigcode-eval" in refused(launching)


def test_a_broken_task_file_stops_the_launch(launching, endpoint):
    """A mistake in any task is found before any job is started."""
    launching.native(evaluation={"tasks": ["sums.yaml", "broken.yaml"]})
    (launching.folder / "broken.yaml").write_text("name: broken\nprompt: x\n")
    assert "broken.yaml" in refused(launching)
    assert endpoint.stats()["total"] == 0


def test_a_typo_in_the_export_stops_the_launch(launching, endpoint):
    """An option that the exporter does not know is found before hours of work."""
    launching.native(
        execution={"auto_export": {"destinations": ["mlflow"]}}, export={"mlflow": {"experment_name": "x"}}
    )
    assert "experiment_name" in refused(launching)
    assert endpoint.stats()["total"] == 0


def test_everything_that_is_wrong_with_the_export_is_told_at_once(launching, endpoint):
    """Of all destinations, each with file and line, or the `-o` that gave it."""
    launching.native(
        execution={"auto_export": {"destinations": ["mlflow", "local"]}},
        export={
            "mlflow": {"experment_name": "x", "runs": "jobs", "tags": {"a": [1]}},
            "local": {"format": "xml", "output_dir": "there"},
        },
    )
    lines = (launching.folder / "my_config.yaml").read_text().splitlines()
    done = launching.refused("-o", "export.mlflow.run_name=[a]", "--json")

    def place(text):
        return f"my_config.yaml:{next(n for n, line in enumerate(lines, 1) if line.strip().startswith(text))}"

    assert {(error["where"], error["message"]) for error in done.object["errors"]} == {
        (place("experment_name"), "export.mlflow has no option 'experment_name'"),
        (place("runs"), "the value of export.mlflow.runs cannot be used"),
        (place("tags"), "the value of export.mlflow.tags cannot be used"),
        ("-o export.mlflow.run_name=[...]", "the value of export.mlflow.run_name cannot be used"),
        (place("format"), "the value of export.local.format cannot be used"),
    }
    assert len(done.errors) == 5
    assert endpoint.stats()["total"] == 0


def test_what_no_destination_could_take_is_told_at_once_too(launching):
    """Values that only the destination can judge: the tracking URI, tags of ours, a folder that is a file."""
    (launching.folder / "taken").write_text("")
    launching.native(
        execution={"auto_export": {"destinations": ["mlflow", "local"]}},
        export={
            "mlflow": {"tracking_uri": "httq://host", "tags": {"evaltrail.key": "x"}, "experiment_name": "x" * 300},
            "local": {"output_dir": "taken"},
        },
    )
    done = launching.refused()
    assert len(done.errors) == 4
    assert all("error: my_config.yaml:" in line for line in done.errors)


def test_a_line_of_the_env_file_that_says_nothing_stops_the_launch(launching, endpoint):
    """File and line, before anything is started, and no word of another library."""
    launching.native(count=20)
    (launching.folder / "launch.env").write_text("A=1\nB 2\n")
    done = launching.refused("--env-file", "launch.env")
    assert one_error(done).startswith("error: launch.env:2: the line is no NAME=VALUE (")
    assert "dotenv" not in done.err
    assert (launching.lines(), endpoint.stats()["total"]) == ([], 0)


@pytest.mark.parametrize(
    ("destination", "options", "said"),
    [
        ("mlflow", {"tags": {"invocation_id": "x"}}, "invocation_id"),
        ("mlflow", {"tags": {"evaltrail.key": "x"}}, "evaltrail.key"),
        ("mlflow", {"experiment_name": "x" * 300}, "300 characters"),
        ("mlflow", {"tracking_uri": "httq://host"}, "httq"),
        ("local", {"output_dir": "taken"}, "output_dir"),
    ],
)
def test_what_could_never_be_delivered_stops_the_launch(launching, endpoint, destination, options, said):
    """Found before hours of work, not after them."""
    (launching.folder / "taken").write_text("")
    launching.native(execution={"auto_export": {"destinations": [destination]}}, export={destination: options})
    assert said in refused(launching)
    assert endpoint.stats()["total"] == 0


def test_a_value_of_a_variable_is_written_down_nowhere(launching, endpoint):
    """`${oc.env:X}` under env_vars: documents, database and job.json hold the reference."""
    launching.native(count=10, env_vars={"PLAIN": "${oc.env:FROM_HERE}"})
    launching.command.environ["FROM_HERE"] = "bluewhale42"
    done = launching("--json")
    assert done.code == 0, done.err
    (folder,) = launching.folders()
    files = [file for file in folder.parent.rglob("*") if file.is_file()]
    assert [file.name for file in files if b"bluewhale42" in file.read_bytes()] == []
    assert launching.lines()[0]["config"]["env_vars"] == {"PLAIN": "${oc.env:FROM_HERE}"}


def test_auto_export_needs_an_mlflow(launching):
    """No tracking URI anywhere: told before anything is asked."""
    launching.native(execution={"auto_export": {"destinations": ["mlflow"]}})
    del launching.command.environ["MLFLOW_TRACKING_URI"]
    assert "MLFLOW_TRACKING_URI" in refused(launching)


def test_an_unset_key_is_named(launching):
    """`api_key_name` names a variable that is not set."""
    launching.native(target={"api_endpoint": {"url": launching.url, "model_id": "m", "api_key_name": "NO_SUCH_KEY"}})
    assert "NO_SUCH_KEY" in refused(launching)


@pytest.mark.slow
def test_a_job_that_takes_too_long_is_ended_and_the_next_runs(launching, endpoint):
    """`walltime`: exit code 124, one line, and what was answered is kept for `resume`."""
    endpoint.configure(latency_ms=150)
    slow = {"name": "sums.yaml", "nemo_evaluator_config": {"config": {"params": {"parallelism": 1}}}}
    quick = {"name": "sums.yaml", "nemo_evaluator_config": {"config": {"params": {"parallelism": 32}}}}
    launching.native(count=40, execution={"walltime": 2}, evaluation={"tasks": [slow, quick]})
    done = launching("--json")
    assert done.code == 1
    assert "walltime" in one_error(done)
    assert [job["state"] for job in done.object["jobs"]] == ["failed", "success"]
    first, _ = launching.folders()
    assert (first / "logs" / "stage.exit").read_text().split()[1] == "124"
    endpoint.configure(latency_ms=1)
    resumed = launching.command("resume", done.object["invocation_id"], "--json")
    assert resumed.code == 0, resumed.err
    assert endpoint.stats()["repeats_after_ok"] <= 40 + 1  # the quick job asks the same questions


def test_literal_secrets_reach_the_job_and_nothing_else(launching, endpoint, mlflow_url):
    """`lit:` keys work, and stand in no document, log, line or run."""
    secret = "very-secret-key-0123456789"
    endpoint_of = {"url": launching.url, "model_id": "m", "api_key_name": "MY_API_KEY"}
    launching.native(
        count=20,
        target={"api_endpoint": endpoint_of},
        env_vars={"MY_API_KEY": f"lit:{secret}"},
        execution={"auto_export": {"destinations": ["mlflow"]}},
    )
    done = launching("--json")
    assert done.code == 0, done.err
    (folder,) = launching.folders()
    holding = [file.name for file in folder.parent.rglob("*") if file.is_file() and secret in file.read_text("latin-1")]
    assert holding == ["job.json"]
    assert secret not in launching.database.read_text()
    assert secret not in str(runs_in(mlflow_url, launching.experiment))
    assert (folder / "job.json").stat().st_mode & 0o077 == 0

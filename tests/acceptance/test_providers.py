"""Tasks of the providers `ragas` and `command` through the installed command, landing in a real MLflow."""

from __future__ import annotations

import re
import shutil

import pytest
import yaml
from installed import one_error
from reader import ROOT, blocks, paste

from command_files import write_command
from judge_server import JudgeServer
from rag_mind import think, vector

RIVERS = ROOT / "examples" / "ragas" / "rivers.jsonl"


@pytest.fixture
def judge():
    with JudgeServer(think, vectors=vector) as server:
        yield server


def test_a_metric_of_ragas_lands(evaltrail, judge, tracking, experiment):
    """Its figure with interval and counts, whose implementation and which judge, and the samples."""
    done = evaltrail(
        *("run", "ragas/faithfulness", "--model", "stored", "--experiment", experiment, "--allow-unscored", "0.2"),
        *("--param", f"dataset_path={RIVERS}", "--param", f"judge={judge.url}#judge-1", "--json"),
    )
    assert done.code == 0, done.err
    run = tracking.run(experiment)
    assert run.info.status == "FINISHED"
    metrics, params = run.data.metrics, run.data.params
    assert (metrics["faithfulness/faithfulness"], metrics["faithfulness/faithfulness_n"]) == (0.6, 5)
    assert metrics["faithfulness/faithfulness_n_unscored"] == 1
    assert "by the definitions of ragas" in " ".join(params.values())
    assert any(name.endswith("judge.faithfulness.model") and value == "judge-1" for name, value in params.items())
    table = tracking.table(run)
    assert len(table) == 6
    assert run.data.tags["evaltrail.provider"] == "ragas"


def test_python_runs_a_metric_of_ragas(evaltrail, judge, tracking, experiment):
    """As the command does, and without an endpoint where the data bring the responses."""
    program = f"""
import evaltrail
params = {{"dataset_path": {str(RIVERS)!r}, "judge": {judge.url + "#judge-1"!r}}}
options = {{"params": params, "experiment": {experiment!r}, "allow_unscored": 0.2}}
result = evaltrail.run("ragas/context_recall", model="stored", **options)
print(result.metrics["context_recall/context_recall"].value)
"""
    assert evaltrail.python(program).out.strip() == "0.4"
    assert tracking.run(experiment).data.metrics["context_recall/context_recall"] == 0.4


@pytest.mark.slow
def test_a_run_configuration_hands_its_parameters_on(evaltrail, judge, tracking, experiment):
    """`ragas.NAME` and `provider/NAME` with what stands below `extra`; paths are meant from the launch's folder."""
    shutil.copy(RIVERS, evaltrail.cwd / "rivers.jsonl")
    extra = {"dataset_path": "rivers.jsonl", "judge": f"{judge.url}#judge-1", "note": "mine"}
    config = {
        "execution": {"type": "local", "output_dir": "results", "auto_export": {"destinations": ["mlflow"]}},
        "target": {"api_endpoint": {"url": judge.url, "model_id": "m"}},
        "evaluation": {
            "nemo_evaluator_config": {"config": {"params": {"limit_samples": 2, "extra": extra}}},
            "tasks": [{"name": "ragas.context_precision"}, {"name": "ragas/context_recall"}],
        },
        "export": {"mlflow": {"experiment_name": experiment, "tracking_uri": evaltrail.environ["MLFLOW_TRACKING_URI"]}},
    }
    (evaltrail.cwd / "config.yaml").write_text(yaml.safe_dump(config))
    done = evaltrail("run", "--config", "config.yaml", "--no-endpoint-check", "--json")
    assert done.code == 0, done.err
    metrics = {name: value for run in tracking.runs(experiment) for name, value in run.data.metrics.items()}
    params = {name: value for run in tracking.runs(experiment) for name, value in run.data.params.items()}
    assert any("context_precision" in name for name in metrics)
    assert any("context_recall" in name for name in metrics)
    assert any(name.endswith("extra.note") and value == "mine" for name, value in params.items())


@pytest.mark.slow
def test_a_scorer_of_mlflow_lands(evaltrail, tracking, experiment):
    """MLflow's own class, with its settings from parameters, over a data set with other names for its columns."""
    done = evaltrail(
        *("run", "mlflow/response_length", "--model", "stored", "--experiment", experiment),
        *("--param", f"dataset_path={RIVERS}", "--param", "scorer.max_length=40", "--json"),
    )
    assert done.code == 0, done.err
    metrics = tracking.run(experiment).data.metrics
    assert metrics["response_length/response_length_n"] == 6
    assert metrics["response_length/response_length"] == pytest.approx(3 / 6)


def test_a_command_lands(evaltrail, tracking, experiment):
    """What the program left is the run: its figures, its samples, its files."""
    write_command(evaltrail.home / "commands")
    done = evaltrail("run", "command/sums", "--model", "m", "--experiment", experiment, "--json")
    assert done.code == 0, done.err
    run = tracking.run(experiment)
    assert run.info.status == "FINISHED"
    assert {value for name, value in run.data.metrics.items() if name.endswith("acc,none") or "acc" in name} >= {0.75}
    assert any("results_2026" in name for name in tracking.files(run.info.run_id))


def test_a_run_configuration_runs_a_command(evaltrail, judge):
    """By its name, from the folder that is named relative to where it is launched."""
    write_command(evaltrail.cwd / "commands", command=["python3", "./sums.py", "{out}", "{model}", "{limit}"])
    config = {
        "execution": {"type": "local", "output_dir": "results"},
        "target": {"api_endpoint": {"url": judge.url, "model_id": "m"}},
        "evaluation": {
            "nemo_evaluator_config": {"config": {"params": {"limit_samples": 2}}},
            "tasks": [{"name": "command/sums"}],
        },
    }
    (evaltrail.cwd / "config.yaml").write_text(yaml.safe_dump(config))
    done = evaltrail(
        *("run", "--config", "config.yaml", "--no-endpoint-check", "--json"),
        environ={"EVALTRAIL_COMMANDS_DIR": "commands"},
    )
    assert done.code == 0, done.err
    assert "0.75" in done.out
    (given,) = evaltrail.cwd.rglob("given.txt")
    assert '"words": ["m", "2"]' in given.read_text()


def test_a_failing_command_lands_nothing(evaltrail, tracking, experiment):
    """Exit 1, and its last line as the reason."""
    write_command(evaltrail.home / "commands", program="print('no licence'); raise SystemExit(4)")
    done = evaltrail("run", "command/sums", "--model", "m", "--experiment", experiment)
    assert done.code == 1
    assert "ended with code 4: no licence" in one_error(done)
    assert not [run for run in tracking.runs(experiment) if run.info.status == "FINISHED"]


def test_a_failing_program_does_not_stop_the_other_tasks(evaltrail, tracking, experiment):
    """The others land in one run, which says what failed and keeps what the program printed; exit 1."""
    write_command(evaltrail.home / "commands", "broken", program="print('no licence'); raise SystemExit(4)")
    write_command(evaltrail.home / "commands")
    words = ("run", "command/broken", "command/sums", "--model", "m", "--experiment", experiment)
    done = evaltrail(*words, "--json")
    assert done.code == 1
    assert [error["where"] for error in done.object["errors"]] == ["broken"]
    assert "no licence" in done.object["errors"][0]["message"]
    run = tracking.run(experiment)
    assert run.info.status == "FAILED"
    assert 0.75 in run.data.metrics.values()
    logs = [name for name in tracking.files(run.info.run_id) if name.endswith("program.log")]
    assert sorted(logs) == ["harness/0/program.log", "harness/1/program.log"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("run", "ragas/faithfulness", "--model", "m"), "--param dataset_path=FILE"),
        (("run", "ragas/faithfulnes", "--model", "m"), "did you mean 'faithfulness'"),
        (("run", "raggas/faithfulness", "--model", "m", "--url", "http://h/v1"), "did you mean 'ragas'"),
        (("run", "command/nothing", "--model", "m"), "EVALTRAIL_COMMANDS_DIR"),
        (("run", "mlflow/no_such_scorer", "--model", "m"), "no scorer 'no_such_scorer'"),
        (("ls", "tasks", "--provider", "ragsa"), "did you mean 'ragas'"),
        (("ls", "runs", "arc"), "among tasks"),
        (("ls", "providers", "--provider", "ragas"), "among tasks"),
    ],
)
def test_what_cannot_be_meant_is_one_line_with_a_next_step(evaltrail, words, told):
    """Exit 2, before anything is asked."""
    done = evaltrail.here(*words)
    assert done.code == 2
    assert told in one_error(done)


def test_missing_columns_are_told_with_what_was_found(evaltrail):
    """File and columns."""
    (evaltrail.cwd / "rows.csv").write_text("prompt,answer\nq,a\n")
    done = evaltrail.here("run", "ragas/faithfulness", "--model", "m", "--param", "dataset_path=rows.csv")
    assert done.code == 2
    assert "no column user_input or question" in one_error(done)
    assert "it has prompt, answer" in one_error(done)


def test_providers_are_listed(evaltrail):
    """For people and for programs."""
    assert re.search(r"^ragas .*ready", evaltrail.here("ls", "providers").out, re.MULTILINE)
    found = {each["name"]: each for each in evaltrail.here("ls", "providers", "--json").object["providers"]}
    assert {"native", "lm_evaluation_harness", "ragas", "mlflow", "command", "nemo"} <= set(found)
    assert all(each["is_ready"] is not bool(each["install"]) for each in found.values())


@pytest.mark.slow
def test_the_page_on_providers_works_as_written(evaltrail, endpoint, judge, tracking):
    """Its tour in one shell: a task of the harness, three metrics of ragas and a command land, a run each."""
    tour = "\n".join(blocks("docs/providers.md", "sh tour"))
    known = {run.info.run_id for run in tracking.runs("providers")}
    paste(evaltrail, tour, URL=endpoint.url, MODEL="m", JUDGE=f"{judge.url}#judge-1")
    landed = [run for run in tracking.runs("providers") if run.info.run_id not in known]
    assert [run.info.status for run in landed] == ["FINISHED", "FINISHED", "FINISHED"]

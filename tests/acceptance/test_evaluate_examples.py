"""examples/mlflow and examples/evaluate, each run as its user would, against a real MLflow and a real judge."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from judge_server import JudgeServer

_EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def run(evaltrail, folder, script, **environ):
    """What an example printed."""
    shutil.copytree(_EXAMPLES / folder, evaltrail.cwd / folder, dirs_exist_ok=True)
    done = subprocess.run(
        [sys.executable, script],
        cwd=evaltrail.cwd / folder,
        env=evaltrail.environ | environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def metrics_of(printed):
    """The first line, which is a dict."""
    return ast.literal_eval(printed.splitlines()[0])


@pytest.mark.slow
def test_basic_tracking_logs_params_steps_and_a_plot(evaltrail, tracking):
    """One finished run with its history of losses and its plot."""
    run_id = run(evaltrail, "mlflow", "basic_tracking.py").splitlines()[-1]
    found = tracking.client.get_run(run_id)
    assert (found.info.status, found.data.params) == ("FINISHED", {"n_estimators": "100", "max_depth": "6"})
    assert [point.step for point in tracking.client.get_metric_history(run_id, "loss")] == list(range(10))
    assert found.data.metrics["accuracy"] == 0.95
    assert tracking.files(run_id) == {"plot.png"}


@pytest.mark.slow
def test_autologging_and_logging_by_hand_share_a_run(evaltrail, tracking):
    """Autologged params and metrics, our own beside them, the plot, and a model that can be loaded."""
    run_id = run(evaltrail, "mlflow", "autolog_iris.py").splitlines()[-1]
    found = tracking.client.get_run(run_id)
    assert found.data.params["n_estimators"] == "100"
    assert (found.data.params["random_state"], found.data.params["split_seed"]) == ("0", "42")
    assert found.data.metrics["test_accuracy"] > 0.9
    assert "training_accuracy_score" in found.data.metrics
    assert "importance.png" in tracking.files(run_id)
    assert [output.model_id for output in found.outputs.model_outputs]


@pytest.mark.slow
def test_a_custom_experiment_holds_its_runs(evaltrail, tracking):
    """Three runs under one name, and the best of them found by a search."""
    assert run(evaltrail, "mlflow", "custom_experiment.py").splitlines()[-1] == "depth-8"
    names = [found.info.run_name for found in tracking.runs("My Experiment")]
    assert names[-3:] == ["depth-2", "depth-4", "depth-8"]


def test_heuristics_land_under_the_names_that_are_printed(evaltrail, tracking, experiment):
    """The dict that an example prints is the run's metrics."""
    printed = run(evaltrail, "evaluate", "heuristics.py", MLFLOW_EXPERIMENT_NAME=experiment)
    found = tracking.run(experiment)
    assert found.data.metrics == pytest.approx(metrics_of(printed))
    assert {"token_count", "toxicity", "bleu", "rougeL"} <= set(found.data.metrics)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("judges.py", {"answer_correctness": 4.0, "answer_relevance": 4.0}),
        ("custom_judge.py", {"politeness": 4.0, "politeness_min": 4.0, "politeness_p90": 4.0}),
    ],
)
def test_judges_grade_and_land(evaltrail, tracking, experiment, script, expected):
    """A judge named by EVALTRAIL_JUDGE alone: its grades are the run's metrics."""
    with JudgeServer(lambda _: {"rationale": "fine", "score": 4}) as judge:
        environ = {"EVALTRAIL_JUDGE": f"{judge.url}#judge", "MLFLOW_EXPERIMENT_NAME": experiment}
        printed = run(evaltrail, "evaluate", script, **environ)
    assert expected.items() <= metrics_of(printed).items()
    assert printed.splitlines()[1] == "()"
    assert tracking.run(experiment).data.metrics == pytest.approx(metrics_of(printed))

"""`evaltrail.evaluate` against a real MLflow: a run of its own, the caller's active run, a logged model."""

from __future__ import annotations

import json

import pytest

_HEAD = """
import json, mlflow
from evaltrail import evaluate
DATA = {"inputs": ["2+2?", "3+3?"], "ground_truth": ["4", "6"]}
def sums(inputs):
    return [str(2 * int(text[0])) for text in inputs]
def show(**values):
    print(json.dumps(values, default=str))
"""


def shown(done):
    """What a program showed, as one object a line."""
    assert done.code == 0, done.err
    return [json.loads(line) for line in done.out.splitlines() if line.startswith("{")]


def test_an_evaluation_gets_a_run_of_its_own(evaltrail, tracking, experiment):
    """Outside of a run: one new run, finished, whose metrics are those of the result, under the same names."""
    program = f"""{_HEAD}
result = evaluate(sums, DATA, targets="ground_truth", metrics=["exact_match", "rougeL"], experiment={experiment!r},
                  run_name="mine", tags={{"team": "blue"}}, params={{"note": 7}})
show(metrics=result.metrics, run_id=result.run_id, code=result.exit_code, errors=result.errors)
"""
    (found,) = shown(evaltrail.python(program))
    run = tracking.run(experiment)
    assert (run.info.run_id, run.info.status, run.info.run_name) == (found["run_id"], "FINISHED", "mine")
    assert run.data.metrics == found["metrics"]
    assert found["metrics"]["exact_match"] == 1.0
    assert found["metrics"]["exact_match_n"] == 2
    assert (found["code"], found["errors"]) == (0, [])
    assert (run.data.params["model"], run.data.params["note"], run.data.tags["team"]) == ("sums", "7", "blue")
    assert {"samples.parquet", "eval_results_table.json", "report.md"} <= tracking.files(run.info.run_id)


@pytest.mark.slow
def test_an_active_run_gets_the_metrics_and_goes_on(evaltrail, tracking, experiment):
    """Inside of a run: no other run; the active one keeps its params, stays open, and ends as its user says."""
    program = f"""{_HEAD}
mlflow.set_experiment({experiment!r})
with mlflow.start_run(run_name="outer") as run:
    mlflow.log_param("model", "said before")
    result = evaluate(sums, DATA, targets="ground_truth", metrics=["exact_match"])
    status = mlflow.get_run(run.info.run_id).info.status
    mlflow.log_metric("after", 1)
show(own=result.run_id == run.info.run_id, status=status, code=result.exit_code, metrics=result.metrics,
     skipped=[[item.what, item.why] for item in result.receipts[0].skipped])
"""
    (found,) = shown(evaltrail.python(program))
    assert (found["own"], found["status"], found["code"]) == (True, "RUNNING", 0)
    run = tracking.run(experiment)
    assert (run.info.run_name, run.info.status) == ("outer", "FINISHED")
    assert run.data.metrics == found["metrics"] | {"after": 1}
    assert run.data.params["model"] == "said before"
    assert found["skipped"] == [["param model", "the run says 'said before', not 'sums'"]]


@pytest.mark.slow
def test_a_second_evaluation_in_one_run_stands_beside_the_first(evaltrail, tracking, experiment):
    """Other metrics land under their names; the same ones need a prefix, which the error names; nothing is lost."""
    program = f"""{_HEAD}
mlflow.set_experiment({experiment!r})
with mlflow.start_run():
    evaluate(sums, DATA, targets="ground_truth", metrics=["exact_match"])
    evaluate(sums, DATA, targets="ground_truth", metrics=["contains"])
    try:
        evaluate(lambda inputs: ["4", "4"], DATA, targets="ground_truth", metrics=["exact_match"])
    except Exception as error:
        show(code=error.code, hint=error.hint)
    third = evaluate(lambda inputs: ["4", "4"], DATA, targets="ground_truth", metrics=["exact_match"], prefix="four")
show(metrics=third.metrics)
"""
    refused, third = shown(evaltrail.python(program))
    assert refused["code"] == "metric_taken"
    assert "prefix=" in refused["hint"]
    run = tracking.run(experiment)
    values = {name: run.data.metrics[name] for name in ("exact_match", "contains", "four/exact_match")}
    assert values == {"exact_match": 1.0, "contains": 1.0, "four/exact_match": 0.5}
    assert third["metrics"].items() <= run.data.metrics.items()
    files = tracking.files(run.info.run_id)
    assert {"samples.parquet", "evaluation/samples.parquet", "evaluation_2/samples.parquet"} <= files
    keys = {name for name in run.data.tags if name.startswith("evaltrail.key")}
    assert keys == {"evaltrail.key", "evaltrail.key.evaluation", "evaltrail.key.evaluation_2"}
    assert run.info.status == "FINISHED"


@pytest.mark.slow
def test_a_logged_model_is_asked(evaltrail, tracking, experiment):
    """``runs:/`` and ``models:/`` URIs: the model is loaded from where it was logged and predicts all rows."""
    program = f"""{_HEAD}
mlflow.set_experiment({experiment!r})
class Sums(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return [str(2 * int(text[0])) for text in model_input["inputs"]]
with mlflow.start_run():
    logged = mlflow.pyfunc.log_model(name="sums", python_model=Sums(), pip_requirements=[])
result = evaluate(logged.model_uri, DATA, targets="ground_truth", metrics=["exact_match"], run_name="asked")
show(value=result.metrics["exact_match"], model=logged.model_uri)
"""
    (found,) = shown(evaltrail.python(program))
    (run,) = [run for run in tracking.runs(experiment) if run.info.run_name == "asked"]
    assert (found["value"], run.data.params["model"]) == (1.0, found["model"])
    assert run.data.metrics["exact_match"] == 1.0


@pytest.mark.slow
def test_a_destination_that_is_away_keeps_the_results(evaltrail, tmp_path):
    """Exit code 3: the metrics are there, and the delivery waits in the outbox."""
    program = f"""{_HEAD}
result = evaluate(sums, DATA, targets="ground_truth", metrics=["exact_match"], tracking_uri="http://127.0.0.1:9")
show(value=result.metrics["exact_match"], code=result.exit_code, run_id=result.run_id)
"""
    (found,) = shown(evaltrail.python(program))
    assert found == {"value": 1.0, "code": 3, "run_id": ""}

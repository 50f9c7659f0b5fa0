"""mlflow.genai's scorers in our evaluations and ours in its own, with a real judge behind HTTP where one is asked."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import pytest
import yaml

from evaltrail.compat.mlflow_scorers import MlflowScorer, adopt_scorer, as_scorer
from evaltrail.core.errors import EndpointError, InputError
from evaltrail.destinations.mlflow.gateway import quiet
from evaltrail.scoring.catalog import METRICS, make_metrics
from evaltrail.scoring.judging.builtin import custom_judge
from evaltrail.scoring.judging.rubric_judge import RubricJudge
from judge_server import JudgeServer, Said
from judging import judge_all, judge_one, sample
from mlflow_server import runs_in

with quiet():
    import mlflow
    import pandas as pd
    import requests
    from mlflow.entities import Feedback
    from mlflow.exceptions import MlflowException
    from mlflow.genai import make_judge
    from mlflow.genai.scorers import Correctness, Scorer, UserFrustration, scorer

NOWHERE = "http://127.0.0.1:9/v1"


@scorer
def brief(outputs) -> bool:
    return len(outputs) < 10


@scorer
def broken(outputs):
    raise RuntimeError(f"cannot read {outputs}")


@scorer
def thorough(inputs, outputs, expectations, trace) -> Feedback:
    passages = [span.outputs for span in trace.data.spans if span.span_type == "RETRIEVER"]
    agrees = outputs == expectations["expected_response"]
    return Feedback(value="yes" if agrees else "no", rationale=f"{inputs['question']} {passages[0][0]['page_content']}")


class Length(Scorer):
    name: str = "length"

    def __call__(self, *, outputs):
        return len(outputs)


@pytest.mark.parametrize(
    ("theirs", "value"), [(brief, True), (Length(), 5.0), (thorough, True)], ids=["function", "class", "trace"]
)
def test_their_scorers_score_our_samples(theirs, value):
    """Functions, classes, and what reads a trace: passages are where MLflow would have recorded them."""
    found = judge_one(adopt_scorer(theirs), NOWHERE)
    assert found.value == value
    assert found.source.startswith(f"mlflow/{mlflow.__version__} ")
    if theirs is thorough:
        assert found.rationale == "What is the capital of France? Paris is the capital of France."


def test_a_scorer_that_raises_fails_for_its_sample_alone(caplog):
    """Its own words are the rationale."""
    found = judge_one(adopt_scorer(broken), NOWHERE)
    assert (found.reason, found.rationale) == ("scorer_error", "RuntimeError: cannot read Paris")


def test_keys_that_a_judges_server_repeats_are_left_out(monkeypatch):
    """MLflow tells what the server answered; what stands in this environment as a secret does not get into a score."""
    monkeypatch.setenv("OPENAI_API_KEY", "plain words 4711")
    with JudgeServer(lambda _: Said(status=401, error="unknown key plain words 4711")) as server:
        monkeypatch.setenv("OPENAI_API_BASE", server.url)
        found = judge_one(adopt_scorer(Correctness(model="openai:/judge-1")), NOWHERE)
    assert found.reason == "scorer_error"
    assert found.rationale.endswith("unknown key ***")


class Unreachable(Correctness):
    """A judge whose requests reach nobody, as MLflow tells it in the end."""

    def __call__(self, **_):
        raise MlflowException("Failed to connect") from requests.exceptions.ConnectionError("refused")


def test_a_judge_that_is_not_there_ends_the_evaluation():
    """MLflow tries each sample for minutes; the first one that fails so is enough."""
    with pytest.raises(EndpointError, match="MLflow cannot reach the model of 'correctness'"):
        judge_one(adopt_scorer(Unreachable(model="openai:/judge-1")), NOWHERE)


def test_their_scorers_run_side_by_side():
    """Many samples at a time, in threads: three that wait for each other all finish."""
    together = threading.Barrier(3, timeout=10)

    @scorer
    def meeting(outputs) -> bool:
        together.wait()
        return outputs == "Paris"

    found = judge_all(adopt_scorer(meeting), NOWHERE, [sample()] * 3, at_once=True)
    assert [score.value for score in found] == [True] * 3


@pytest.mark.parametrize("nothing", ["brief", None, brief.__call__, UserFrustration()])
def test_what_cannot_score_a_sample_is_refused(nothing):
    """No scorer, or one of whole conversations."""
    with pytest.raises(InputError):
        adopt_scorer(nothing)


def test_a_judge_by_instructions_is_asked_through_our_engine():
    """make_judge's instructions, our questions: structured, with cost, and the graded text fenced off."""
    theirs = make_judge(name="apt", instructions="Does {{ outputs }} answer {{ inputs }}?", feedback_value_type=bool)
    ours = adopt_scorer(theirs)
    assert isinstance(ours, RubricJudge)
    with JudgeServer(lambda _: {"rationale": "so", "score": "true"}) as server:
        found = judge_one(ours, server.url)
        told = json.dumps(server.bodies)
    assert (found.value, found.rationale, found.usage.prompt_tokens) == (True, "so", 100)
    assert "Does (the part" in told
    assert server.forms() == ["response_format"]


def test_a_judge_that_ours_cannot_replace_is_asked_by_mlflow(monkeypatch):
    """Free words as a verdict: MLflow asks its model itself, at the address that it is told."""
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    with JudgeServer(lambda _: json.dumps({"result": "rather witty", "rationale": "so"})) as server:
        theirs = make_judge(
            name="tone",
            instructions="What is the tone of {{ outputs }}?",
            model="openai:/m",
            feedback_value_type=str,
            base_url=server.url,
        )
        ours = adopt_scorer(theirs)
        assert isinstance(ours, MlflowScorer)
        found = judge_one(ours, NOWHERE)
        assert server.bodies
    assert (found.value, found.rationale) == ("rather witty", "so")
    assert ours.target == "own:openai:/m"


def test_built_in_scorers_have_names(monkeypatch):
    """`mlflow.NAME` with the constructor's arguments; what needs no model scores at once."""
    monkeypatch.delenv("EVALTRAIL_JUDGE", raising=False)
    (pattern,) = make_metrics([{"mlflow.regex_match": {"pattern": "^P"}}])
    assert (pattern.name, judge_one(pattern, NOWHERE).value) == ("mlflow.regex_match", True)
    assert pattern.target == "own:"
    (length,) = make_metrics([{"mlflow.response_length": {"max_length": 3}}])
    assert judge_one(length, NOWHERE).value is False
    (rules,) = make_metrics([{"mlflow.guidelines": {"guidelines": ["Be brief."], "model": "openai:/m"}}])
    assert rules.target == "own:openai:/m"
    with pytest.raises(InputError, match="regex_match"):
        make_metrics([{"mlflow.regex_match": {}}])
    with pytest.raises(InputError, match="no option 'modell'"):
        make_metrics([{"mlflow.correctness": {"modell": "x"}}])


@pytest.mark.parametrize("name", [name for name in METRICS.builtin if name.startswith("mlflow.")])
def test_every_built_in_scorer_can_be_made(name, monkeypatch):
    """All of the names lead to a scorer of this MLflow."""
    monkeypatch.delenv("EVALTRAIL_JUDGE", raising=False)
    options = {"mlflow.guidelines": {"guidelines": "g"}, "mlflow.regex_match": {"pattern": "x"}}
    options["mlflow.response_length"] = {"min_length": 1}
    (made,) = make_metrics([{name: options.get(name)}])
    assert (made.name, made.is_grade) == (name, True)


def test_built_in_judges_take_the_runs_judge_where_mlflow_can_name_it(monkeypatch):
    """openai:/NAME is asked; an address alone is refused with the way out, never replaced by another model."""
    monkeypatch.setenv("EVALTRAIL_JUDGE", "openai:/j")
    (made,) = make_metrics(["mlflow.correctness"])
    assert made.target == "own:openai:/j"
    monkeypatch.setenv("EVALTRAIL_JUDGE", "http://host/v1#j")
    with pytest.raises(InputError, match="EVALTRAIL_JUDGE") as refusal:
        make_metrics(["mlflow.correctness"])
    assert "OPENAI_API_BASE" in refusal.value.hint


def test_a_built_in_judge_says_yes_and_no(monkeypatch):
    """Correctness by MLflow's own prompt and client, over HTTP, as a True or False of ours with its rationale."""
    with JudgeServer(lambda _: json.dumps({"result": "yes", "rationale": "same city"})) as server:
        monkeypatch.setenv("OPENAI_API_KEY", "k")
        monkeypatch.setenv("OPENAI_API_BASE", server.url)
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        found = judge_one(adopt_scorer(Correctness(model="openai:/m")), NOWHERE)
        assert "Paris" in json.dumps(server.bodies)
    assert (found.value, found.rationale, found.reason) == (True, "same city", "")


def test_our_metrics_are_their_scorers():
    """By name with options, or as an object; the reason of what is unscored is the assessment's error."""
    row = {"inputs": {"question": "q"}, "outputs": "Paris, France", "expectations": {"expected_response": "Paris"}}
    overlap = as_scorer("token_f1").run(**row)
    assert (overlap.name, overlap.value, overlap.source.source_type) == ("token_f1", pytest.approx(2 / 3), "CODE")
    assert as_scorer("contains", ignore_case=True).run(**row | {"outputs": "PARIS!"}).value is True
    (metric,) = make_metrics(["exact_match"])
    assert as_scorer(metric).run(**row).value is False
    unscored = as_scorer("exact_match").run(**row | {"expectations": None})
    assert (unscored.value, unscored.error.error_code) == (None, "no_reference")
    for bad in ("no_such_metric", {"contains": {"no_such": 1}}, 3):
        with pytest.raises(InputError):
            as_scorer(bad)


def test_our_judges_are_their_scorers_where_a_model_judges(monkeypatch):
    """EVALTRAIL_JUDGE is asked; without one the mistake is told before anything runs."""
    rubric = custom_judge("tone", grading_prompt="Is it kind? Answer yes or no.")
    monkeypatch.delenv("EVALTRAIL_JUDGE", raising=False)
    with pytest.raises(InputError, match="needs a model that judges"):
        as_scorer(rubric)
    with JudgeServer(lambda _: {"rationale": "warm", "score": "yes"}) as server:
        monkeypatch.setenv("EVALTRAIL_JUDGE", f"{server.url}#j")
        found = as_scorer(rubric).run(inputs={"q": "hi"}, outputs="hello there")
    assert (found.value, found.rationale, found.source.source_type) == (True, "warm", "LLM_JUDGE")


@pytest.mark.slow
def test_our_scorers_work_in_mlflow_genai_evaluate(mlflow_url):
    """Rows, traces and a retriever: MLflow's own evaluation aggregates and stores what our metrics say."""
    mlflow.set_tracking_uri(mlflow_url)
    mlflow.set_experiment("genai with ours")
    rows = [
        {
            "inputs": {"question": f"q{number}"},
            "outputs": "Paris" if number % 2 else "Rome",
            "expectations": {"expected_response": "Paris"},
        }
        for number in range(4)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # mlflow's own
        result = mlflow.genai.evaluate(
            data=rows, scorers=[as_scorer(name) for name in ("exact_match", "rougeL", "latency")] + [brief]
        )
    assert "latency/mean" not in result.metrics  # nobody was called
    assert result.metrics["exact_match/mean"] == 0.5
    assert result.metrics["rougeL/mean"] == 0.5
    assert result.metrics["brief/mean"] == 1.0


def test_mlflow_models_evaluate_knows_our_metrics(mlflow_url):
    """`evaluators="evaltrail"`: values with error, interval and counts in the result and in the run."""
    mlflow.set_tracking_uri(mlflow_url)
    mlflow.set_experiment("models with ours")
    frame = pd.DataFrame({"question": ["a", "b", "c"], "truth": ["x", "y", "z"], "out": ["x", "y", "no"]})
    config = {"metrics": ["exact_match", {"contains": {"ignore_case": True}}]}
    arguments = {"targets": "truth", "model_type": "text", "evaluators": "evaltrail", "evaluator_config": config}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # mlflow's own
        found = mlflow.models.evaluate(data=frame, predictions="out", **arguments)
        asked = mlflow.models.evaluate(lambda rows: ["x"] * len(rows), data=frame.drop(columns="out"), **arguments)
        with pytest.raises(InputError, match="asks a model"):
            mlflow.models.evaluate(
                data=frame, predictions="out", **arguments | {"evaluator_config": {"metrics": ["answer_relevance"]}}
            )
    assert found.metrics["exact_match"] == pytest.approx(2 / 3)
    assert {"exact_match_n", "exact_match_ci_low", "contains"} <= found.metrics.keys()
    assert asked.metrics["exact_match"] == pytest.approx(1 / 3)
    runs = runs_in(mlflow_url, "models with ours")
    logged = [{point["key"]: point["value"] for point in run["data"].get("metrics", [])} for run in runs]
    assert {round(metrics["exact_match"], 3) for metrics in logged if metrics} == {0.667, 0.333}


@pytest.mark.slow
def test_the_page_beside_mlflow_works_as_written(mlflow_url, tmp_path):
    """Its Python runs in a process of its own; its task file's metrics can all be made."""
    text = (Path(__file__).parents[2] / "docs" / "with-mlflow.md").read_text(encoding="utf-8")
    (python,) = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    (task,) = re.findall(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert len(make_metrics(yaml.safe_load(task)["metrics"])) == 4
    environ = {**os.environ, "MLFLOW_TRACKING_URI": mlflow_url, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [sys.executable, "-c", python], env=environ, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "1.0\n" in done.stdout
    assert "0.5 0.9" in done.stdout

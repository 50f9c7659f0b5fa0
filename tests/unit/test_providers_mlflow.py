"""Tasks of the provider `mlflow`: MLflow's own form of data, read as it is meant; scorers by name."""

from __future__ import annotations

import json

import msgspec
import pytest

from evaltrail.core.errors import InputError
from evaltrail.core.request import EvaluationRequest, ModelTarget
from evaltrail.providers.data_task import DataTask, open_source
from evaltrail.providers.mlflow_scorers import FORM, as_one_text, expected, mlflow_task, scorer_names
from evaltrail.scoring.exact import ExactMatch

URL = "http://127.0.0.1:9/v1"


class Reading(ExactMatch):
    """A metric that stands for a scorer, and keeps what one reads."""

    target, headers, fields = "", {}, ("inputs", "expectations")

    async def judge(self, sample, model):
        raise NotImplementedError


def make(folder, *rows):
    """The task of some rows, without a scorer of MLflow's, which takes seconds to load."""
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    params = {"dataset_path": str(folder / "rows.jsonl")}
    request = EvaluationRequest(tasks=("t",), target=ModelTarget(id="m", url=URL), params=params)
    source, _ = open_source(FORM, "x", request, None, needed=("inputs",))
    return DataTask("x", FORM, source, request, Reading(), is_asked=True, facts={})


@pytest.mark.parametrize(
    ("row", "asked", "output", "reference"),
    [
        (
            {"inputs": {"question": "q"}, "outputs": "o", "expectations": {"expected_response": "r"}},
            "q",
            "o",
            ("r",),
        ),
        ({"inputs": "q", "outputs": {"a": 1, "b": 2}, "reference": "r"}, "q", '{"a":1,"b":2}', ("r",)),
        ({"inputs": '{"question": "q"}', "outputs": "o", "ground_truth": ["r", "s"]}, "q", "o", ("r", "s")),
        ({"question": "q", "response": "o"}, "q", "o", ()),
        ({"inputs": {"a": 1, "b": 2}, "outputs": "o"}, '{"a":1,"b":2}', "o", ()),
        ({"inputs": "q", "outputs": "", "expectations": {"expected_facts": ["f"]}}, "q", None, ()),
    ],
)
def test_rows_are_read_as_they_are_meant(tmp_path, row, asked, output, reference):
    """Objects or texts, objects in cells, MLflow's names or others'."""
    task = make(tmp_path, row)
    (item,) = task.items()
    answer = task.given(item.record)
    assert task.prompt(item).text == asked
    assert (answer.text if answer else None) == output
    assert task.reference(item.record) == reference


def test_what_a_scorer_reads_is_kept_whole(tmp_path):
    """Inputs and expectations reach it as JSON."""
    inputs, expectations = {"question": "q" * 300}, {"expected_facts": ["a", "b"]}
    task = make(tmp_path, {"inputs": inputs, "outputs": "o", "expectations": expectations})
    (item,) = task.items()
    kept = task.attributes(item.record)
    assert msgspec.json.decode(kept["inputs"]) == inputs
    assert msgspec.json.decode(kept["expectations"]) == expectations


@pytest.mark.parametrize(
    ("value", "text", "right"),
    [
        ("plain", "plain", "plain"),
        (None, "", []),
        ({"expected_response": "r", "x": 1}, '{"expected_response":"r","x":1}', "r"),
        ({"other": "r"}, "r", []),
        (["a", "b"], '["a","b"]', ["a", "b"]),
    ],
)
def test_values_as_text_and_as_what_is_right(value, text, right):
    """For people and judges, and for comparing."""
    assert (as_one_text(value), expected(value)) == (text, right)


@pytest.mark.parametrize(
    ("name", "params", "code"),
    [
        ("no_such_scorer", {}, "unknown_task"),
        ("correctness", {}, "missing_dataset"),
        ("correctness", {"dataset_path": "nowhere.csv"}, "missing_dataset"),
        ("correctness", {"datasetpath": "x"}, "bad_param"),
        ("correctness", {"dataset": "x"}, "bad_param"),
    ],
)
def test_what_cannot_be_meant_is_told(name, params, code):
    """Before MLflow is loaded."""
    request = EvaluationRequest(tasks=("t",), target=ModelTarget(id="m", url=URL), params=params)
    with pytest.raises(InputError) as caught:
        mlflow_task(name, request, datasets_dir=None, environ={})
    assert caught.value.code == code


def test_scorers_are_named_without_their_prefix():
    """As the tasks are."""
    assert {"correctness", "guidelines", "safety"} <= set(scorer_names())


def test_a_setting_that_a_scorer_needs_is_named_as_it_is_given(tmp_path):
    """With the flag that gives it."""
    file = tmp_path / "data.jsonl"
    file.write_text(json.dumps({"inputs": {"q": "x"}, "outputs": "y"}))
    request = EvaluationRequest(
        tasks=("t",), target=ModelTarget(id="m", is_asked=False), params={"dataset_path": str(file)}
    )
    with pytest.raises(InputError) as caught:
        mlflow_task("regex_match", request, datasets_dir=None, environ={})
    assert (caught.value.code, caught.value.hint) == ("missing_option", "add --param scorer.pattern=...")

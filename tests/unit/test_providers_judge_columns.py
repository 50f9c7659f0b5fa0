"""A column that a judge needs and no record has is found before anybody is asked."""

from __future__ import annotations

import pytest

import evaltrail
from evaltrail.core.errors import InputError
from evaltrail.core.request import EvaluationRequest, ModelTarget
from evaltrail.providers.native import NativeTask
from evaltrail.providers.tasks import read_task
from evaltrail.scoring.judging.builtin import answer_correctness, custom_judge
from native_tasks import make_task, records, write_data, write_task

ROWS = [{"q": "1 + 1", "a": "2", "ctx": "sums", "void": None}, {"q": "1 + 2", "a": "3", "ctx": None, "void": None}]
TASK = {"prompt": "{{ q }}", "target": "{{ a }}"}


def tone(**options):
    return {"tone": {"grading_prompt": "Rate 1 to 5.", **options}}


def refusal(folder, *metrics, rows=ROWS, **changes) -> InputError:
    with pytest.raises(InputError) as caught:
        make_task(folder, rows=rows, metrics=["exact_match", *metrics], **{**TASK, **changes})
    return caught.value


@pytest.mark.parametrize(
    ("metric", "judge", "column"),
    [
        (tone(grading_context_columns=["ctxx"]), "tone", "ctxx"),
        ({"pairwise_preference": {"baseline": "ctz"}}, "pairwise_preference", "ctz"),
    ],
)
def test_a_column_that_no_record_has_is_named_with_the_nearest(tmp_path, metric, judge, column):
    """Where it stands, who wants it, what there is."""
    error = refusal(tmp_path, metric)
    assert error.code == "missing_column"
    assert error.where.endswith("task.yaml: metrics[1]")
    assert error.message == f"judge {judge!r} wants the column {column!r}; data.jsonl has q, a, ctx"
    assert error.hint == "did you mean 'ctx'?"


def test_a_column_without_any_value_is_as_good_as_none(tmp_path):
    """Every sample would be unscored."""
    assert "empty in every record" in str(refusal(tmp_path, tone(grading_context_columns="void")))


@pytest.mark.parametrize("metric", ["answer_correctness", "answer_similarity", "pairwise_preference"])
def test_a_judge_of_references_needs_a_target(tmp_path, metric):
    """The key of the task file that gives them is named."""
    error = refusal(tmp_path, metric, target=None)
    assert "wants a reference" in error.message
    assert "target:" in error.hint


@pytest.mark.parametrize("metric", ["faithfulness", "groundedness", "relevance", "ragas.faithfulness"])
def test_a_judge_of_contexts_needs_them(tmp_path, metric):
    """So is the key for contexts."""
    error = refusal(tmp_path, metric)
    assert "wants contexts" in error.message
    assert "context:" in error.hint


def test_ragas_judges_of_both_name_what_is_missing_first(tmp_path):
    """References before contexts."""
    assert "a reference" in str(refusal(tmp_path, "ragas.context_recall", target=None))
    assert "contexts" in str(refusal(tmp_path, "ragas.context_recall"))


@pytest.mark.parametrize(
    "changes",
    [
        {"metrics": [tone(grading_context_columns=["ctx"])]},
        {"metrics": ["faithfulness"], "context": "{{ ctx }}"},
        {"metrics": ["answer_correctness", "pairwise_preference"]},
        {"metrics": [tone(grading_context_columns=["input", "output", "ground_truth"])]},
        {"metrics": [tone()]},
    ],
)
def test_one_record_that_has_it_is_enough(tmp_path, changes):
    """A single sample without it is unscored, and no more than that."""
    assert make_task(tmp_path, rows=ROWS, **{**TASK, **changes}).total == 2


def test_only_the_chosen_records_count(tmp_path):
    """What the first two of a hundred lack is missing from the two that are asked."""
    rows = [*records(2), {"question": "q", "answer": "a", "ctx": "c"}]
    own = {"metrics": [tone(grading_context_columns=["ctx"])]}
    assert make_task(tmp_path, rows=rows, **own).total == 3
    with pytest.raises(InputError, match="wants the column"):
        make_task(tmp_path, rows=rows, request={"limit": 2}, **own)


@pytest.mark.parametrize(
    ("judge", "told", "hint"),
    [
        (custom_judge("tone", grading_prompt="p", grading_context_columns="x"), "the data has question, answer", ""),
        (answer_correctness(), "no record of the data gives any", "targets="),
    ],
)
def test_judges_of_a_call_are_told_in_its_words(tmp_path, judge, told, hint):
    """From Python there is no task file that could be mended."""
    write_data(tmp_path / "data.jsonl", records(2))
    task = read_task(write_task(tmp_path, target=None))
    with pytest.raises(InputError, match=told) as caught:
        NativeTask(task, EvaluationRequest(tasks=("t",), target=ModelTarget(id="m")), None, metrics=[judge])
    assert caught.value.where == "metrics"
    assert hint in caught.value.hint


def test_the_function_of_a_call_is_not_called_for_nothing(tmp_path, monkeypatch):
    """Columns of the data in hand are looked through before the model is."""
    monkeypatch.setenv("EVALTRAIL_HOME", str(tmp_path))
    called = []
    judge = custom_judge("tone", grading_prompt="p", grading_context_columns="topc", model="http://127.0.0.1:9/v1#j")
    data = {"inputs": ["a"], "topic": ["b"]}
    with pytest.raises(InputError, match="the data has topic, inputs") as caught:
        evaltrail.evaluate(model=called.append, data=data, metrics=[judge], deliver=False)
    assert (caught.value.hint, called) == ("did you mean 'topic'?", [])

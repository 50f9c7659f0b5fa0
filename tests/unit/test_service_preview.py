"""The preview of an order: what would be asked, of whom, without asking anything."""

from __future__ import annotations

import pytest

from evaltrail.config.settings import load_settings
from evaltrail.core.request import EvaluationRequest, ModelTarget
from evaltrail.service.evaluation.order import Order
from evaltrail.service.evaluation.preview import preview
from native_tasks import records, write_data, write_task

URL = "http://127.0.0.1:9/v1"


def shown(folder, **changes):
    write_data(folder / "data.jsonl", records(3))
    task = str(write_task(folder, **changes))
    request = EvaluationRequest(tasks=(task,), target=ModelTarget(id="m", url=URL), params={"judge": f"{URL}#j"})
    settings = load_settings({"EVALTRAIL_HOME": str(folder / "home")}, None)
    return preview(Order(request=request, delivery=None), settings, prompts=1, with_plan=False)


def test_judges_and_their_models_are_told(tmp_path):
    """Their requests are no part of the task's own, and cost money too."""
    found = shown(tmp_path, metrics=["exact_match", "safety"])
    assert "sums: safety is judged by j: yes or no; at least 3 requests come on top" in found.text
    (task,) = found.data["tasks"]
    assert (task["requests"], task["judges"]) == (3, {"safety": "j"})


@pytest.mark.parametrize(
    ("metric", "scale", "requests"),
    [
        ({"tone": {"grading_prompt": "Rate 1 to 5."}}, "whole numbers 1 to 5", 6),
        ({"tone": {"grading_prompt": "p", "min": 0, "max": 1, "votes": 3}}, "numbers 0 to 1", 18),
        ({"tone": {"grading_prompt": "p", "labels": ["good", "fair", "bad"]}}, "good or fair or bad", 6),
        ("pairwise_preference", "", 12),
        ("ragas.faithfulness", "", 12),
        ({"ragas.answer_relevancy": {"strictness": 2}}, "", 18),
        ("ragas.context_precision", "", 6),
    ],
)
def test_a_judges_scale_and_requests_are_told(tmp_path, metric, scale, requests):
    """Samples by repeats by votes or steps, at least; the scale in words, where a rubric has one."""
    found = shown(tmp_path, metrics=[metric], repeats=2, context="{{ question }}")
    ((judge,),) = (task["judging"] for task in found.data["tasks"])
    assert (judge["scale"], judge["requests"]) == (scale, requests)
    assert f"at least {requests} requests" in found.text


def test_the_rubric_can_be_read_before_it_is_paid_for(tmp_path):
    """The prompt of the first sample, with dots for the output that nobody has given yet."""
    rubric = {"grading_prompt": "Rate its tone 1 to 5.", "grading_context_columns": ["answer"]}
    found = shown(tmp_path, metrics=[{"tone": rubric}])
    prompt = found.data["tasks"][0]["judging"][0]["prompt"]
    assert f"--- sums, prompt of tone\n{prompt}" in found.text
    assert all(text in prompt for text in ("[system]", "Rate its tone 1 to 5.", "Q: q0", "a0", "\n...\n"))
    assert "..." not in shown(tmp_path, metrics=[{"tone": rubric}], output="said {{ answer }}").text


def test_records_that_were_never_answered_cost_no_judge(tmp_path):
    """Who brings an error instead of an output is not judged."""
    found = shown(tmp_path, metrics=["safety"], output="x", output_error="{{ 'timeout' if answer == 'a0' else '' }}")
    assert found.data["tasks"][0]["judging"][0]["requests"] == 2


def test_a_task_without_judges_says_nothing_of_them(tmp_path):
    """There is nothing to pay on top."""
    found = shown(tmp_path)
    assert "judged" not in found.text
    assert "judges" not in found.data["tasks"][0]

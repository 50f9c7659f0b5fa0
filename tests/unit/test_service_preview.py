"""The preview of an order: what would be asked, of whom, without asking anything."""

from __future__ import annotations

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
    assert "sums: safety is judged by j, whose requests come on top" in found.text
    (task,) = found.data["tasks"]
    assert (task["requests"], task["judges"]) == (3, {"safety": "j"})


def test_a_task_without_judges_says_nothing_of_them(tmp_path):
    """There is nothing to pay on top."""
    found = shown(tmp_path)
    assert "judged" not in found.text
    assert "judges" not in found.data["tasks"][0]

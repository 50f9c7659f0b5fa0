"""`results.json`: what was found, as small and strict JSON."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import msgspec

from evaltrail.core.delivery import Receipt
from evaltrail.core.metric import MetricValue
from evaltrail.service.evaluation.result_documents import Appraisal, document_names, result_document
from evaltrail.service.evaluation.result_record import with_landed
from mlflow_bundles import some_bundle, some_task


def read(bundle, appraisal=None, tasks=None):
    def refuse(word):
        raise AssertionError(word)

    return json.loads(result_document(bundle, appraisal or Appraisal(), tasks), parse_constant=refuse)


def test_each_metric_says_out_of_how_many(tmp_path):
    """Value, n, error, interval and what was unscored, beside counts, status and cost of the task."""
    document = read(some_bundle(tmp_path))
    assert (document["id"], document["model"], document["status"]) == ("0123456789abcdef", "model-a", "completed")
    (task,) = document["tasks"]
    assert (task["name"], task["status"], task["usage"]) == ("capitals", "completed", {"runtime_seconds": 1.5})
    assert task["counts"] == {"total": 5, "scored": 4, "unscored": {"garbage": 1}, "failed": 0}
    assert task["dataset"]["digest"] == "d" * 32
    (metric,) = task["metrics"]
    assert (
        metric.items()
        >= {
            "name": "pass@1",
            "value": 0.5,
            "n": 4,
            "n_unscored": 1,
            "stderr": 0.25,
            "ci_low": 0.1,
            "ci_high": 0.9,
            "better": "higher",
        }.items()
    )
    assert "error" not in task
    assert "verdict" not in document


def test_no_number_is_infinite(tmp_path):
    """A foreign value that is no number is null, so that every JSON reader takes the file."""
    metrics = (MetricValue(name="a", value=math.inf), MetricValue(name="b", value=math.nan))
    document = read(some_bundle(tmp_path, tasks=(replace(some_task(), metrics=metrics),)))
    assert [metric["value"] for metric in document["tasks"][0]["metrics"]] == [None, None]


def test_a_verdict_stands_where_it_was_given(tmp_path):
    """That of the whole in the one document alone, that of a task with the task."""
    tasks = (some_task("a"), replace(some_task("b", status="failed"), error="no data"))
    bundle = some_bundle(tmp_path, tasks=tasks, status="partially_failed")
    appraisal = Appraisal(whole={"verdict": "pass", "score": 0.75}, tasks={"a": {"verdict": "pass"}})
    whole, own = read(bundle, appraisal), read(bundle, appraisal, tasks[1:])
    assert whole["verdict"] == {"verdict": "pass", "score": 0.75}
    assert [task.get("verdict") for task in whole["tasks"]] == [{"verdict": "pass"}, None]
    assert ("verdict" in own, own["status"], own["tasks"][0]["error"]) == (False, "failed", "no data")


def test_file_names_are_safe_and_apart():
    """Whatever a task is called, and on disks that do not tell case apart."""
    names = document_names(["arc_easy", "Arc_Easy", "a/b", "a-b", "../x", "", "arc_easy_2"])
    assert names == (
        *("arc_easy.json", "Arc_Easy_2.json", "a-b.json", "a-b_2.json", "x.json", "unnamed.json"),
        "arc_easy_2_2.json",
    )


def test_what_landed_later_stands_in_the_record_and_delivery_errors_do_not():
    """A receipt of the same task is replaced; what is wrong with the result itself stays."""
    record = {
        "ok": False,
        "exit_code": 3,
        "receipts": [{"task": "", "run_id": "old"}, {"task": "b", "run_id": "kept"}],
        "errors": [{"code": "destination_failing"}, {"code": "unscored"}],
        "metrics": {"t/acc": {"value": 1.0}},
    }
    found = msgspec.json.decode(with_landed(msgspec.json.encode(record), [Receipt(run_id="new")]))
    assert [(each["task"], each["run_id"]) for each in found["receipts"]] == [("", "new"), ("b", "kept")]
    assert (found["ok"], found["exit_code"], found["errors"]) == (False, 1, [{"code": "unscored"}])
    assert found["metrics"] == record["metrics"]

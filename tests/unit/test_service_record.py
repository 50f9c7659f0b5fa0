"""The one JSON object of a finished command, as product documentation promises it to programs."""

from __future__ import annotations

import json
import shlex
from datetime import UTC, datetime
from pathlib import Path

import pytest

from evaltrail.core.delivery import Receipt, Skipped
from evaltrail.core.errors import DestinationUnreachableError, EvaltrailError, InputError
from evaltrail.core.metric import MetricValue
from evaltrail.core.request import EvaluationRequest, ModelTarget, RequestLimits
from evaltrail.core.result import Counts, Origin, ResultBundle, TaskResult
from evaltrail.service.evaluation.order import Result
from evaltrail.service.evaluation.report import count_line, repeat_words, write_report
from evaltrail.service.evaluation.result_record import recorded
from evaltrail.service.record import failure_object

RECEIPT = Receipt(run_id="r1", experiment_name="evaltrail", metrics_logged=3, skipped=(Skipped(what="a", why="b"),))


def some_result(*errors: EvaltrailError, receipts: tuple[Receipt, ...] = (RECEIPT,)) -> Result:
    metric = MetricValue(
        name="exact_match", value=0.75, n=4, unscored={"garbage": 1}, stderr=0.1, ci_low=0.5, ci_high=1
    )
    task = TaskResult(
        name="sums",
        provider="native",
        metrics=(metric, MetricValue(name="judge", value=None, n=0, unscored={"no_match": 5})),
        counts=Counts(total=5, scored=4, unscored={"garbage": 1}, failed=1),
        error="it | broke",
    )
    bundle = ResultBundle(
        id="0123456789abcdef",
        origin=Origin(producer="evaltrail"),
        model="m",
        tasks=(task,),
        started_at=datetime(2026, 11, 1, 12, tzinfo=UTC),
        ended_at=datetime(2026, 11, 1, 12, 0, 5, tzinfo=UTC),
    )
    return Result(bundle=bundle, out=Path("/out"), receipts=receipts, errors=errors)


def test_a_finished_command_prints_what_was_promised():
    """The keys, and the shape of receipts, metrics and counts, are the contract."""
    found = json.loads(recorded(some_result()))
    assert found["ok"] is True
    assert (found["exit_code"], found["evaluation_id"], found["out"]) == (0, "0123456789abcdef", "/out")
    promised = {"run_id", "run_url", "experiment_id", "experiment_name", "task", "metrics_logged", "params_logged"}
    (receipt,) = found["receipts"]
    assert promised | {"artifacts_logged", "skipped"} <= set(receipt)
    assert receipt["skipped"] == [{"what": "a", "why": "b"}]
    metric = found["metrics"]["sums/exact_match"]
    assert (metric["value"], metric["n"], metric["n_unscored"], metric["stderr"]) == (0.75, 4, 1, 0.1)
    assert (metric["ci_low"], metric["ci_high"], metric["unscored"]) == (0.5, 1, {"garbage": 1})
    assert found["counts"] == {"sums": {"total": 5, "scored": 4, "unscored": {"garbage": 1}, "failed": 1}}
    assert found["errors"] == []


def test_what_could_not_be_scored_is_null_out_of_how_many():
    """A metric without a value says null, 0 scored and how many were not."""
    metric = json.loads(recorded(some_result()))["metrics"]["sums/judge"]
    assert (metric["value"], metric["n"], metric["n_unscored"]) == (None, 0, 5)


@pytest.mark.parametrize(
    ("errors", "exit_code"),
    [
        ((EvaltrailError("x"),), 1),
        ((DestinationUnreachableError("x"),), 3),
        ((EvaltrailError("x"), DestinationUnreachableError("y")), 3),
    ],
)
def test_errors_decide_the_exit_code(errors, exit_code):
    """1 when something failed, 3 when the delivery waits; each error is named."""
    found = json.loads(recorded(some_result(*errors)))
    assert (found["ok"], found["exit_code"]) == (False, exit_code)
    assert [error["message"] for error in found["errors"]] == [error.message for error in errors]


def test_a_command_that_could_not_begin_prints_the_same_keys():
    """A failure has every key of a success, so that programs need one shape only."""
    error = InputError("wrong", code="bad_value", hint="mend it", where="t.yaml: name")
    found = failure_object(error)
    assert (found["ok"], found["exit_code"], found["evaluation_id"]) == (False, 2, None)
    assert found["errors"] == [{"code": "bad_value", "message": "wrong", "hint": "mend it", "where": "t.yaml: name"}]
    assert set(found) <= set(json.loads(recorded(some_result())))
    error.evaluation_id = "abc"
    assert failure_object(error)["evaluation_id"] == "abc"


@pytest.mark.parametrize(
    ("counts", "line"),
    [
        (Counts(total=5, scored=5), "5 of 5 scored"),
        (
            Counts(total=2000, scored=1996, unscored={"garbage": 3, "timeout": 1}, failed=4),
            "1,996 of 2,000 scored; unscored: 3 garbage, 1 timeout",
        ),
        (Counts(), "0 of 0 scored"),
    ],
)
def test_counts_in_words(counts, line):
    """A person reads how many were scored, and why the others were not."""
    assert count_line(counts) == line


def some_request(**changes) -> EvaluationRequest:
    target = ModelTarget(id="m", url="http://user:pw@host/v1?key=1", headers={"X-Key": "hush-hush"})
    return EvaluationRequest(**{"tasks": ("a b.yaml",), "target": target, **changes})


def test_a_report_says_the_table_the_counts_and_how_to_repeat():
    """The report can be read on its own, and holds no secret."""
    report = write_report(some_result().bundle, some_request())
    assert "| sums | exact_match | 0.75 | 0.5 .. 1 | 4 | 1 garbage |" in report
    assert "| sums | judge | none |  | 0 | 5 no_match |" in report
    assert "- 4 of 5 scored; unscored: 1 garbage" in report
    assert "- **failed**: it | broke" in report
    assert "took 5.0 s" in report
    assert "hush-hush" not in report
    assert "pw" not in report


def test_the_command_to_repeat_it_can_be_pasted():
    """Every setting that was given is in the command, quoted for a shell; header values are left out."""
    params = {"k": "v w", "judge": "http://user:pw@h/v1#j"}
    words = repeat_words(
        some_request(limit=0.5, sample_ids=("a", "b"), seed=0, repeats=2, params=params, limits=RequestLimits())
    )
    assert shlex.join(words) == (
        "evaltrail run 'a b.yaml' --model m --url http://host/v1 --limit 0.5 --samples a,b --seed 0 --repeats 2 "
        "--concurrency 32 --header X-Key=... --param 'k=v w' --judge 'http://h/v1#j'"
    )
    baseline = some_request(target=ModelTarget(id="baseline:random"))
    assert shlex.join(repeat_words(baseline)) == "evaltrail run 'a b.yaml' --model baseline:random"

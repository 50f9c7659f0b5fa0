"""A calibration as an object and as a page."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from evaltrail.core.errors import EvaltrailError
from evaltrail.core.request import ModelTarget
from evaltrail.core.result import Origin, ResultBundle, TaskResult
from evaltrail.scoring.judging.rubric import make_rubric
from evaltrail.scoring.judging.rubric_judge import rubric_judge
from evaltrail.service.calibrating.label_reader import label_reader
from evaltrail.service.calibrating.measure import Judged, measure
from evaltrail.service.calibrating.outcome import Calibrated
from evaltrail.service.calibrating.report import calibration_object, calibration_report
from evaltrail.service.evaluation.order import Result

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def _calibrated(pairs, *, errors=(), **scale):
    judge = rubric_judge(make_rubric("tone", "Grade it.", parameters={"max_tokens": 50}, **scale))
    reader = label_reader(judge)
    rows = [
        Judged(id=f"l.csv:{n}", human=h, judge=j, reason="" if j is not None else "judge_empty", raw="| odd\ntext")
        for n, (h, j) in enumerate(pairs, 2)
    ]
    usage = {"judge_requests": 1200.0, "judge_tokens_in": 5000.0, "judge_tokens_out": 70.0}
    bundle = ResultBundle(
        id="e1",
        origin=Origin(producer="evaltrail"),
        tasks=(TaskResult(name="calibration-tone", provider="native", usage=usage),),
        started_at=NOW,
        ended_at=NOW,
    )
    return Calibrated(
        judge=judge,
        target=ModelTarget(id="m", url="http://user:word@h/v1?key=k"),
        reader=reader,
        measured=measure(rows, name_of=reader.name, is_number=reader.is_number, is_graded=reader.is_graded),
        rows=tuple(rows),
        result=Result(bundle=bundle, out=Path("out"), errors=errors),
    )


def test_the_judge_is_told_without_secrets():
    """Model, public URL, rubric digest, parameters, votes: what makes it this judge."""
    told = calibration_object(_calibrated([(4.0, 4.0), (2.0, 3.0)]))["judge"]
    assert told == {
        "name": "tone",
        "model": "m",
        "url": "http://h/v1",
        "source": told["source"],
        "rubric": told["rubric"],
        "parameters": {"max_tokens": 50},
        "votes": 1,
        "scale": "a whole number from 1 to 5",
    }
    assert len(told["rubric"]) == 32


def test_cost_and_errors_are_told():
    """Requests and tokens of the judging, and what did not go as it should."""
    done = _calibrated([(4.0, 4.0), (2.0, None)], errors=(EvaltrailError("1 of 2 scored", code="unscored"),))
    told = calibration_object(done)
    assert told["cost"] == {"requests": 1200, "tokens_in": 5000, "tokens_out": 70}
    assert (told["ok"], told["exit_code"], told["errors"][0]["code"]) == (False, 1, "unscored")
    assert "1,200 requests, 5,000 tokens in, 70 out" in calibration_report(done)


def test_one_class_has_no_kappa_and_says_so():
    """None with its reason, on the page too; agreement is told all the same."""
    done = _calibrated([(True, True)] * 5, labels=("yes", "no"))
    told = calibration_object(done)
    assert (told["kappa"], told["kappa_reason"], told["agreement"]) == (None, "one_class", 1.0)
    assert "| kappa (Cohen) | none (one_class) |  |" in calibration_report(done)


def test_the_page_is_a_table_whatever_words_hold():
    """Bars and line breaks in words do not break the table; what the judge said stands on one line."""
    done = _calibrated([("a|b", "c"), ("c", "c"), ("c", None)], labels=("a|b", "c"))
    page = calibration_report(done)
    assert "| a\\|b | 1 |" in page
    assert "- l.csv:4: judge_empty: | odd text" in page


def test_no_scored_row_is_told_and_not_divided_by():
    """Nothing but unreadable rows: no figure is made up."""
    told = calibration_object(_calibrated([(4.0, None), (2.0, None)]))
    names = ("kappa", "kappa_ci_low", "agreement", "bias", "corrected", "weighted_kappa")
    assert {name: told[name] for name in names} == dict.fromkeys(names)
    assert (told["n"], told["n_unscored"], told["kappa_reason"]) == (0, 2, "no_pairs")


def test_many_unreadable_rows_are_cut_on_the_page_alone():
    """The page names twenty, the object all."""
    done = _calibrated([(4.0, 4.0), *[(2.0, None)] * 30])
    assert len(calibration_object(done)["unreadable"]) == 30
    assert "- and 10 more" in calibration_report(done)


@pytest.mark.parametrize(
    ("scale", "pairs"),
    [
        ({"labels": ("yes", "no")}, [(True, True)] * 3 + [(None, True)] * 3),
        ({}, [(5.0, 5.0), (5.0, 4.0), (None, 5.0), (None, 5.0)]),
    ],
)
def test_a_corrected_interval_stays_on_the_scale(scale, pairs):
    """No share below 0 or above 1, no mean off the scale."""
    corrected = calibration_object(_calibrated(pairs, **scale))["corrected"]
    low, high = (0.0, 1.0) if scale else (1.0, 5.0)
    assert low <= corrected["ci_low"] <= corrected["ci_high"] <= high

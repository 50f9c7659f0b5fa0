"""A calibration stays with the judge, its rubric and its model."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from evaltrail.core.request import ModelTarget
from evaltrail.scoring.judging.rubric import make_rubric
from evaltrail.scoring.judging.rubric_judge import rubric_judge
from evaltrail.service.evaluation.judge_facts import judge_facts, judge_lines, without_judge_facts
from evaltrail.service.evaluation.judges import Grading
from evaltrail.store.calibrations import Calibration, Calibrations


def _calibration(judge, model="m", **changes):
    known = {"kappa": 0.7123, "n": 60, "measured_at": datetime(2026, 11, 1, tzinfo=UTC)}
    return Calibration(source=judge.source, model=model, **{**known, **changes})


def _judge(prompt="On a scale of 1-5."):
    return rubric_judge(make_rubric("tone", prompt))


def _grading(judge, model="m"):
    return Grading(judge=judge, target=ModelTarget(id=model, url="http://h/v1"))


def test_what_is_kept_is_found(tmp_path):
    """The latest of a judge with its model."""
    store, judge = Calibrations(tmp_path), _judge()
    store.keep(_calibration(judge, n=10))
    store.keep(_calibration(judge))
    assert store.find(judge.source, "m") == _calibration(judge)


@pytest.mark.parametrize(("prompt", "model"), [("On a scale of 1-7.", "m"), ("On a scale of 1-5.", "n")])
def test_another_rubric_or_model_is_another_judge(tmp_path, prompt, model):
    """No word of the rubric and no other model inherits a calibration."""
    Calibrations(tmp_path).keep(_calibration(_judge()))
    assert Calibrations(tmp_path).find(_judge(prompt).source, model) is None


def test_a_broken_file_is_no_calibration(tmp_path):
    """A half-written or foreign file says nothing, and stops nobody."""
    store = Calibrations(tmp_path)
    store.keep(_calibration(_judge()))
    (file,) = (tmp_path / "calibrations").iterdir()
    file.write_text("{")
    assert store.find(_judge().source, "m") is None


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, "calibrated: kappa 0.71 (n 60)"),
        ({"weighted_kappa": 0.8}, "calibrated: kappa 0.71, weighted 0.80 (n 60)"),
        ({"kappa": None}, "calibrated: kappa none (n 60)"),
        ({"kappa": 0.1, "kappa_low": -0.1}, "calibrated: kappa 0.10 (n 60, maybe no better than chance)"),
    ],
)
def test_a_calibration_in_one_line(changes, told):
    """Kappa and how many rows stand behind it; where there is none, that is said."""
    assert _calibration(_judge(), **changes).told() == told


def test_a_result_says_of_each_judge_whether_it_was_measured(tmp_path):
    """Model, rubric and calibration become settings; a judge without one is called uncalibrated."""
    known, unknown = _judge(), rubric_judge(make_rubric("wit", "On a scale of 1-5."))
    Calibrations(tmp_path).keep(_calibration(known))
    facts = judge_facts([_grading(known), _grading(unknown)], tmp_path)
    assert facts == {
        "judge.tone.model": "m",
        "judge.tone.rubric": known.source,
        "judge.tone.calibration": "calibrated: kappa 0.71 (n 60)",
        "judge.wit.model": "m",
        "judge.wit.rubric": unknown.source,
        "judge.wit.calibration": "uncalibrated",
    }
    assert list(judge_lines({"seed": 3, **facts})) == [
        "tone is judged by m: calibrated: kappa 0.71 (n 60)",
        "wit is judged by m: uncalibrated",
    ]
    assert without_judge_facts({"seed": 3, **facts}) == {"seed": 3}

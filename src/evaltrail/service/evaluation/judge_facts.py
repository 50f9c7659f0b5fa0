"""What a result says of its judges: which model, which rubric, and whether anybody measured it against people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from evaltrail.core.values import Scalar
from evaltrail.store.calibrations import Calibrations

if TYPE_CHECKING:  # what shows results has no need of what asks judges
    from evaltrail.service.evaluation.judges import Grading

UNCALIBRATED = "uncalibrated"
_PREFIX = "judge."
_BASELINE = "baseline:"
_CALIBRATION = ".calibration"


def judge_facts(gradings: Iterable[Grading], home: Path) -> Mapping[str, Scalar]:
    """``judge.<metric>.model``, ``.rubric`` and ``.calibration`` of each judge, for a task's settings.

    Args:
        gradings: the judges of a task, with their models.
        home: EVALTRAIL_HOME, where calibrations are remembered.
    """
    known = Calibrations(home)
    facts: dict[str, Scalar] = {}
    for grading in gradings:
        judge, model = grading.judge, grading.target.id
        if not model:  # it scores by its own code
            continue
        calibration = known.find(judge.source, model)
        facts |= {
            f"{_PREFIX}{judge.name}.model": model,
            f"{_PREFIX}{judge.name}.rubric": judge.source,
            f"{_PREFIX}{judge.name}{_CALIBRATION}": UNCALIBRATED if calibration is None else calibration.told(),
        }
    return facts


def judge_tags(gradings: Iterable[Iterable[Grading]]) -> dict[str, str]:
    """The tag that names the models which judged; none where none did.

    Args:
        gradings: the judges of each task, with their models.
    """
    names = sorted({grading.target.id for task in gradings for grading in task} - {""})
    return {"evaltrail.judge": ", ".join(names)} if names else {}


def without_judge_facts(config: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """The settings without what they say of judges."""
    return {name: value for name, value in config.items() if not name.startswith(_PREFIX)}


def has_judge(config: Mapping[str, Scalar], metric: str) -> bool:
    """Whether a task's settings tell of a judge that gave this metric."""
    return f"{_PREFIX}{metric}{_CALIBRATION}" in config


def judge_lines(config: Mapping[str, Scalar]) -> Iterator[str]:
    """One line for people on each judge of a task: ``tone is judged by m: uncalibrated``."""
    for name, told in config.items():
        if name.startswith(_PREFIX) and name.endswith(_CALIBRATION):
            metric = name.removeprefix(_PREFIX).removesuffix(_CALIBRATION)
            model = str(config.get(f"{_PREFIX}{metric}.model"))
            known = " (a baseline: it reads no rubric)" if model.startswith(_BASELINE) else ""
            yield f"{metric} is judged by {model}{known}: {told}"

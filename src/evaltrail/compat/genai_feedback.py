"""What a scorer of MLflow says, as a score of ours; by the shape of the answer, so that mlflow is not imported.

Source: ``mlflow.entities.Feedback`` and the results that ``mlflow.genai`` scorers may return (MLflow 3.17).
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Mapping, Sequence
from typing import Protocol, TypeGuard

from evaltrail.core.sample import Score, Usage

NO_SCORE = "no_score"
SCORER_ERROR = "scorer_error"
NOT_A_SCORE = "not_a_score"
_VERDICTS = {"yes": True, "no": False, "true": True, "false": False, "pass": True, "fail": False}
_RAW_CHARACTERS = 4000
_WORD = re.compile(r"[^a-z0-9]+")


class FeedbackShape(Protocol):
    """What is read of MLflow's Feedback."""

    name: str
    value: object
    error: ErrorShape | None
    rationale: str | None
    source: object
    metadata: Mapping[str, str] | None


class ErrorShape(Protocol):
    """What is read of MLflow's AssessmentError."""

    error_code: str
    error_message: str | None


def score_of(result: object, *, name: str, source: str) -> Score:
    """The score of a result: a value, a Feedback, or several of them.

    ``yes`` and ``no`` are True and False. Several values are one by their mean, where they are numbers or verdicts; of
    feedbacks only those that bear the scorer's name count, where there are some.

    Args:
        result: whatever a scorer returned.
        name: the scorer's.
        source: who says it, where the result does not.
    """
    if result is None:
        return Score(reason=NO_SCORE, rationale="the scorer returned nothing", source=source)
    if isinstance(result, Sequence) and not isinstance(result, str):
        return _of_several(result, name=name, source=source)
    if _is_feedback(result):
        return _of_feedback(result, source)
    value = _plain(result)
    if value is None:
        return Score(reason=NOT_A_SCORE, raw=repr(result)[:_RAW_CHARACTERS], source=source)
    return Score(value=value, source=source)


def _of_feedback(feedback: FeedbackShape, source: str) -> Score:
    told = feedback.metadata or {}
    is_judge = str(getattr(feedback.source, "source_type", "")) == "LLM_JUDGE"
    usage = _usage(told) if is_judge else None
    rationale = str(feedback.rationale or "")
    if feedback.error is not None:
        code = _WORD.sub("_", str(feedback.error.error_code or "").lower()).strip("_")
        why = str(feedback.error.error_message or rationale)
        return Score(reason=code or SCORER_ERROR, rationale=why[:_RAW_CHARACTERS], source=source, usage=usage)
    found = score_of(feedback.value, name="", source=source)
    return Score(value=found.value, reason=found.reason, rationale=rationale, raw=found.raw, source=source, usage=usage)


def _of_several(results: Sequence[object], *, name: str, source: str) -> Score:
    if not results:
        return Score(reason=NO_SCORE, rationale="the scorer returned an empty list", source=source)
    own = [each for each in results if getattr(each, "name", "") == name] or list(results)
    scores = [score_of(each, name=name, source=source) for each in own]
    if len(scores) == 1:
        return scores[0]
    usage = next((score.usage for score in scores if score.usage is not None), None)
    unscored = next((score for score in scores if score.value is None), None)
    if unscored is not None:
        return unscored
    values = [score.value for score in scores]
    rationale = "\n".join(filter(None, (score.rationale for score in scores)))
    if any(isinstance(value, str) for value in values):
        raw = ", ".join(map(str, values))[:_RAW_CHARACTERS]
        return Score(reason=NOT_A_SCORE, raw=raw, rationale=rationale, source=source, usage=usage)
    mean = statistics.fmean(float(value) for value in values if value is not None)
    return Score(value=mean, rationale=rationale, source=source, usage=usage)


def _is_feedback(result: object) -> TypeGuard[FeedbackShape]:
    return all(hasattr(result, name) for name in ("value", "error", "rationale", "source"))


def _plain(value: object) -> float | bool | str | None:
    """A value that can be a score; None where it is none."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _VERDICTS.get(value.strip().casefold(), value)
    item = getattr(value, "item", None)  # a number of numpy
    if callable(item) and not isinstance(value, int | float):
        return _plain(item())
    try:
        return float(value) if isinstance(value, int | float) else None
    except OverflowError:
        return None


def _usage(told: Mapping[str, str]) -> Usage:
    """What a judge's call cost, as far as MLflow tells."""
    tokens = [str(told.get(f"mlflow.assessment.judge{kind}Tokens")) for kind in ("Input", "Output")]
    known = [int(each) if each.isascii() and each.isdecimal() else None for each in tokens]
    return Usage(prompt_tokens=known[0], completion_tokens=known[1], attempts=1)

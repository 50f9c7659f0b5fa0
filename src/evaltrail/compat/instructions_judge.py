"""A judge that ``mlflow.genai.make_judge`` made, as one of ours: asked through our engine, not in MLflow's threads.

Source: attributes of MLflow 3.17's InstructionsJudge; read by their names, so that mlflow is not imported.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal, get_args, get_origin

from evaltrail.core.errors import InputError
from evaltrail.scoring.judging.rubric import make_rubric
from evaltrail.scoring.judging.rubric_judge import RubricJudge, rubric_judge
from evaltrail.scoring.judging.scale import read_scale

_FIELD = re.compile(r"\{\{\s*(inputs|outputs|expectations)\s*\}\}")
_PARTS = {"inputs": "input", "outputs": "output", "expectations": "expected_response"}
_OURS = "openai:/"


def same_judge(judge: Any, *, default_model: str) -> RubricJudge | None:
    """Our judge by the same instructions; None where it could not be faithful.

    It can where the instructions show the output (ours always does) and nothing but inputs, outputs and expectations,
    where the answer is yes or no, one of some words, or a number on a scale that the instructions tell, and where the
    model is one that we reach. A judge that names no model is asked of the run's own.

    Args:
        judge: an InstructionsJudge.
        default_model: what MLflow takes where no model was named.
    """
    shown = set(judge.template_variables)
    target = _target(judge, default_model)
    scale = _scale(judge)
    if "outputs" not in shown or not shown <= _PARTS.keys() or target is None or scale is None:
        return None
    if "expectations" in shown and "expected_facts" in judge.instructions:
        return None  # ours would show the expected response alone
    try:
        rubric = make_rubric(
            judge.name,
            _FIELD.sub(lambda found: f'(the part "{_PARTS[found[1]]}")', judge.instructions),
            definition=str(judge.description or ""),
            grading_context_columns=("expected_response",) if "expectations" in shown else (),
            include_input="inputs" in shown,
            parameters=judge.inference_params,
            **scale,
        )
    except InputError:
        return None
    made = rubric_judge(rubric, target=target)
    made.headers = dict(getattr(judge, "_extra_headers", None) or {})
    return made


def _target(judge: Any, default_model: str) -> str | None:
    """Which model judges: ours to ask, or None."""
    model, base_url = str(judge.model), getattr(judge, "_base_url", None)
    if model.startswith(_OURS):
        name = model.removeprefix(_OURS).lstrip("/")
        if base_url:
            return f"{base_url}#{name}"
        return "" if model == default_model else model
    return "" if model == default_model and not base_url else None


def _scale(judge: Any) -> dict[str, Any] | None:
    """The scale that the judge's answers are on, as ``make_rubric`` takes it; None where they are on none."""
    kind = judge.feedback_value_type
    if kind is bool:
        return {"labels": {"true": True, "false": False}}
    if get_origin(kind) is Literal:
        return _words(get_args(kind))
    if kind in {int, float, str}:
        told = read_scale(judge.instructions)
        if told is None or bool(told.labels) is not (kind is str):
            return None
        return {}
    return None


def _words(said: Sequence[object]) -> dict[str, Any] | None:
    words = [word for word in said if isinstance(word, str)]
    return {"labels": words} if len(words) == len(said) > 1 else None

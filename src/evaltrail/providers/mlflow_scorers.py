"""The provider `mlflow`: a scorer of mlflow.genai over a data set in MLflow's own form."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import msgspec

from evaltrail.core.errors import InputError
from evaltrail.core.ids import nearest
from evaltrail.core.request import EvaluationRequest
from evaltrail.core.values import Json, Scalar
from evaltrail.providers.columns import Column, any_value, text, text_or_texts, texts
from evaltrail.providers.data_task import (
    DATASET_PATH,
    DataForm,
    DataTask,
    check_asked,
    check_params,
    open_source,
)
from evaltrail.scoring.catalog import METRICS, make_metrics, required_options

PROVIDER = "mlflow"
_PREFIX = f"{PROVIDER}."
_OPTION = "scorer."
"""What stands before a scorer's own settings among the parameters."""
_ANSWERS = ("expected_response", "expected_output", "answer", "ground_truth")
"""Where expectations hold the right answer."""
_INPUTS = ("input", "question", "user_input", "prompt")
_EXPECTATIONS = ("expectation", "reference", "ground_truth", "targets", "expected_response")


def as_one_text(value: object) -> Json:
    """A value as the text that a model or a judge reads: that of an object's only field, else JSON."""
    found = any_value(value)
    if isinstance(found, Mapping) and len(found) == 1:
        found = next(iter(found.values()))
    return msgspec.json.encode(found).decode() if isinstance(found, Mapping | list) else text(found)


def expected(value: object) -> Json:
    """The right answer, or several, that expectations hold; none where they hold none."""
    found = any_value(value)
    if isinstance(found, Mapping):
        return next((text_or_texts(found[name]) for name in _ANSWERS if name in found), [])
    return text_or_texts(found)


FORM = DataForm(
    provider=PROVIDER,
    columns=(
        Column(name="inputs", aliases=_INPUTS, read=any_value),
        Column(name="outputs", aliases=("output", "response", "predictions"), read=as_one_text),
        Column(name="expectations", aliases=_EXPECTATIONS, read=any_value),
        Column(name="contexts", aliases=("context", "retrieved_contexts"), read=texts),
        Column(name="asked", aliases=("inputs", *_INPUTS), read=as_one_text),
        Column(name="expected", aliases=("expectations", *_EXPECTATIONS), read=expected),
        Column(name="id", read=text),
    ),
    prompt="{{ asked }}",
    question="asked",
    output="outputs",
    target="expected",
    context="contexts",
)


def mlflow_task(
    name: str, request: EvaluationRequest, *, datasets_dir: Path | None, environ: Mapping[str, str]
) -> DataTask:
    """The task of a scorer, checked against its data.

    Args:
        name: of the scorer, as the metric ``mlflow.NAME`` is called.
        request: its ``params`` name the data set (``dataset_path``) and hold the scorer's settings (``scorer.KEY``),
            each a text or JSON.
        datasets_dir: EVALTRAIL_DATASETS_DIR.
        environ: every variable; none of them is for this provider.

    Raises:
        InputError: there is no such scorer or setting, no data set, or it has no inputs.
    """
    del environ
    where = f"{PROVIDER}/{name}"
    known = scorer_names()
    if name not in known:
        hint = nearest(name, known) or f"known: {', '.join(known) or 'none'}"
        raise InputError(f"mlflow.genai has no scorer {name!r} here", code="unknown_task", hint=hint)
    check_params(where, request.params, (DATASET_PATH,))
    source, has_outputs = open_source(FORM, name, request, datasets_dir, needed=("inputs",))
    if not has_outputs:
        check_asked(where, request, FORM)
    options = {
        key.removeprefix(_OPTION): _setting(value) for key, value in request.params.items() if key.startswith(_OPTION)
    }
    for option in required_options(f"{_PREFIX}{name}"):
        if option not in options:
            hint = f"add --param {_OPTION}{option}=..."
            raise InputError(f"it needs the setting {option!r}", code="missing_option", where=where, hint=hint)
    (metric,) = make_metrics([{f"{_PREFIX}{name}": options}], where=where)
    metric.name = name  # as the task; ``mlflow.NAME`` tells it from ours in task files alone
    return DataTask(name, FORM, source, request, metric, is_asked=True, facts={})


def scorer_names() -> list[str]:
    """The scorers that can be named, sorted."""
    return sorted(name.removeprefix(_PREFIX) for name in METRICS.names() if name.startswith(_PREFIX))


def _setting(value: Scalar) -> Json:
    """A text that is JSON as what it says; others as they are."""
    if not isinstance(value, str):
        return value
    try:
        found: Json = json.loads(value)
    except (ValueError, RecursionError):
        return value
    return found

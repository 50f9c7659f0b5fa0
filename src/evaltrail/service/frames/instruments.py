"""The instruments that `evaluate(metrics=...)` means: names, objects of ours, functions, and metrics of MLflow."""

from __future__ import annotations

import importlib
import inspect
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from evaltrail.core.errors import InputError
from evaltrail.core.sample import Score
from evaltrail.scoring.apply import Scorer
from evaltrail.scoring.catalog import METRICS, make_metrics
from evaltrail.scoring.judging.genai import make_genai_metric, make_genai_metric_from_prompt
from evaltrail.scoring.judging.port import Judge
from evaltrail.service.frames.frame import Frame, pandas
from evaltrail.service.frames.function_metric import as_score, function_metric
from evaltrail.service.frames.roles import Roles

_TRAITS = ("name", "better", "unit", "source", "is_grade")
_FORMS = "a name, {name: {option: value}}, an object from evaltrail.metrics, or a function"
_MLFLOW_SCORER = "evaltrail.compat.mlflow_scorers:adopt_scorer"
"""By name: it stands above us, and loads MLflow."""
_FORM_WORDS = ("fn_name", "mlflow_version")
_EXAMPLE = ("input", "output", "score", "justification", "grading_context")


def make_instruments(given: Iterable[object], frame: Frame, roles: Roles) -> tuple[Scorer, ...]:
    """The instruments of a call, in order.

    Raises:
        InputError: one of them is nothing that scores, or two have one name.
    """
    made = [_made(each, frame, roles) for each in given]
    if not made:
        hint = f'such as metrics=["exact_match"]; known: {", ".join(METRICS.names())}'
        raise InputError("there is no metric", code="no_metric", where="metrics", hint=hint)
    for name, count in Counter(each.name for each in made).items():
        if count > 1:
            raise InputError(f"metric {name!r} is named twice", code="duplicate_metric", where="metrics")
    return tuple(made)


def listed(metrics: object) -> list[object]:
    """The metrics of an argument: one, or several."""
    if metrics is None:
        return []
    if isinstance(metrics, Mapping):
        return [{name: options} for name, options in metrics.items()]
    if isinstance(metrics, str) or not isinstance(metrics, Sequence | set | frozenset):
        return [metrics]
    return list(metrics)


def _made(given: Any, frame: Frame, roles: Roles) -> Scorer:
    if isinstance(given, str | Mapping):
        return make_metrics([given])[0]
    kinds = {(kind.__module__.partition(".")[0], kind.__name__) for kind in type(given).__mro__}
    if ("mlflow", "EvaluationMetric") in kinds:
        return _of_mlflow(given, frame, roles)
    if ("mlflow", "Scorer") in kinds:
        return _mlflow_scorer(given)
    if all(hasattr(given, name) for name in _TRAITS) and not inspect.isclass(given):
        if isinstance(given, Judge) or callable(getattr(given, "score", None)):
            return cast("Scorer", given)
    elif str(getattr(given, "__module__", "")).startswith("evaltrail."):
        return cast("Scorer", given())  # a factory of ours that was not called
    elif callable(given):
        return function_metric(given, frame, roles)
    raise InputError(f"{given!r:.80} is no metric", code="bad_metric", where="metrics", hint=f"pass {_FORMS}")


def _mlflow_scorer(given: object) -> Scorer:
    module, _, name = _MLFLOW_SCORER.partition(":")
    return cast("Scorer", getattr(importlib.import_module(module), name)(given))


def _of_mlflow(metric: Any, frame: Frame, roles: Roles) -> Scorer:
    """A metric of ``mlflow.metrics``: a judge of ours with the same rubric, else its own function, row by row.

    MLflow's ``make_genai_metric`` keeps what it was called with; its judges are asked through our engine.
    """
    told = getattr(metric, "genai_metric_args", None)
    if told:
        return _same_judge(told)
    found = function_metric(_row_function(metric), frame, roles)
    return replace(found, name=str(metric.name), source=f"{metric.name}/mlflow@{found.source.rpartition('@')[2]}")


def _row_function(metric: Any) -> Callable[..., object]:
    """The metric's function for one row, with the same parameters but ``metrics``, which it gets empty."""
    evaluate = metric.eval_fn
    parameters = inspect.signature(evaluate).parameters

    def row(**values: object) -> Score:
        known = {name: pandas().Series([value]) for name, value in values.items()} | {"metrics": {}}
        found = evaluate(*(known.get(name, parameters[name].default) for name in _positional(parameters)))
        scores = getattr(found, "scores", found)
        if scores is None:  # it tells an aggregate alone, which is the row's score where there is one row
            told = getattr(found, "aggregate_results", None) or {}
            scores = told.get(metric.name, next(iter(told.values()), None))
        if isinstance(scores, Sequence) and not isinstance(scores, str):
            scores = scores[0] if len(scores) else None
        reasons = getattr(found, "justifications", None) or [""]
        return as_score({"value": scores, "rationale": reasons[0]}, str(metric.name))

    wanted = [each for name, each in parameters.items() if name in _positional(parameters) and name != "metrics"]
    by_name = [each.replace(kind=each.KEYWORD_ONLY) for each in wanted]
    vars(row).update(
        __signature__=inspect.Signature(by_name),
        __wrapped__=evaluate,
        name=str(metric.name),
        greater_is_better=metric.greater_is_better,
    )
    return row


def _positional(parameters: Mapping[str, inspect.Parameter]) -> list[str]:
    kinds = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}
    return [name for name, each in parameters.items() if each.kind in kinds]


def _same_judge(told: Mapping[str, Any]) -> Scorer:
    """Our judge by the rubric that MLflow's function was called with."""
    from_prompt = told.get("fn_name") == "make_genai_metric_from_prompt"
    make: Any = make_genai_metric_from_prompt if from_prompt else make_genai_metric
    known = inspect.signature(make).parameters
    options = {name: value for name, value in told.items() if name in known and name not in _FORM_WORDS}
    if options.get("examples"):
        options["examples"] = [
            {word: value for word in _EXAMPLE if (value := getattr(each, word, None)) is not None}
            for each in options["examples"]
        ]
    return cast("Scorer", make(**options))

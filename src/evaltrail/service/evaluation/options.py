"""Keyword options of the Python verbs: each known, and of the type that its TypedDict says."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypedDict, cast, get_type_hints

import msgspec

from evaltrail.core.decoding import converted, decoded
from evaltrail.core.errors import InputError
from evaltrail.core.ids import nearest
from evaltrail.core.progress import ProgressSink
from evaltrail.core.request import RequestLimits
from evaltrail.core.trace_choice import TraceChoice, read_trace_choice
from evaltrail.core.values import Scalar


class VerbOptions(TypedDict, total=False):
    """What may be said to every verb: who judges and how fast, where the result lands, what counts as done."""

    judge: str
    """Model that judges where a metric names none: ``openai:/NAME``, ``URL#NAME``; default EVALTRAIL_JUDGE."""
    limits: RequestLimits
    """Concurrency, rates, time-out in seconds, retries."""
    tracking_uri: str
    """MLflow; default the caller's session, MLFLOW_TRACKING_URI, else its own default store."""
    experiment: str
    """Default the active run's, MLFLOW_EXPERIMENT_NAME, else ``evaltrail``."""
    run_name: str
    """Of a new run; default made from what is evaluated and the model."""
    description: str
    """What MLflow shows as the run's note."""
    tags: Mapping[str, str]
    """Tags of the run."""
    traces: TraceChoice
    """Samples that become traces with their scores as assessments: ``failures``, ``all``, or so many of them."""
    deliver: bool
    """False writes the bundle only."""
    out: str | Path
    """A folder that shows the bundle too."""
    fresh: bool
    """Start over, even where the same work was cut short."""
    allow_unscored: float
    """Share of samples that may stay unscored before it counts as an error, in [0, 1]."""
    progress: ProgressSink
    """Told a few times a second."""


def check_options(options: Mapping[str, Any], kind: type, verb: str) -> dict[str, Any]:
    """The options, each of the type that a TypedDict says.

    Args:
        options: as they were given.
        kind: the TypedDict.
        verb: whose options they are, for errors.

    Raises:
        InputError: an option is unknown or has the wrong type.
    """
    kinds = get_type_hints(kind)
    checked: dict[str, Any] = {}
    for name, value in options.items():
        if name not in kinds:
            raise InputError(f"{verb}() has no option {name!r}", code="unknown_option", hint=nearest(name, kinds))
        try:
            checked[name] = _OWN_CHECKS[name](value) if name in _OWN_CHECKS else _converted(value, kinds[name])
        except (msgspec.ValidationError, TypeError) as error:
            raise InputError(f"{name} has the wrong type: {error}", code="bad_option") from error
    return checked


def named_paths(given: object, noun: str) -> tuple[str | Path, ...]:
    """What a verb is to read: one name or path, or several.

    Args:
        given: by the caller.
        noun: what it names, for errors.

    Raises:
        InputError: it is no such thing, or empty.
    """
    several = (given,) if isinstance(given, str | Path) else given
    if isinstance(several, Iterable):
        named = tuple(several)
        if named and all(isinstance(each, str | Path) for each in named):
            return named
        given = named
    what = f"{given!r:.40} names no {noun}" if given else f"no {noun} is named"
    raise InputError(what, code="bad_option", hint="pass a name or a path, or a list of them")


def chosen(options: Mapping[str, Any], kind: type) -> dict[str, Any]:
    """The options that are fields of a dataclass, under the same names."""
    names = {field.name for field in fields(kind)}
    given = {name: value for name, value in options.items() if name in names}
    return {name: tuple(value) if name == "sample_ids" else value for name, value in given.items()}


def with_judge(params: Mapping[str, Scalar], judge: str) -> dict[str, Scalar]:
    """The parameters with the run's judge among them, as ``judge``.

    Args:
        params: as they were given.
        judge: which model judges; empty = as they say.

    Raises:
        InputError: they name another one.
    """
    if judge and params.get("judge", judge) != judge:
        hint = "keep one of them: `judge` alone, or the parameter"
        raise InputError("two judges are named", code="usage", where="judge", hint=hint)
    return {**params, "judge": judge} if judge else dict(params)


def _converted(value: object, kind: Any) -> object:
    return converted(msgspec.to_builtins(value), kind)


def _settings(value: object) -> object:
    """Generation settings: whatever JSON can say, under names."""
    return decoded(msgspec.json.encode(value), dict[str, Any])


def _path(value: object) -> str:
    return os.fspath(cast("os.PathLike[str]", value))


def _traces(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise TypeError("failures, all, or a number is wanted")
    return read_trace_choice(value)


def _sink(value: object) -> object:
    if not callable(value):
        raise TypeError("a function is wanted")
    return value


_OWN_CHECKS: Mapping[str, Callable[[object], object]] = {
    "generation": _settings,
    "out": _path,
    "progress": _sink,
    "traces": _traces,
}

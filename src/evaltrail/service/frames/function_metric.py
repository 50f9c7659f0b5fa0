"""FunctionMetric: a user's function that scores one row, as a metric."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from evaltrail.core.errors import InputError
from evaltrail.core.ids import digest, nearest
from evaltrail.core.metric import Better
from evaltrail.core.sample import Sample, Score
from evaltrail.core.values import Json
from evaltrail.service.frames.frame import Frame
from evaltrail.service.frames.roles import Roles

_INPUTS = frozenset({"input", "inputs", "question", "prompt", "query"})
_OUTPUTS = frozenset({"output", "outputs", "prediction", "predictions", "response", "answer"})
_TARGETS = frozenset({"target", "targets", "ground_truth", "expectations", "expected", "reference"})
_CONTEXTS = frozenset({"context", "contexts"})
_SAMPLE = "sample"
_RATIONALES = ("rationale", "justification", "reason")


@dataclass(slots=True, kw_only=True)
class FunctionMetric:
    """Scores by a function that is called with what its parameters name.

    ``sample`` is the whole Sample; ``inputs``, ``outputs``, ``targets`` (or ``expectations``) and ``contexts`` are
    those of the row, as they were given; any other name is a column of the data.
    """

    name: str
    function: Callable[..., object]
    arguments: Mapping[str, Callable[[Sample], object]]
    source: str
    better: Better = "higher"
    unit: str = ""
    is_grade: bool = field(default=True)

    def score(self, sample: Sample) -> Score:
        """What the function says of a sample: a number, a bool, a word, a Score, or a dict with ``value``."""
        return as_score(self.function(**{name: take(sample) for name, take in self.arguments.items()}), self.source)


def function_metric(function: Callable[..., object], frame: Frame, roles: Roles) -> FunctionMetric:
    """The metric that a function is.

    Args:
        function: its name is the metric's; an attribute ``better`` or ``greater_is_better`` says which way is up.
        frame: where its parameters are looked up.
        roles: of the frame's columns.

    Raises:
        InputError: it is a coroutine or a generator, or a parameter names nothing.
    """
    name = metric_name(function)
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        hint = "give a plain function; what asks a model is a judge (make_genai_metric)"
        raise InputError(f"the metric {name!r} is async or a generator", code="bad_metric", hint=hint)
    arguments = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}:
            continue
        take = argument(parameter, frame, roles)
        if take is not None:
            arguments[parameter.name] = take
        elif parameter.default is parameter.empty:
            raise _unknown(name, parameter.name, frame)
    return FunctionMetric(
        name=name, function=function, arguments=arguments, source=_source(function, name), better=better_of(function)
    )


def metric_name(function: object) -> str:
    """What a function's metric is called."""
    told = getattr(function, "name", None) or getattr(function, "__name__", type(function).__name__)
    return "custom" if told == "<lambda>" else str(told)


def argument(parameter: inspect.Parameter, frame: Frame, roles: Roles) -> Callable[[Sample], object] | None:
    """How a parameter's value is taken from a sample; None where its name says nothing."""
    name = parameter.name
    if name == _SAMPLE or parameter.annotation in (Sample, "Sample"):
        return _whole
    if name in frame.columns and name not in _OUTPUTS:
        return _cell(frame.columns[name])
    if name in _OUTPUTS:
        return _output
    if name in _INPUTS:
        return _cell(roles.asked(frame))
    for names, column in ((_TARGETS, roles.targets), (_CONTEXTS, roles.contexts)):
        if name in names:
            return _cell(frame.columns[column]) if column else _nothing
    return None


def as_score(value: object, source: str) -> Score:
    """What a function gave, as a score; None, NaN and what is no value are reasons."""
    if isinstance(value, Score):
        return value
    rationale = next((str(found) for word in _RATIONALES if (found := _entry(value, word))), "")
    for word in ("value", "score"):
        if (isinstance(value, Mapping) and word in value) or _entry(value, word) is not None:
            value = _entry(value, word)
            break
    if hasattr(value, "tolist"):
        value = value.tolist()
    if value is None:
        return Score(reason="no_score", rationale=rationale, source=source)
    if isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if isinstance(value, float) and not math.isfinite(value):
        return Score(reason="not_finite", rationale=rationale, source=source)
    if isinstance(value, bool | float | str):
        return Score(value=value, rationale=rationale, source=source)
    return Score(reason="bad_score", rationale=f"it gave a {type(value).__name__}", source=source)


def better_of(metric: object) -> Better:
    """Which way is up, where the metric says so."""
    told = getattr(metric, "better", None)
    if told in {"higher", "lower", "neither"}:
        return told  # type: ignore[no-any-return]  # one of the three
    return "lower" if getattr(metric, "greater_is_better", True) is False else "higher"


def _entry(value: object, word: str) -> object:
    if isinstance(value, Mapping):
        return value.get(word)
    if isinstance(value, str | bool | int | float):
        return None
    return getattr(value, word, None)


def _source(function: Any, name: str) -> str:
    """Name and digest of what the function is made of, so that a changed one is another metric."""
    return f"{name}/function@{digest(_made_of(function))[:12]}"


def _made_of(function: Any) -> list[Json]:
    """The code of a function, a partial or an object that can be called, and the plain values that it works with."""
    if isinstance(function, partial):
        given = {**{str(place): each for place, each in enumerate(function.args)}, **function.keywords}
        return [*_made_of(function.func), _plain_values(given)]
    owner = function.__self__ if inspect.ismethod(function) else function
    is_function = inspect.isfunction(function)
    held = inspect.getclosurevars(function).nonlocals if is_function else getattr(owner, "__dict__", {})
    defaults = inspect.signature(function).parameters.items()
    values = {**{name: each.default for name, each in defaults}, **held}
    code = getattr(function, "__code__", None)
    try:
        told = inspect.getsource(function if inspect.isroutine(function) else type(function))
    except (OSError, TypeError):  # typed in, built in C, or made by a program
        told = "" if code is None else f"{code.co_code.hex()} {code.co_consts!r:.2000}"
    return [told, _plain_values(values)]


def _plain_values(values: Mapping[str, object]) -> dict[str, Json]:
    """Those that are the same in the next process too."""
    return {name: repr(value) for name, value in sorted(values.items()) if isinstance(value, bool | int | float | str)}


def _whole(sample: Sample) -> Sample:
    return sample


def _output(sample: Sample) -> str | None:
    return sample.graded


def _nothing(sample: Sample) -> None:  # noqa: ARG001  of every sample
    return None


def _cell(values: Sequence[object]) -> Callable[[Sample], object]:
    def take(sample: Sample) -> object:
        return values[sample.index]

    return take


def _unknown(metric: str, name: str, frame: Frame) -> InputError:
    hint = nearest(name, frame.columns) or (
        f"it may ask for sample, inputs, outputs, targets, contexts, or a column: {', '.join(frame.columns)}"
    )
    return InputError(f"the metric {metric!r} asks for {name!r}, which is nothing", code="bad_metric", hint=hint)

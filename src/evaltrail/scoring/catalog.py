"""The metrics that can be named, and their making from a task file's ``metrics:`` list."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import cast

import msgspec

from evaltrail.core.errors import EvaltrailError, InputError
from evaltrail.core.ids import nearest
from evaltrail.core.plugins import Registry
from evaltrail.core.ports import Metric
from evaltrail.core.values import Json

METRICS = Registry(
    "evaltrail.metrics",
    {
        "exact_match": "evaltrail.scoring.exact:ExactMatch",
        "contains": "evaltrail.scoring.exact:Contains",
        "regex": "evaltrail.scoring.exact:Regex",
        "numeric": "evaltrail.scoring.exact:Numeric",
        "multiple_choice": "evaltrail.scoring.choice:MultipleChoice",
        "token_f1": "evaltrail.scoring.overlap:TokenF1",
        "rouge1": "evaltrail.scoring.overlap:rouge1",
        "rouge2": "evaltrail.scoring.overlap:rouge2",
        "rougeL": "evaltrail.scoring.overlap:rouge_l",
        "rougeLsum": "evaltrail.scoring.overlap:rouge_lsum",
        "bleu": "evaltrail.scoring.bleu:Bleu",
        "chrf": "evaltrail.scoring.bleu:Chrf",
        "latency": "evaltrail.scoring.speed:Latency",
        "tokens": "evaltrail.scoring.speed:Tokens",
    },
)
"""A metric's plugin is a factory: a class or function whose keyword arguments are the metric's options."""

_KEYWORD = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def make_metrics(specs: Sequence[Json], *, where: str = "metrics") -> tuple[Metric, ...]:
    """The metrics of a task, in the order they are named.

    Args:
        specs: each a name, or ``{name: {option: value}}``.
        where: the place to name in errors; the position is added: ``metrics[0]``.

    Raises:
        InputError: an unknown metric or option, an option of the wrong type, a metric named twice, or a broken plugin.
    """
    made: dict[str, Metric] = {}
    for position, spec in enumerate(specs):
        place = f"{where}[{position}]"
        try:
            name, options = _read(spec, made)
            made[name] = _make(name, options)
        except InputError as error:
            error.where = error.where or place
            raise
    return tuple(made.values())


def _read(spec: Json, earlier: Collection[str]) -> tuple[str, Mapping[str, Json]]:
    """Name and options of one entry."""
    entry = {spec: None} if isinstance(spec, str) else spec
    if isinstance(entry, Mapping) and len(entry) == 1:
        ((name, options),) = entry.items()
        if name in earlier:
            raise InputError(f"metric {name!r} is named twice", code="duplicate_metric", hint="remove one of them")
        if isinstance(name, str) and (options is None or isinstance(options, Mapping)):
            return name, options or {}
    raise InputError(
        f"{spec!r} is no metric", code="bad_metric", hint="write a name, or {name: {option: value}} with one name"
    )


def _make(name: str, options: Mapping[str, Json]) -> Metric:
    factory = METRICS.load(name)
    try:
        known = inspect.signature(cast("Callable[..., Metric]", factory), eval_str=True).parameters
        checked = {option: _check(name, option, value, known) for option, value in options.items()}
        return cast("Callable[..., Metric]", factory)(**checked)
    except EvaltrailError:
        raise
    except Exception as error:
        raise InputError(
            f"metric {name!r} cannot be made: {type(error).__name__}: {error}",
            code="broken_metric",
            hint="check its options, or reinstall the package that offers it",
        ) from error


def _check(name: str, option: str, value: Json, known: Mapping[str, inspect.Parameter]) -> object:
    """The value in the type that the factory asks for."""
    takes = {word: parameter for word, parameter in known.items() if parameter.kind in _KEYWORD}
    if option not in takes:
        if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in known.values()):
            return value
        hint = nearest(option, takes) or (f"it has {', '.join(takes)}" if takes else "it has no options")
        raise InputError(f"metric {name!r} has no option {option!r}", code="unknown_option", hint=hint)
    wanted = takes[option].annotation
    if wanted is inspect.Parameter.empty:
        return value
    try:
        return cast("object", msgspec.convert(value, type=wanted))
    except msgspec.ValidationError as error:
        raise InputError(
            f"option {option!r} of metric {name!r} cannot be {value!r}",
            code="bad_option",
            hint=str(error).lower(),
        ) from error

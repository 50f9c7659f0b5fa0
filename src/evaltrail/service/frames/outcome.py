"""Outcome: what a function of the user's gave for one row, as text or as the reason why there is none."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evaltrail.config.secrets import redact
from evaltrail.core.errors import InputError
from evaltrail.models.text_repair import whole_text
from evaltrail.service.frames.frame import is_missing, text_of

MODEL_ERROR = "model_error"
NO_OUTPUT = "no_output"
BAD_OUTPUT = "bad_output"
_DETAIL_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class Outcome:
    """One row's output."""

    text: str | None = None
    """None exactly when ``error`` is set."""
    error: str = ""
    """``model_error`` (it raised), ``no_output`` (it gave None), ``bad_output`` (nothing that can be read as text)."""
    detail: str = ""
    latency_s: float | None = None
    """Seconds of the call, where a call was for this row alone."""


def outcome_of(value: object, *, key: str = "", latency_s: float | None = None) -> Outcome:
    """What a row's value means.

    Args:
        value: text; a number or bool (``3``, ``true``); a dict or list (as JSON); None for no answer.
        key: the entry of a dict that holds the text; empty = the whole dict.
        latency_s: of the call that gave it.
    """
    if isinstance(value, Mapping) and key:
        if key not in value:
            return Outcome(error=BAD_OUTPUT, detail=f"the output has no {key!r}, but {', '.join(map(str, value))}")
        value = value[key]
    if is_missing(value):
        return Outcome(error=NO_OUTPUT, detail="the output is None")
    if inspect.isawaitable(value) or is_stream(value):
        return Outcome(error=BAD_OUTPUT, detail=f"the output is a {type(value).__name__}, no text")
    content = getattr(value, "content", None)
    try:
        return Outcome(text_of(content if isinstance(content, str) else value), latency_s=latency_s)
    except Exception as error:  # noqa: BLE001  a user's object: one that cannot be written is its row's failure
        told = f"the output is a {type(value).__name__} that cannot be written: {type(error).__name__}"
        return Outcome(error=BAD_OUTPUT, detail=told)


def failed(error: Exception) -> Outcome:
    """The outcome of a row whose call raised."""
    return Outcome(
        error=MODEL_ERROR, detail=redact(whole_text(f"{type(error).__name__}: {error}"))[:_DETAIL_CHARACTERS]
    )


def rows_of(result: object, size: int, *, key: str = "") -> list[object]:
    """The values of a call for all rows, one a row.

    Args:
        result: list, tuple, array, Series; a DataFrame or dict where ``key`` names the column, or it has only one.
        size: rows that were given.
        key: the column that holds the outputs.

    Raises:
        InputError: it is none of these, or has another length.
    """
    values = _column(result, key)
    if values is None:
        raise InputError(
            f"the model gave a {type(result).__name__} for {size} rows",
            code=BAD_OUTPUT,
            where="model",
            hint="return a list with one output a row, or pass batch=False if it takes one row at a time",
        )
    if len(values) != size:
        raise InputError(
            f"the model gave {len(values)} outputs for {size} rows",
            code="wrong_length",
            where="model",
            hint="return one output a row, None where there is none; or pass batch=False if it takes one row",
        )
    return values


def is_stream(value: object) -> bool:
    """Whether a value gives its parts one after the other: a generator or another iterator."""
    return hasattr(value, "__next__") or hasattr(value, "__anext__")


def _column(result: Any, key: str) -> list[object] | None:
    if isinstance(result, Mapping):
        name = key or (next(iter(result)) if len(result) == 1 else "")
        return _column(result[name], "") if name in result else None
    if hasattr(result, "iloc") and hasattr(result, "columns"):
        names = list(result.columns)
        name = key or (names[0] if len(names) == 1 else "")
        return list(result[name].tolist()) if name in names else None
    if hasattr(result, "tolist"):
        result = result.tolist()
    if isinstance(result, str | bytes) or not isinstance(result, Sequence | set | frozenset):
        return None
    return None if isinstance(result, set | frozenset) else list(result)

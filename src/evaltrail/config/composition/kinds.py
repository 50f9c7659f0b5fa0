"""What may stand under a key: texts, numbers, lists; a value is taken as one of them, or said to be none."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence

from evaltrail.core.values import Json

_WALLTIME = re.compile(r"(?a)(?:(?P<days>\d{1,5})-)?(?P<times>\d{1,6}(?::\d{1,6}){0,2})\Z")
_SECONDS_A_DAY = 86_400
_WHOLE = re.compile(r"(?a)[-+]?\d{1,300}\Z")
_MOST_SECONDS = 10 * 366 * _SECONDS_A_DAY


class KindError(ValueError):
    """The value is of another kind; the text of the error says what is wanted."""


def as_kind(kind: str, value: Json) -> Json:
    """A value as the table of keys wants it; numbers may stand in quotes, and a single text is a list of one.

    Args:
        kind: such as ``text`` or ``whole >= 1``.
        value: anything but None.

    Raises:
        KindError: it is none.
    """
    name, _, bound = kind.partition(" ")
    found = _KINDS[name](value)
    if bound and isinstance(found, int | float) and not _is_within(found, bound):
        raise KindError(f"a {'whole ' if name == 'whole' else ''}number {bound}")
    return found


def seconds_of(text: str) -> float | None:
    """A time such as ``01:30:00``, ``2-00:00:00``, ``30:00`` or ``90`` in seconds; None where it is none.

    After days come hours; without days, two numbers are minutes and seconds.
    """
    found = _WALLTIME.match(text.strip())
    if found is None:
        return None
    numbers = [int(number) for number in found["times"].split(":")]
    units = (3600, 60, 1) if found["days"] else (3600, 60, 1)[3 - len(numbers) :]
    seconds = sum(number * unit for number, unit in zip(numbers, units, strict=False))
    return float(seconds + int(found["days"] or 0) * _SECONDS_A_DAY)


def kind_of(value: Json) -> str:
    """What people call the kind of a value."""
    if isinstance(value, Mapping):
        return "a mapping"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, str):
        return "a text"
    return "a number" if isinstance(value, int | float) else "a list"


def _text(value: Json) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)  # an experiment named 20251219 is a number to YAML
    raise KindError("a text; put quotes around it")


def _number(value: Json) -> int | float:
    if isinstance(value, str):
        try:
            value = int(value) if _WHOLE.match(value) else float(value)
        except ValueError:
            raise KindError("a number") from None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise KindError("a number")
    if isinstance(value, float) and not math.isfinite(value):
        raise KindError("a finite number")
    return value


def _whole(value: Json) -> int:
    try:
        number = _number(value)
    except KindError:
        raise KindError("a whole number") from None
    if int(number) != number:
        raise KindError("a whole number")
    return int(number)


def _mapping(value: Json) -> Mapping[str, Json]:
    if isinstance(value, Mapping):
        return value
    raise KindError("a mapping of keys to values")


def _list(value: Json) -> Sequence[Json]:
    if isinstance(value, list):
        return value
    raise KindError("a list")


def _texts(value: Json) -> Sequence[Json]:
    items = [value] if isinstance(value, str) else value
    if isinstance(items, list) and all(isinstance(item, str) for item in items):
        return items
    raise KindError("a list of texts")


def _destinations(value: Json) -> Json:
    """``auto_export``: a mapping with destinations in it, or as in older files the destinations themselves."""
    if isinstance(value, Mapping):
        return value
    return {"destinations": _texts(value)}


def _walltime(value: Json) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds: float | None = float(_number(value)) if abs(value) <= _MOST_SECONDS else None
    else:
        seconds = seconds_of(value) if isinstance(value, str) else None
    if seconds is None or not 0 < seconds <= _MOST_SECONDS:
        raise KindError("a time such as 01:30:00, 2-00:00:00, 30:00, or seconds")
    return seconds


def _is_within(value: float, bound: str) -> bool:
    sign, _, least = bound.partition(" ")
    return value > float(least) if sign == ">" else value >= float(least)


_KINDS: Mapping[str, Callable[[Json], Json]] = {
    "text": _text,
    "number": _number,
    "whole": _whole,
    "mapping": _mapping,
    "variables": _mapping,
    "list": _list,
    "texts": _texts,
    "destinations": _destinations,
    "walltime": _walltime,
}

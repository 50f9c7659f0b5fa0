"""Bytes of a request as a JSON value (RFC 8259), refused where two readers could understand them differently."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from math import inf, isfinite
from typing import NoReturn, cast

from evaltrail.core.errors import InputError
from evaltrail.core.values import Json

MOST_LEVELS = 32
_LARGEST = 2**63
_HINT = "send one JSON object in UTF-8"


def read_json(body: bytes, *, most_values: float = inf) -> Json:
    """The value of a body.

    Args:
        body: as it was sent.
        most_values: that it may hold, the names of fields among them.

    Raises:
        InputError: (code ``bad_json``) it is no UTF-8 or no JSON, with line and column; a name stands twice in an
            object; it is nested deeper than 32 levels; a number is beyond what is kept (64 bits, finite); it holds
            more values than it may.
    """
    if not body.strip():
        raise _refused("the body is empty")
    try:
        value = cast("Json", _DECODER.decode(body.decode()))
    except UnicodeDecodeError as error:
        before = body[: error.start]
        line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        raise _refused(f"the body is no UTF-8 at line {line}, column {column}") from error
    except json.JSONDecodeError as error:
        why = error.msg[:1].lower() + error.msg[1:]
        raise _refused(f"the body is no JSON at line {error.lineno}, column {error.colno}: {why}") from error
    except RecursionError as error:
        raise _too_deep() from error
    except ValueError as error:  # of a number with thousands of digits
        raise _refused("a number has too many digits", hint="numbers of up to 64 bits are understood") from error
    _check(value, most_values)
    return value


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        ((twice, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise _refused(f"the field {twice[:80]!r} stands twice in one object", hint="say it once")
    return found


def _no_constant(text: str) -> NoReturn:
    raise _refused(f"{text} is no JSON", hint="leave the field out, or send null")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)


def _check(value: Json, most_values: float) -> None:
    """Refuse depth, size, numbers and characters that cannot be kept; level by level, for a recursion has its limit."""
    level: Sequence[Json] = (value,)
    left = most_values
    for depth in range(MOST_LEVELS + 1):
        inner: list[Json] = []
        nested = sum(_check_one(each, inner) for each in level)
        if nested and depth == MOST_LEVELS:
            raise _too_deep()
        left -= len(inner)
        if left < 0:
            raise _refused(f"the body holds more than {most_values:,} values", hint="send several requests")
        if not inner:
            return
        level = inner


def _check_one(value: Json, inner: list[Json]) -> bool:
    """Whether a value may hold others, which ``inner`` then has too."""
    if isinstance(value, str):  # first: most of a body is texts, its names among them
        if not value.isascii():
            _check_text(value)
    elif isinstance(value, dict):
        inner += value.keys()
        inner += value.values()
        return True
    elif isinstance(value, list):
        inner += value
        return True
    elif isinstance(value, int | float):
        _check_number(value)
    return False


def _check_number(number: object) -> None:
    if isinstance(number, float):
        if not isfinite(number):
            raise _refused("a number is too large", hint="finite numbers are understood")
    elif isinstance(number, int) and not -_LARGEST <= number < _LARGEST:
        raise _refused(f"the number {number!s:.25} is too large", hint="numbers of up to 64 bits are understood")


def _check_text(text: str) -> None:
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise _refused("a text holds half of a surrogate pair", hint="escape both halves, or send it in UTF-8")


def _too_deep() -> InputError:
    return _refused(f"the body is nested deeper than {MOST_LEVELS} levels", hint="send it flatter")


def _refused(message: str, *, hint: str = _HINT) -> InputError:
    return InputError(message, code="bad_json", hint=hint)

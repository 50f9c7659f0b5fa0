"""Thresholds as they are written on a command line: ``--gates round_trip=0.1 closed_book=0``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from evaltrail.core.errors import InputError
from evaltrail.core.generation import Thresholds
from evaltrail.core.ids import nearest

_NAMES = tuple(each.name for each in fields(Thresholds))
_OFF = "off"


def parse_thresholds(words: Sequence[str]) -> Thresholds:
    """The thresholds that the words name, the others at their defaults.

    Args:
        words: each ``name=value`` or several with commas between; ``off`` means 0. What comes later holds.

    Raises:
        InputError: a word has another form, names no gate, or its value is no number in [0, 1].
    """
    given: dict[str, float] = {}
    for word in words:
        for part in filter(None, (part.strip() for part in word.split(","))):
            name, sign, value = (piece.strip() for piece in part.partition("="))
            if not sign:
                raise InputError(
                    f"{part!r} is no threshold", code="bad_gate", where="gates", hint="write it like round_trip=0.2"
                )
            name = name.replace("-", "_")
            if name not in _NAMES:
                hint = nearest(name, _NAMES) or f"known: {', '.join(_NAMES)}"
                raise InputError(f"there is no gate {name!r}", code="unknown_gate", where="gates", hint=hint)
            given[name] = _value(name, value)
    return Thresholds(**given)


def _value(name: str, written: str) -> float:
    try:
        value = 0.0 if written.casefold() == _OFF else float(written)
    except ValueError:
        value = -1.0
    if 0.0 <= value <= 1.0:
        return value
    raise InputError(
        f"the threshold of {name!r} is {written!r}, which is no number from 0 to 1",
        code="bad_gate",
        where=f"gates.{name}",
        hint="give what a question has to reach, such as 0.5, or 0 to leave the gate out",
    )

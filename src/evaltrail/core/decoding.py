"""Decoding: JSON and plain values become types of ours. The one door to what msgspec knows of a type.

msgspec 0.22 finds out about a class when it is first asked for, and lets a second thread see what the first has found
so far: that process ends with a segmentation fault (measured November 2026: one service in twenty whose first hundred
requests came together; every time with a switch interval of a microsecond). So only one thread at a time finds out.
"""

from __future__ import annotations

from threading import RLock
from typing import Any, TypeVar

import msgspec

Kind = TypeVar("Kind")

_FINDING_OUT = RLock()
"""Held while msgspec may meet a type for the first time; again by one that is converted within another."""
_DECODERS: dict[Any, msgspec.json.Decoder[Any]] = {}
"""By type; these stand in the code, so that they are few."""


def decoder(kind: type[Kind]) -> msgspec.json.Decoder[Kind]:
    """What decodes JSON as a type; its ``decode`` may be called by many threads.

    Args:
        kind: stands in the code, for it is remembered.
    """
    found = _DECODERS.get(kind)
    if found is None:
        with _FINDING_OUT:
            found = _DECODERS[kind] = msgspec.json.Decoder(kind)
    return found


def decoded(raw: bytes | str, kind: type[Kind]) -> Kind:
    """JSON as a type.

    Args:
        raw: the JSON.
        kind: stands in the code, for it is remembered.

    Raises:
        msgspec.DecodeError: it is no JSON, or (ValidationError) not of that type.
    """
    return decoder(kind).decode(raw)


def converted(value: object, kind: type[Kind]) -> Kind:
    """A plain value as a type.

    Args:
        value: of dicts, lists and scalars.
        kind: any type.

    Raises:
        msgspec.ValidationError: it is not of that type.
    """
    with _FINDING_OUT:
        return msgspec.convert(value, kind)

"""JSON values inside of a model's text: the whole of it, in code fences, or among prose."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from evaltrail.core.decoding import decoder

_decode = decoder(object).decode
_scan = json.JSONDecoder(strict=False).raw_decode
_MAX_TRIES = 64
"""Opening braces that are tried; each costs a scan of the text behind it at most."""


class _Nothing:
    """Told apart from every JSON value, null included."""


NOTHING: Final = _Nothing()


def whole_json(text: str) -> object:
    """The JSON value that a text is, but for white space and one code fence around it; else NOTHING."""
    text = text.strip()
    if text.startswith("```") and text.endswith("```") and len(text) > 6:
        _, _, text = text[:-3].partition("\n")
    try:
        return _decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return NOTHING


class Embedded(NamedTuple):
    """A JSON object and where it stands in a text."""

    value: object
    start: int
    end: int


def json_objects(text: str) -> Iterator[Embedded]:
    """The outermost JSON objects in a text, in order, 64 at most."""
    start = text.find("{")
    for _ in range(_MAX_TRIES):
        if start < 0:
            return
        try:
            value, end = _scan(text, start)
        except (ValueError, RecursionError):
            end = start + 1
        else:
            yield Embedded(value, start, end)
        start = text.find("{", end)

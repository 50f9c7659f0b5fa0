"""The first bytes of a JSON file as a value, so that big files are told apart without being read."""

from __future__ import annotations

import json
import re
from typing import cast

from evaltrail.core.source import HEAD_BYTES
from evaltrail.core.values import Json

_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)|[\[\]{},]', re.DOTALL)
_CLOSING = {"[": "]", "{": "}"}


def beginning(head: bytes) -> Json:
    """The JSON value that these bytes are, or as much of it as is complete in them; whole numbers come as floats.

    Args:
        head: the whole file, or its first 64 KiB.

    Raises:
        ValueError: they are no JSON.
    """
    text = head.decode(json.detect_encoding(head), "ignore")
    try:
        return cast("Json", json.loads(text, parse_int=float))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    except ValueError:
        if len(head) < HEAD_BYTES:
            raise
    try:
        return cast("Json", json.loads(_closed(text), parse_int=float))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _closed(text: str) -> str:
    """The text up to the last member that is complete, with every open list and object closed."""
    cut = 0
    for token in _TOKENS.finditer(text):
        if token.group() in _CLOSING:
            cut = token.end()
        elif token.group() == ",":
            cut = token.start()
    open_ones: list[str] = []
    for token in _TOKENS.finditer(text, 0, cut):
        if token.group() in _CLOSING:
            open_ones.append(_CLOSING[token.group()])
        elif token.group() in {"]", "}"} and open_ones:
            open_ones.pop()
    return text[:cut] + "".join(reversed(open_ones))

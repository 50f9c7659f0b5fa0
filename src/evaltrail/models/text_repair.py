"""What endpoints send although they should not: lone surrogates, broken UTF-8, NaN, long messages."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

_LINE_CHARACTERS = 300
_SECRET_CHARACTERS = 4
"""Shorter header values are no secrets, and stand inside of ordinary words."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def whole_text(text: str) -> str:
    """The text with every lone surrogate replaced, so that it can be written as UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def lenient_json(data: bytes) -> object:
    """The JSON value that a strict parser refused for lone surrogates, broken UTF-8, NaN or a byte order mark.

    Raises:
        ValueError: it is no JSON at all, or nested too deeply.
    """
    try:
        return json.loads(data.decode("utf-8-sig", "replace"))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def one_line(text: str, secrets: Iterable[str] = ()) -> str:
    """The text on one line of at most 300 characters, without control characters and without the secrets."""
    for secret in secrets:
        if len(secret) >= _SECRET_CHARACTERS:
            text = text.replace(secret, "***")
    text = " ".join(_CONTROL.sub(" ", whole_text(text[: 8 * _LINE_CHARACTERS])).split())
    return text if len(text) <= _LINE_CHARACTERS else text[: _LINE_CHARACTERS - 3] + "..."

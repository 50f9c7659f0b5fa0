"""json_valid: whether an answer is JSON as RFC 8259 writes it, and the strict reading that other metrics share."""

from __future__ import annotations

import json
from typing import NoReturn

from evaltrail.core.sample import Sample, Score
from evaltrail.core.values import Json
from evaltrail.scoring.grader import NO_OUTPUT, TOO_LONG, Grader

MAX_CHARACTERS = 4_000_000
"""Longer answers are unscored (``too_long``)."""
TOO_DEEP = Score(reason="too_deep")
"""JSON nested deeper than we read, some hundreds of levels."""

_FENCE = "```"
_MAX_DIGITS = 4000


class BadJsonError(ValueError):
    """The text is no JSON."""


class TooDeepError(BadJsonError):
    """The text is nested too deep to be read."""


class JsonValid(Grader):
    """Whether the whole graded text is one JSON value; NaN, Infinity, comments and trailing commas are none.

    Args:
        fenced: a Markdown code fence around the value does not count.
    """

    name = "json_valid"

    def __init__(self, *, fenced: bool = False) -> None:
        super().__init__()
        self._fenced = fenced

    def score(self, sample: Sample) -> Score:
        """The score of the graded text; no reference is needed."""
        text = sample.graded
        if text is None:
            return NO_OUTPUT
        if len(text) > MAX_CHARACTERS:
            return TOO_LONG
        try:
            read_json(without_fence(text) if self._fenced else text)
        except TooDeepError:
            return TOO_DEEP
        except BadJsonError:
            return self._wrong
        return self._right


def read_json(text: str) -> Json:
    """The value of a JSON text; a number of thousands of digits becomes infinity.

    Raises:
        BadJsonError: it is none, or something follows.
        TooDeepError: it is nested too deep.
    """
    try:
        value: Json = _DECODER.decode(text)
    except BadJsonError:
        raise
    except ValueError as error:
        raise BadJsonError(str(error)) from error
    except RecursionError as error:
        raise TooDeepError from error
    return value


def without_fence(text: str) -> str:
    """The text without a Markdown code fence around all of it."""
    bare = text.strip()
    if len(bare) < 2 * len(_FENCE) or not (bare.startswith(_FENCE) and bare.endswith(_FENCE)):
        return text
    _, opened, inside = bare[: -len(_FENCE)].partition("\n")
    return inside if opened else text


def _refuse(constant: str) -> NoReturn:
    raise BadJsonError(f"{constant} is no JSON")


def _whole(digits: str) -> int | float:
    # Python refuses to read longer ones, which JSON allows.
    return int(digits) if len(digits) <= _MAX_DIGITS else float(digits)


_DECODER = json.JSONDecoder(parse_constant=_refuse, parse_int=_whole)

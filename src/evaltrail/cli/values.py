"""What the words of flags mean: numbers, shares, seconds, K=V pairs."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from pathlib import Path

from evaltrail.config.env_file import check_env_file
from evaltrail.config.settings import Settings, load_settings
from evaltrail.core.errors import InputError
from evaltrail.core.trace_choice import TraceChoice, read_trace_choice
from evaltrail.core.values import Scalar

RUN_ID = "evaluation, generation, invocation or job (ID.N), or any unique beginning"
"""What names a run that is shown."""
JOB_ID = "invocation, job (ID.N), queued evaluation or generation, or any unique beginning"
"""What names a run that is ended, or gone on with, by a command of its own."""


def limit(text: str) -> int | float:
    """A number of records, or a share of them below 1."""
    value = _number(text, float if "." in text else int, "a number of records, or a share such as 0.1")
    if not value > 0 or (isinstance(value, float) and value > 1):
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number of records nor a share up to 1.0")
    return value


def positive(text: str) -> int:
    """A whole number from 1 on."""
    return _at_least(text, 1)


def count(text: str) -> int:
    """A whole number from 0 on."""
    return _at_least(text, 0)


def whole(text: str) -> int:
    """Any whole number."""
    return int(_number(text, int, "a whole number"))


def seconds(text: str) -> float:
    """A time above 0, in seconds."""
    value = _number(text, float, "a time in seconds")
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is no time in seconds")
    return value


def price(text: str) -> float:
    """A price, from 0 on."""
    value = _number(text, float, "a price")
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no price")
    return value


def share(text: str) -> float:
    """A share from 0 to 1."""
    value = _number(text, float, "a share from 0 to 1")
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no share from 0 to 1")
    return value


def traces(text: str) -> TraceChoice:
    """Which samples become traces: ``failures``, ``all``, ``none``, or a number of them."""
    try:
        return read_trace_choice(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def text(given: str) -> str:
    """A text that is not blank."""
    if not given.strip():
        raise argparse.ArgumentTypeError("a name is wanted, not a blank")
    return given


def read_pairs(words: Sequence[str], flag: str) -> dict[str, Scalar]:
    """The pairs of a repeated K=V flag; values stay text.

    Raises:
        InputError: a word is no pair, or a key stands twice.
    """
    pairs: dict[str, Scalar] = {}
    for word in words:
        key, sign, value = word.partition("=")
        if not sign or not key:
            raise InputError(f"{flag} {word!r} is no K=V", code="usage", hint=f"write {flag} name=value")
        if key in pairs:
            raise InputError(f"{flag} {key!r} is given twice", code="usage", hint="keep one of them")
        pairs[key] = value
    return pairs


def settings_with(env_file: Path | None) -> Settings:
    """The settings of this process, with the variables of a file; None = of ``.env`` in this folder, if there.

    Raises:
        InputError: the file is not there or cannot be read, or a line of it says nothing.
        PartialError: several lines do.
    """
    if env_file is not None:
        check_env_file(env_file)
    return load_settings(dotenv=env_file or Path(".env"))


def _at_least(text: str, least: int) -> int:
    value = int(_number(text, int, "a whole number"))
    if value < least:
        raise argparse.ArgumentTypeError(f"{text!r} is not {least} or more")
    return value


def _number(text: str, read: Callable[[str], float], wanted: str) -> float:
    try:
        value = read(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not {wanted}") from error
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not {wanted}")
    return value

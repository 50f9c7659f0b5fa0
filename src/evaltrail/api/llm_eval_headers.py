"""The headers of seed 003, in each of their spellings."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request

from evaltrail.core.errors import InputError
from evaltrail.core.generation import GenerationPlan
from evaltrail.generation.windows import read_scope

FILE_NAME = ("file-name", "file_name")
WINDOW_SIZE = ("window-size", "window_size")
WINDOW_STEP = ("window-step", "window_step")
WINDOW_SCOPE = ("window-scope", "window_scope")
PER_WINDOW = ("questions-per-window", "questions_per_window")
MODEL_NAME = ("model-name", "model_name")
BENCHMARK_URI = ("benchmark-uri", "benchmark_uri")
MODE = ("mode",)
_MOST_CHUNKS = 1_000_000
_MOST_QUESTIONS = 1000
_USUAL = GenerationPlan()


def header_text(request: Request, names: Sequence[str]) -> str:
    """The value of a header that may be spelled in several ways; empty = it is not there.

    Args:
        request: that bears it.
        names: its spellings, the first of which errors name.

    Raises:
        InputError: it is there twice, with different values.
    """
    found = {_decoded(value) for name in names for value in request.headers.getlist(name)}
    if len(found) > 1:
        raise InputError("the header is there with different values", where=shown(names), hint="send it once")
    return found.pop().strip() if found else ""


def header_count(request: Request, names: Sequence[str], default: int, most: int) -> int:
    """The whole number of a header.

    Raises:
        InputError: it is none from 1 on.
    """
    text = header_text(request, names)
    return read_count(text, shown(names), default, most)


def read_count(text: str, where: str, default: int, most: int = _MOST_CHUNKS) -> int:
    """The whole number that a text means; the default where it is empty.

    Raises:
        InputError: it is none from 1 on.
    """
    plain = text.strip()
    if not plain:
        return default
    if plain.isascii() and plain.isdecimal() and len(plain) < 12 and 1 <= int(plain) <= most:
        return int(plain)
    raise InputError(
        f"{plain!r:.40} is no such number", code="bad_window", where=where, hint=f"give a whole number, 1 to {most:,}"
    )


def plan_of(request: Request) -> GenerationPlan:
    """The plan that the headers of a request mean.

    Raises:
        InputError: one of them is no whole number from 1 on, or there is no such scope.
    """
    return GenerationPlan(
        window_size=header_count(request, WINDOW_SIZE, _USUAL.window_size, _MOST_CHUNKS),
        window_step=header_count(request, WINDOW_STEP, _USUAL.window_step, _MOST_CHUNKS),
        window_scope=read_scope(header_text(request, WINDOW_SCOPE) or _USUAL.window_scope, where=shown(WINDOW_SCOPE)),
        questions_per_window=header_count(request, PER_WINDOW, _USUAL.questions_per_window, _MOST_QUESTIONS),
    )


def shown(names: Sequence[str]) -> str:
    """A header as it is written in documents: ``Window-Size``."""
    return names[0].title()


def _decoded(value: str) -> str:
    """A header's text: clients send names in UTF-8, which HTTP itself takes for Latin-1."""
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value

"""What is taken out of an output before it is scored: a pattern's match, a chosen letter, a JSON value."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence

from evaltrail.core.errors import InputError
from evaltrail.models.text_repair import whole_text
from evaltrail.providers.tasks import Extract
from evaltrail.scoring.choice import place_taken

NO_MATCH = "no_match"
_TIMEOUT_S = 1.0

Extractor = Callable[[str, Sequence[str]], str | None]
"""Output and the sample's options to the extracted text; None when nothing matches."""


def make_extractor(extract: Extract, where: str) -> Extractor | None:
    """The function that a task's ``extract`` asks for, or None for the whole output.

    Raises:
        InputError: the pattern is no regular expression.
    """
    if extract.kind == "none":
        return None
    if extract.kind == "json":
        return lambda output, _: _json_value(output, extract.pattern, last=extract.take == "last")
    if extract.kind == "choice":
        return _letter
    return _pattern(extract.pattern, where, last=extract.take == "last")


def _letter(output: str, choices: Sequence[str]) -> str | None:
    place = place_taken(output, choices)
    return None if place is None else chr(ord("A") + place)


def _pattern(source: str, where: str, *, last: bool) -> Extractor:
    import regex  # noqa: PLC0415  only for tasks with a pattern; unlike re it can be timed out

    try:
        pattern = regex.compile(source)
    except regex.error as error:
        raise InputError(f"the pattern is no regular expression: {error}", code="bad_regex", where=where) from error

    def extract(output: str, _: Sequence[str]) -> str | None:
        found = None
        try:
            for match in pattern.finditer(output, timeout=_TIMEOUT_S):
                found = match
                if not last:
                    break
        except TimeoutError:
            return None
        if found is None:
            return None
        text: str | None = found[1] if pattern.groups else found[0]
        return None if text is None else text.strip()

    return extract


def _json_value(output: str, path: str, *, last: bool) -> str | None:
    decoder = json.JSONDecoder()
    found: object = None
    seen = False
    position = 0
    gives_up_at = time.monotonic() + _TIMEOUT_S
    while (start := _next_bracket(output, position)) >= 0 and time.monotonic() < gives_up_at:
        try:
            value, position = decoder.raw_decode(output, start)
        except (ValueError, RecursionError):
            position = start + 1
            continue
        found, seen = value, True
        if not last:
            break
    for part in path.split(".") if path else ():
        if not isinstance(found, dict) or part not in found:
            return None
        found = found[part]
    if not seen or found is None:
        return None
    try:
        text = found if isinstance(found, str) else json.dumps(found, ensure_ascii=False, sort_keys=True)
    except RecursionError:
        return None
    return whole_text(text)


def _next_bracket(text: str, start: int) -> int:
    places = [place for place in (text.find("{", start), text.find("[", start)) if place >= 0]
    return min(places, default=-1)

"""Rows: what other programs kept of single samples, field by field as a Sample holds it."""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from evaltrail.core.sample import Sample, Score
from evaltrail.core.values import Json, Scalar
from evaltrail.readers.notes import Notes
from evaltrail.readers.tables import read_jsonl

UNREADABLE = "unreadable_row"
"""Error of a sample whose row or member is broken; its ``detail`` says how."""

_MOST_WHOLE = 2**63
_DETAIL_CHARACTERS = 500


def text_of(value: Json) -> str:
    """A value as text: texts as they are but without lone surrogates, all else as JSON."""
    try:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return "(nested too deeply)"
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def attribute_of(value: Json) -> Scalar:
    """A field as an attribute: a scalar that any table can hold as it is, all else as JSON text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < _MOST_WHOLE else text_of(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else text_of(value)
    return text_of(value)


def attributes_of(row: Mapping[str, Json], leave_out: Collection[str] = (), *, prefix: str = "") -> dict[str, Scalar]:
    """The fields of a row as attributes, but those that are read already and those that hold nothing."""
    return {
        text_of(f"{prefix}{key}"): attribute_of(value)
        for key, value in row.items()
        if key not in leave_out and value is not None and value not in ([], {})
    }


def score_of(value: Json, *, rationale: str = "") -> Score | None:
    """The score that a scalar is, unscored where it is null, NaN or infinite; None for lists and objects."""
    if value is None:
        return Score(reason="null", rationale=rationale)
    if isinstance(value, bool):
        return Score(value=value, rationale=rationale)
    if isinstance(value, str):
        return Score(value=text_of(value), rationale=rationale)
    if not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if math.isfinite(number):
        return Score(value=number, rationale=rationale)
    return Score(reason="not_finite", rationale=rationale)


def whole_of(value: Json, otherwise: int) -> int:
    """The whole number from 0 on that a value is, else another; no more than a table can hold."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _MOST_WHOLE:
        return otherwise
    return value


def texts_of(value: Json) -> tuple[str, ...]:
    """The accepted answers or choices that a field holds: one text, or a list of them; none where it is null."""
    if value is None:
        return ()
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(text_of(each) for each in value)
    return (text_of(value),)


def unreadable_row(row_id: str, index: int, why: str) -> Sample:
    """The sample that stands for a row nothing can be read from."""
    return Sample(id=row_id, index=index, error=UNREADABLE, detail=why[:_DETAIL_CHARACTERS])


def json_rows(file: Path) -> Iterator[Mapping[str, Json] | Sample]:
    """The rows of a JSONL file as they are read; a line that is left out is the sample that stands for it.

    Raises:
        InputError: the file cannot be read.
    """
    left_out = _LeftOut(file)
    for line, row in read_jsonl(file, left_out):
        yield from left_out.before(line)
        if isinstance(row, Mapping):
            yield row
        else:
            yield unreadable_row(f"line {line}", line - 1, "it is no JSON object")
    yield from left_out.before()


class _LeftOut(Notes):
    """Lines that were left out, handed on as they are met; what is noted of lines that are read is let pass."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._start = f"{file.name}:"
        self._waiting: deque[tuple[int, str]] = deque()

    def skip(self, what: str, why: str) -> None:
        """Keep what is said of a line for the next look."""
        line = what.removeprefix(self._start)
        if line.isdecimal():
            self._waiting.append((int(line), why))

    def before(self, read: int = 0) -> Iterator[Sample]:
        """The lines since the last look, but the one that was read after all."""
        while self._waiting:
            line, why = self._waiting.popleft()
            if line != read:
                yield unreadable_row(f"line {line}", line - 1, why)

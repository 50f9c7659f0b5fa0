"""Rows of a table of questions, as people and programs write them, read with the place of what is wrong."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar, get_args

import msgspec

from evaltrail.core.decoding import decoder
from evaltrail.core.delivery import Skipped
from evaltrail.core.errors import InputError
from evaltrail.core.ids import nearest, nearest_word
from evaltrail.core.question import QUESTION_TYPES, Difficulty, Question, QuestionType
from evaltrail.generation.sheets.columns import COLUMNS, GATE
from evaltrail.generation.sheets.text_lists import read_texts

_TYPES: Mapping[str, QuestionType] = {each: each for each in QUESTION_TYPES}
_DIFFICULTIES: Mapping[str, Difficulty] = {each: each for each in get_args(Difficulty)}
_WHOLE = re.compile(r"\s*([0-9]{1,15})(?:[.,]0*)?\s*")
_NUMBERS = decoder(tuple[int, ...])
_MOST_WHOLE = 10**15
_Word = TypeVar("_Word", bound=str)
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row as a file has it."""

    where: str
    """File and line, for errors: ``edited.csv, line 7``."""
    cells: Mapping[str, object]
    """Column, by our name for it, to text, number, list or None; a column that is not there says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """The columns of a file."""

    names: Mapping[str, str]
    """Ours to the file's."""
    ignored: tuple[str, ...]
    """Those that say nothing to us."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowQuestion:
    """What a row says."""

    question: Question
    """Its id is empty where the row has none."""
    notes: tuple[Skipped, ...] = ()
    """What of the row was not taken as it stood, and why."""


def find_columns(columns: tuple[str, ...], *, where: str) -> Columns:
    """Which of a file's columns say what, whatever the case of their names.

    Raises:
        InputError: there is no column with questions or none with answers (``missing_column``), or one stands twice.
    """
    names: dict[str, str] = {}
    ignored: list[str] = []
    for column in columns:
        plain = column.strip().casefold()
        own = plain if plain in COLUMNS else column.strip()
        if own not in COLUMNS and not own.startswith(GATE):
            ignored.append(column)
        elif own in names:
            raise InputError(
                f"the column {own!r} stands twice", code="broken_table", where=where, hint="rename one of them"
            )
        else:
            names[own] = column
    for needed in ("query", "response"):
        if needed not in names:
            raise _missing(needed, columns, ignored, where)
    return Columns(names=names, ignored=tuple(ignored))


def read_row(row: Row) -> RowQuestion:
    """The question of a row; where the evidence is, is looked up anew if the offsets do not lead to it.

    Raises:
        InputError: there is no question in it, or a cell cannot be read; says file, line and column (``bad_cell``).
    """
    query = _cell(row, "query", _text)
    if not query.strip():
        raise _bad(row, "query", "the row has no question", "write one, or remove the row")
    chunks, evidence = _cell(row, "relevant_chunks", _texts), _cell(row, "evidence", _text)
    start, end = _cell(row, "evidence_start", _whole), _cell(row, "evidence_end", _whole)
    place = place_of(evidence, chunks, start, end)
    question = Question(
        id=_cell(row, "id", _text).strip(),
        query=query,
        response=_cell(row, "response", _text),
        relevant_chunks=chunks,
        type=_cell(row, "type", _type),
        difficulty=_cell(row, "difficulty", _difficulty),
        source=_cell(row, "source", _text),
        page=_cell(row, "page", _whole),
        chunk_ids=_cell(row, "chunk_ids", _wholes),
        evidence=evidence,
        evidence_start=place[0] if place else None,
        evidence_end=place[1] if place else None,
        persona=_cell(row, "persona", _text),
        window=_cell(row, "window", _whole),
        gates=_gates(row),
    )
    return RowQuestion(question=question, notes=_place_notes(row, (start, end), place))


def place_of(evidence: str, chunks: Sequence[str], start: int | None, end: int | None) -> tuple[int, int] | None:
    """Where evidence is in the first of some chunks: as the offsets say if that is so, else its first place there."""
    if not evidence or not chunks:
        return None
    if start is not None and end is not None and chunks[0][start:end] == evidence:
        return start, end
    found = chunks[0].find(evidence)
    return (found, found + len(evidence)) if found >= 0 else None


def _place_notes(row: Row, given: tuple[int | None, int | None], place: tuple[int, int] | None) -> tuple[Skipped, ...]:
    if given in {(None, None), place}:
        return ()
    told = f"it is at {place[0]} to {place[1]}" if place else "it is not in the first of relevant_chunks"
    return (Skipped(what=f"{row.where}: evidence_start, evidence_end", why=f"the evidence is not there; {told}"),)


def _gates(row: Row) -> dict[str, float]:
    scores = {column.removeprefix(GATE): _cell(row, column, _share) for column in row.cells if column.startswith(GATE)}
    return {name: score for name, score in scores.items() if score is not None}


def _cell(row: Row, column: str, read: Callable[[object], _Value]) -> _Value:
    value = row.cells.get(column)
    if isinstance(value, float) and math.isnan(value):  # what data frames write for nothing
        value = None
    try:
        return read(value)
    except ValueError as error:
        raise _bad(row, column, f"{value!r:.80} is {error}", "correct the cell, or empty it") from error


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str | int | float):
        return str(value)
    raise ValueError("no text")


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, list | tuple):
        return tuple(map(_text, value))
    return read_texts(_text(value))


def _whole(value: object) -> int | None:
    text = "" if value is None else str(value)
    found = _WHOLE.fullmatch(text)
    if found is None and text.strip():
        raise ValueError("no whole number from 0 on")
    return int(found[1]) if found else None


def _wholes(value: object) -> tuple[int, ...]:
    if isinstance(value, str):
        if not value.strip():
            return ()
        try:
            return tuple(map(_counted, _NUMBERS.decode(value)))
        except (msgspec.DecodeError, RecursionError) as error:
            raise ValueError("no list of whole numbers such as [1, 2]") from error
    if value is not None and not isinstance(value, list | tuple):
        raise ValueError("no list of whole numbers such as [1, 2]")
    return tuple(_counted(each) for each in value or ())


def _counted(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _MOST_WHOLE:
        raise ValueError("no list of whole numbers such as [1, 2]")
    return value


def _share(value: object) -> float | None:
    text = "" if value is None else str(value).strip()
    if not text:
        return None
    try:
        number = float(text.replace(",", ".", 1))  # as spreadsheets of some countries write it
    except ValueError:
        number = math.nan
    if not 0 <= number <= 1:
        raise ValueError("no score from 0 to 1")
    return number


def _type(value: object) -> QuestionType:
    return _word(_text(value), _TYPES, "question type") or "simple"


def _difficulty(value: object) -> Difficulty | Literal[""]:
    return _word(_text(value), _DIFFICULTIES, "difficulty") or ""


def _word(text: str, known: Mapping[str, _Word], noun: str) -> _Word | None:
    plain = re.sub(r"[\s-]+", "_", text.strip().casefold())
    if plain and plain not in known:
        raise ValueError(f"no {noun}; {nearest(plain, known) or 'known are ' + ', '.join(known)}")
    return known.get(plain)


def _missing(needed: str, columns: tuple[str, ...], ignored: list[str], where: str) -> InputError:
    close = nearest_word(needed, ignored)
    there = ", ".join(columns[:20])
    hint = f"rename {close!r} to it" if close else f"rename one of those that are there: {there:.300}"
    return InputError(f"there is no column {needed!r}", code="missing_column", where=where, hint=hint)


def _bad(row: Row, column: str, message: str, hint: str) -> InputError:
    return InputError(message, code="bad_cell", where=f"{row.where}, column {column!r}", hint=hint)

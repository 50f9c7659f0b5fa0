"""Columns: fields of data sets that others made, under whatever names and in whatever forms they have them."""

from __future__ import annotations

import ast
import io
import json
import math
import tokenize
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import msgspec

from evaltrail.core.errors import InputError
from evaltrail.core.values import Json
from evaltrail.providers.datasets import Fields, Record, RecordSource
from evaltrail.providers.prompts import as_text

_INNER = ("content", "page_content", "text")
"""Where a passage that is an object has its text."""
_MOST_LITERAL = 1_000_000
"""Characters of a text that is tried as a Python list; longer ones are read as JSON or as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One field that is looked for."""

    name: str
    """What it is called here."""
    aliases: tuple[str, ...] = ()
    """What others call it; of several that a record has, the first that says something counts."""
    read: Callable[[object], Json]
    """The value as it is read here; raises TypeError or ValueError, saying why, for one that cannot be meant."""

    @property
    def names(self) -> tuple[str, ...]:
        """Everything that it may be called."""
        return (self.name, *self.aliases)


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnedSource(RecordSource):
    """A data set whose records have every one of some columns, under the names that are used here; others stay."""

    columns: tuple[Column, ...]

    def __iter__(self) -> Iterator[Record]:
        """The records, one at a time; what a record does not have reads as ``""``.

        Raises:
            InputError: a record cannot be read; says file, line and why.
        """
        for record in RecordSource.__iter__(self):
            yield Record(record.where, _read(record, self.columns))


def columns_of(source: RecordSource, wanted: Iterable[Column]) -> tuple[set[str], list[str]]:
    """Which of some columns the records have, by the names used here, and all the fields they have, in their order.

    Reads no further than to the record with which all are found.

    Args:
        source: as the user's file has it.
        wanted: columns to look for.

    Raises:
        InputError: a record cannot be read.
    """
    missing = list(wanted)
    found: set[str] = set()
    fields: dict[str, None] = {}
    for record in RecordSource.__iter__(source):
        fields.update(dict.fromkeys(record.fields))
        found |= {column.name for column in missing if not fields.keys().isdisjoint(column.names)}
        missing = [column for column in missing if column.name not in found]
        if not missing:
            break
    return found, list(fields)


def text(value: object) -> Json:
    """A value as one text; ``""`` for a missing one.

    Raises:
        TypeError: it is a list or an object.
    """
    if is_missing(value):
        return ""
    if isinstance(value, list | tuple | Mapping):
        raise TypeError("one text is wanted, not a list or an object")
    return as_text(value)


def text_or_texts(value: object) -> Json:
    """A value as one text, or as several where it is a list; none where it is missing."""
    return texts(value) if is_missing(value) or isinstance(value, list | tuple) else text(value)


def texts(value: object) -> Json:
    """A list as its texts, blank ones left out; a text that holds a list, as CSV files do, likewise.

    A text that is no list is one text.

    Raises:
        TypeError: it is an object.
        ValueError: it is a list printed in a way that cannot be read back.
    """
    if is_missing(value):
        return []
    if isinstance(value, Mapping):
        raise TypeError("a list of texts is wanted, not an object")
    parts = value if isinstance(value, list | tuple) else _listed(as_text(value))
    return [part for part in map(_passage, parts) if part.strip()]


def any_value(value: object) -> Json:
    """A value as it is; a text that holds a JSON object or list, as CSV files do, as what it holds."""
    if is_missing(value):
        return ""
    if isinstance(value, str) and value.strip()[:1] in ("{", "["):
        try:
            return cast("Json", json.loads(value))
        except (ValueError, RecursionError):
            return value
    return cast("Json", value)


def is_missing(value: object) -> bool:
    """Whether a field says nothing: null, NaN, or a blank text."""
    if isinstance(value, float):
        return math.isnan(value)
    return value is None or (isinstance(value, str) and not value.strip())


def _read(record: Record, columns: Iterable[Column]) -> Fields:
    fields = record.fields
    made: dict[str, Any] = {}
    for column in columns:
        name = next((each for each in column.names if not is_missing(fields.get(each))), column.name)
        try:
            made[column.name] = column.read(fields.get(name))
        except (TypeError, ValueError) as error:
            raise InputError(
                f"the field {name!r} cannot be read: {error}",
                code="broken_record",
                where=record.where,
                hint="mend the record, then run again",
            ) from error
    taken = {name for column in columns for name in column.names}
    return {**{name: value for name, value in fields.items() if name not in taken}, **made}


def _passage(part: object) -> str:
    if isinstance(part, Mapping):
        inner = next((part[name] for name in _INNER if isinstance(part.get(name), str)), None)
        return inner if inner is not None else msgspec.json.encode(part).decode()
    return "" if is_missing(part) else as_text(part)


def _listed(value: str) -> list[Any]:
    """The elements of a list that stands in a text as JSON, or as Python prints it; else the text alone."""
    bare = value.strip()
    if not (bare.startswith("[") and bare.endswith("]")):
        return [value]
    try:
        found = json.loads(bare)
    except (ValueError, RecursionError):
        found = _from_python(bare) if len(bare) <= _MOST_LITERAL else None
    return found if isinstance(found, list) else [value]


def _from_python(value: str) -> object:
    """The list that Python prints so; None where it is none.

    Raises:
        ValueError: texts stand beside each other without a comma, as numpy prints them: they would become one.
    """
    try:
        tree = ast.parse(value, mode="eval").body
        found = ast.literal_eval(tree)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None
    if not isinstance(tree, ast.List):
        return None
    plain = [each for each in tree.elts if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    if len(plain) == len(tree.elts) and _strings_in(value) != len(plain):
        raise ValueError("a list without commas cannot be told apart; write it as JSON")
    return found


def _strings_in(value: str) -> int:
    tokens = tokenize.generate_tokens(io.StringIO(value).readline)
    return sum(token.type == tokenize.STRING for token in tokens)

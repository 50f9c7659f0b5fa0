"""CSV rows as chunks: a ``text`` column alone is the text, else every filled cell says its column's name."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence

from evaltrail.core.document import Chunk
from evaltrail.core.errors import InputError
from evaltrail.core.values import Scalar
from evaltrail.generation.documents.limits import DocumentLimits
from evaltrail.generation.documents.notes import Notes
from evaltrail.generation.documents.row_chunks import TEXTS, RowPlace, chunk_of

_DELIMITERS = ",;\t|"
_LINE = re.compile(r"[^\r\n]*+(?:\r\n|\r|\n)|[^\r\n]++")
_QUOTED = re.compile(r'"[^"\n]*+"')
_HEAD_CHARACTERS = 65_536
_ROW_TEXT = "\0row"
"""No column can be called so: NULs are replaced before a text gets here."""


def csv_chunks(text: str, *, name: str, limits: DocumentLimits, notes: Notes) -> Iterator[Chunk]:
    """The rows under the header, numbered from 1; every cell stays the text that it is, formulas too.

    Args:
        text: the file's.
        name: its label.
        limits: rows and columns.
        notes: rows without any content are told here.

    Raises:
        InputError: the header names a column twice, a row does not fit it, or a limit is exceeded; says the line.
    """
    rows = csv.reader(_lines(text), delimiter=_delimiter(text[:_HEAD_CHARACTERS]), strict=True)
    try:
        header = _header(next((cells for cells in rows if cells), []), name, limits)
        number = 0
        for cells in rows:
            place = f"{name}:{rows.line_num}"
            if not any(cell.strip() for cell in cells):
                if cells:
                    notes.add(place, "the row is empty")
                continue
            number += 1
            if number > limits.rows:
                raise InputError(f"it has more than {limits.rows:,} rows", code="too_many_rows", where=name)
            if len(cells) != len(header):
                raise InputError(
                    f"the row has {len(cells)} cells where the header has {len(header)}",
                    code="broken_row",
                    where=place,
                    hint="put cells with commas or newlines in double quotes",
                )
            yield _chunk(header, cells, RowPlace(number=number, where=place, name=name, notes=notes))
    except csv.Error as error:
        raise InputError(
            f"the row cannot be read: {error}", code="broken_row", where=f"{name}:{rows.line_num}"
        ) from error


def _lines(text: str) -> Iterator[str]:
    """The lines with their ends; a file in memory would hold four bytes a character."""
    return (line[0] for line in _LINE.finditer(text))


def _chunk(header: Sequence[str], cells: Sequence[str], place: RowPlace) -> Chunk:
    fields: dict[str, Scalar] = dict(zip(header, cells, strict=True))
    text_name = next((each for each in TEXTS if each in fields), _ROW_TEXT)
    if text_name == _ROW_TEXT:
        filled = ((column, cell) for column, cell in zip(header, cells, strict=True) if cell.strip())
        fields[_ROW_TEXT] = "\n".join(f"{column}: {cell}" for column, cell in filled)
    return chunk_of(fields, text_name, place)


def _header(cells: Sequence[str], name: str, limits: DocumentLimits) -> list[str]:
    header = [cell.strip() or f"column {number}" for number, cell in enumerate(cells, 1)]
    twice = next((cell for cell in header if header.count(cell) > 1), "") if len(header) <= limits.row_fields else ""
    if twice:
        raise InputError(f"the column {twice!r} stands twice", code="broken_row", where=f"{name}:1")
    if len(header) > limits.row_fields:
        most = f"{limits.row_fields:,} columns"
        raise InputError(f"it has more than {most}", code="too_many_fields", where=f"{name}:1")
    return header


def _delimiter(head: str) -> str:
    """The one that stands most often in the first line that says something, outside of quotes."""
    line = _QUOTED.sub("", head.lstrip()).partition("\n")[0]
    return max(_DELIMITERS, key=line.count) if any(each in line for each in _DELIMITERS) else ","

"""CSV as RFC 4180 has it, read with places: UTF-8 or UTF-16, ``,`` or ``;`` or tab, any line's end inside quotes.

The standard library's reader knows no place within a row and has one limit on cells for the whole process.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from evaltrail.core.errors import InputError
from evaltrail.generation.sheets.cell_guard import defuse, restore

MOST_ROWS = 1_000_000
MOST_CELL_CHARACTERS = 10_000_000
_MOST_COLUMNS = 1000
_DELIMITERS = ",;\t"
_QUOTED = re.compile(r'"[^"]*+(?:"|\Z)')
_LINE_END = re.compile(r"\r\n|\n|\r")
_MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvRow:
    """One row below the header."""

    line: int
    """In the file where it begins, from 1."""
    cells: Mapping[str, str]
    """Column, as the header has it, to the text that is meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvTable:
    """A file with a header."""

    columns: tuple[str, ...]
    rows: Iterable[CsvRow]
    """Read as they are asked for, once."""


def write_csv(columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> bytes:
    """The rows below their header, as UTF-8 without a mark; what a spreadsheet would run is defused.

    Args:
        columns: in their order.
        rows: column to text; a column that a row does not have is an empty cell.
    """
    text = io.StringIO(newline="")
    out = csv.writer(text, lineterminator="\r\n")
    out.writerow(map(defuse, columns))
    for row in rows:
        out.writerow([defuse(row.get(column, "")) for column in columns])
    return text.getvalue().encode("utf-8", "replace")


def read_csv(data: bytes, *, name: str) -> CsvTable:
    """The rows of a file; blank ones are left out, cells that are missing at a row's end are empty.

    Args:
        data: all of it.
        name: what its owner calls it, for errors.

    Raises:
        InputError: it is no text, has no header, or two columns of one name; at a row that is broken or too large.
    """
    text = text_of(data, name=name)
    rows = _rows(text, _delimiter(text), name)
    header = next((cells for _, cells in rows if any(map(str.strip, cells))), [])
    columns = tuple(restore(cell).strip() for cell in header)
    while columns and not columns[-1]:
        columns = columns[:-1]
    if not columns:
        raise _broken("the file is empty", name, 1, "its first line names the columns: query,relevant_chunks,response")
    if twice := next((column for column in columns if columns.count(column) > 1), None):
        raise _broken(f"the column {twice!r} stands twice", name, 1, "remove or rename one of them")
    return CsvTable(columns=columns, rows=_named(rows, columns, name))


def text_of(data: bytes, *, name: str) -> str:
    """The text of a file: UTF-8, or UTF-16 and UTF-32 with a mark; the mark itself is left out.

    Raises:
        InputError: it is something else; says the line.
    """
    encoding = next((encoding for mark, encoding in _MARKS if data.startswith(mark)), "utf-8-sig")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        told = encoding.removesuffix("-sig").upper()
        raise _broken(
            f"the file is no {told} text", name, line, "save it as 'CSV UTF-8', then send it again"
        ) from error


def _named(rows: Iterator[tuple[int, list[str]]], columns: Sequence[str], name: str) -> Iterator[CsvRow]:
    count = 0
    for line, cells in rows:
        if not any(map(str.strip, cells)):
            continue
        count += 1
        if count > MOST_ROWS:
            raise _broken(f"there are more than {MOST_ROWS:,} rows", name, line, "send the file in parts")
        if any(cells[len(columns) :]):
            message = f"the row has {len(cells)} cells, and the header {len(columns)}"
            raise _broken(message, name, line, "put a text that holds commas or line ends in double quotes")
        yield CsvRow(line=line, cells=dict(zip(columns, map(restore, cells), strict=False)))


def _rows(text: str, delimiter: str, name: str) -> Iterator[tuple[int, list[str]]]:
    """Each row with the line that it begins in."""
    cell = _cell_pattern(delimiter)
    place, line, first, cells = 0, 1, 1, list[str]()
    while place < len(text) or cells:
        found = cell.match(text, place)
        if found is None or found.end() - place > MOST_CELL_CHARACTERS or len(cells) >= _MOST_COLUMNS:
            raise _bad_cell(found, cells, name, line)
        quoted, plain, end = found.groups()
        if quoted is None:
            cells.append(plain)
        else:
            cells.append(quoted.replace('""', '"'))
            line += sum(1 for _ in _LINE_END.finditer(quoted))
        place = found.end()
        if end != delimiter:
            yield first, cells
            line += 1
            first, cells = line, []


def _cell_pattern(delimiter: str) -> re.Pattern[str]:
    """A cell and what ends it; groups: the inside of the quotes, the text without quotes, the end."""
    mark = re.escape(delimiter)
    return re.compile(rf'(?:"([^"]*+(?:""[^"]*+)*+)"|((?:[^"{mark}\r\n][^{mark}\r\n]*+)?))({mark}|\r\n|\n|\r|\Z)')


def _bad_cell(found: re.Match[str] | None, cells: Sequence[str], name: str, line: int) -> InputError:
    number = len(cells) + 1
    if found is None:
        hint = 'close its quotes, and write a quote inside them twice ("")'
        return _broken(f"the quotes of cell {number} are not closed, or a text follows them", name, line, hint)
    if number > _MOST_COLUMNS:
        return _broken(f"the row has more than {_MOST_COLUMNS:,} cells", name, line, "is it a table of questions?")
    return _broken(f"cell {number} is longer than {MOST_CELL_CHARACTERS:,} characters", name, line, "shorten it")


def _delimiter(text: str) -> str:
    """What stands between the names of the header; spreadsheets of some countries write semicolons."""
    header = _LINE_END.split(text.lstrip("\r\n")[:100_000], maxsplit=1)[0]
    plain = _QUOTED.sub("", header)
    return max(_DELIMITERS, key=plain.count)


def _broken(message: str, name: str, line: int, hint: str) -> InputError:
    return InputError(message, code="broken_table", where=f"{name}, line {line}", hint=hint)

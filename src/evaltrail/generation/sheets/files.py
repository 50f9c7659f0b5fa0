"""Files of questions: written as CSV, JSON lines or parquet, the same bytes for the same questions, and read again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import msgspec

from evaltrail.bundle.folders import write_whole
from evaltrail.core.decoding import decoder
from evaltrail.core.delivery import Skipped
from evaltrail.core.errors import InputError
from evaltrail.core.ids import nearest
from evaltrail.core.question import Question, Rejected
from evaltrail.generation.sheets.columns import COLUMNS, content_id, gate_columns, texts_of, values_of
from evaltrail.generation.sheets.csv_sheet import MOST_ROWS, read_csv, text_of, write_csv
from evaltrail.generation.sheets.parquet_sheet import parquet_bytes, read_parquet
from evaltrail.generation.sheets.rows import Columns, Row, find_columns, read_row

FileFormat = Literal["csv", "jsonl", "parquet"]
FORMATS: Mapping[str, FileFormat] = {".csv": "csv", ".jsonl": "jsonl", ".parquet": "parquet"}
"""Ending of a file's name to how it is written."""
MOST_BYTES = 100_000_000
_ENCODE = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionSheet:
    """A file of questions, read."""

    questions: tuple[Question, ...]
    columns: tuple[str, ...]
    """Ours that the file has; of the others a question has the value that means nothing."""
    skipped: tuple[Skipped, ...] = ()
    """Columns that say nothing to us, and cells that were not taken as they stood."""


def write_questions(file: Path, questions: Iterable[Question]) -> None:
    """Put questions into a file, in the format of its name; a reader sees all of them or none.

    Args:
        file: ``.csv``, ``.jsonl`` or ``.parquet``; is made, or replaced.
        questions: in their order.

    Raises:
        InputError: the name has another ending (``bad_format``).
        StorageError: the disk refuses.
    """
    write_whole(file, questions_bytes(questions, format_of(file)))


def questions_bytes(questions: Iterable[Question], file_format: FileFormat) -> bytes:
    """Questions as a file of a format, for a download."""
    known = tuple(questions)
    gates = gate_columns(known)
    if file_format == "csv":
        return write_csv((*COLUMNS, *gates), map(texts_of, known))
    lines = [_ENCODE(values_of(question)) + b"\n" for question in known]
    return b"".join(lines) if file_format == "jsonl" else parquet_bytes(lines, gates)


def write_rejects(file: Path, rejected: Iterable[Rejected]) -> None:
    """Put what was rejected into a CSV file: reason and detail, then the columns of the questions.

    Raises:
        StorageError: the disk refuses.
    """
    known = tuple(rejected)
    columns = ("reason", "detail", *COLUMNS, *gate_columns(each.question for each in known))
    rows = ({"reason": each.reason, "detail": each.detail, **texts_of(each.question)} for each in known)
    write_whole(file, write_csv(columns, rows))


def read_questions(file: Path, *, name: str) -> tuple[Question, ...]:
    """The questions of a file; ``read_sheet`` says besides what was passed over.

    Raises:
        InputError: it cannot be read; says file, line and column.
    """
    return read_sheet(file, name=name).questions


def read_sheet(file: Path, *, name: str) -> QuestionSheet:
    """The questions of a file: ours, the seed's three columns alone, or what a spreadsheet made of either.

    Args:
        file: of at most 100 MB.
        name: what its owner calls it: its ending tells the format, else what the file holds does.

    Raises:
        InputError: it is too large or no table of questions, a cell cannot be read, or an id stands twice; says file,
            line and column.
    """
    columns, rows = _table(file, name)
    found: list[tuple[str, Question]] = []
    skipped = [
        Skipped(what=f"{name}: column {each!r}", why="it says nothing that a question holds")
        for each in columns.ignored
    ]
    for row in rows:
        if len(found) == MOST_ROWS:
            raise _broken(f"there are more than {MOST_ROWS:,} rows", row.where, "send the file in parts")
        read = read_row(row)
        found.append((row.where, read.question))
        skipped += read.notes
    return QuestionSheet(questions=_identified(found), columns=tuple(columns.names), skipped=tuple(skipped))


def format_of(file: Path | str) -> FileFormat:
    """The format that a file's name tells.

    Raises:
        InputError: it tells none (``bad_format``).
    """
    suffix = Path(file).suffix.lower()
    if suffix not in FORMATS:
        raise InputError(
            f"questions are not written as {suffix or 'a file without an ending'}",
            code="bad_format",
            where=str(file),
            hint=nearest(suffix, FORMATS) or f"name the file {', '.join(f'*{each}' for each in FORMATS)}",
        )
    return FORMATS[suffix]


def _identified(found: Sequence[tuple[str, Question]]) -> tuple[Question, ...]:
    """The questions, each with an id of its own: the one it has, else one of what it says."""
    places: dict[str, str] = {}
    for where, question in found:
        if question.id and question.id in places:
            raise _broken(
                f"the id {question.id!r:.80} stands in {places[question.id]} and here",
                f"{where}, column 'id'",
                "empty the cell of the newer row: it gets an id of its own",
            )
        places[question.id] = where
    taken = set(places)
    return tuple(question if question.id else _with_id(question, taken) for _, question in found)


def _with_id(question: Question, taken: set[str]) -> Question:
    copy = 0
    while (own := content_id(question.query, question.response, question.relevant_chunks, copy=copy)) in taken:
        copy += 1
    taken.add(own)
    return replace(question, id=own)


def _table(file: Path, name: str) -> tuple[Columns, Iterator[Row]]:
    """The columns of a file, and its rows as they are asked for."""
    try:
        size = file.stat().st_size
        if size > MOST_BYTES:
            raise InputError(
                f"the file has {size / 1_000_000:,.0f} MB, and {MOST_BYTES // 1_000_000} MB are the most that is read",
                code="too_large",
                where=name,
                hint="send it in parts",
            )
        with file.open("rb") as stream:
            data = stream.read(MOST_BYTES)
    except OSError as error:
        raise InputError(f"the file cannot be read: {error.strerror}", code="missing_file", where=name) from error
    file_format = FORMATS.get(Path(name).suffix.lower()) or _format_within(data)
    if file_format == "parquet":
        names, records = read_parquet(file, name=name)
        columns = find_columns(names, where=name)
        return columns, _rows(columns, ((f"{name}, row {number}", each) for number, each in enumerate(records, 1)))
    if file_format == "jsonl":
        objects = list(_objects(text_of(data, name=name), name))
        keys = tuple(dict.fromkeys(key for _, each in objects for key in each))
        columns = find_columns(keys, where=name) if objects else Columns(names={}, ignored=())
        return columns, _rows(columns, objects)
    table = read_csv(data, name=name)
    columns = find_columns(table.columns, where=f"{name}, line 1")
    return columns, _rows(columns, ((f"{name}, line {row.line}", row.cells) for row in table.rows))


def _rows(columns: Columns, records: Iterable[tuple[str, Mapping[str, object]]]) -> Iterator[Row]:
    for where, record in records:
        yield Row(where=where, cells={own: record.get(given) for own, given in columns.names.items()})


def _objects(text: str, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    decode = decoder(dict[str, Any]).decode
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        where = f"{name}, line {number}"
        try:
            yield where, decode(line)
        except (msgspec.DecodeError, RecursionError, UnicodeEncodeError) as error:
            raise _broken(f"the line is no JSON object: {error}", where, 'each line is one: {"query": ...}') from error


def _format_within(data: bytes) -> FileFormat:
    if data.startswith(b"PAR1"):
        return "parquet"
    return "jsonl" if data[:1000].removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{") else "csv"


def _broken(message: str, where: str, hint: str) -> InputError:
    return InputError(message, code="broken_table", where=where, hint=hint)

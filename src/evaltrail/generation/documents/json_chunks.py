"""JSON chunks: a list of objects with a text each (seed 003), an object that holds one such list, or JSON lines."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from evaltrail.core.document import Chunk
from evaltrail.core.errors import InputError
from evaltrail.core.values import Json
from evaltrail.generation.documents.json_spans import JsonSpans, Member
from evaltrail.generation.documents.limits import DocumentLimits
from evaltrail.generation.documents.notes import Notes
from evaltrail.generation.documents.row_chunks import TEXTS, RowPlace, chunk_of, find_text_name, flatten


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """A list of rows, and what the object around it says of all of them."""

    start: int
    depth: int
    shared: Mapping[str, Json]


def json_chunks(data: bytes, *, name: str, limits: DocumentLimits, notes: Notes) -> Iterator[Chunk]:
    """The chunks of a JSON text in UTF-8, in its order, numbered from 1.

    What an object around the list says goes to every row that does not say it itself. An object that is itself one
    chunk is a list of one.

    Raises:
        InputError: it is no such JSON, a row has no text, or a limit is exceeded; says the row.
    """
    spans = JsonSpans(data, where=name, most_depth=limits.json_depth)
    start = spans.begin()
    first = data[start : start + 1]
    if first not in {b"[", b"{"}:
        raise _no_list(name)
    table = (
        _Table(start=start, depth=1, shared={}) if first == b"[" else _within_object(spans, data, start, name, limits)
    )
    rows = (
        [(start, len(data))]
        if table is None
        else spans.elements(table.start, depth=table.depth, most_bytes=limits.row_bytes)
    )
    for number, (begin, end) in enumerate(rows, 1):
        place = RowPlace(number=number, where=f"{name}, row {number}", name=name, notes=notes)
        yield _chunk(data[begin:end], place, limits, table.shared if table else {})


def json_line_chunks(data: bytes, *, name: str, limits: DocumentLimits, notes: Notes) -> Iterator[Chunk]:
    """The chunks of JSON lines in UTF-8, numbered from 1; blank lines count for nothing.

    Raises:
        InputError: a line is no object, has no text, or a limit is exceeded; says the line.
    """
    start = line = number = 0
    while start < len(data):
        end = data.find(b"\n", start)
        end = len(data) if end < 0 else end
        line += 1
        if end - start > limits.row_bytes:
            most = f"{limits.row_bytes:,} bytes"
            raise InputError(f"the line has more than {most}", code="too_large", where=f"{name}:{line}")
        row = data[start:end].strip()
        start = end + 1
        if not row:
            continue
        number += 1
        place = RowPlace(number=number, where=f"{name}:{line}", name=name, notes=notes)
        if row[:1] in {b"{", b"["}:
            JsonSpans(row, where=place.where, most_depth=limits.json_depth).value_end(0, depth=0, most_bytes=len(row))
        yield _chunk(row, place, limits, {})


def _within_object(spans: JsonSpans, data: bytes, start: int, name: str, limits: DocumentLimits) -> _Table | None:
    """The one list of objects in an object; None where the object itself is a chunk."""
    members = list(_bounded(spans.members(start, most_rows=limits.rows, most_bytes=limits.row_bytes), name))
    keys = [_key(member) for member in members]
    lists = [member for member in members if _holds_objects(spans, data, member)]
    if any(key in TEXTS for key in keys) and not lists:
        return None
    if len(lists) != 1 or any(key in TEXTS for key in keys):
        found = ", ".join(repr(_key(member)) for member in lists)
        raise InputError(
            f"the object holds several lists of chunks: {found}" if len(lists) > 1 else "the object holds no one list",
            code="no_chunk_list",
            where=name,
            hint='bring a list of chunks: [{"text": "...", "filename": "...", "page": 1}, ...]',
        )
    others = [member for member in members if member is not lists[0]]
    place = RowPlace(number=0, where=name, name=name)
    shared = {_key(each): _value(data[each.start : each.end], place) for each in others}
    return _Table(start=lists[0].start, depth=2, shared=shared)


def _bounded(members: Iterator[Member], name: str, most: int = 10_000) -> Iterator[Member]:
    for number, member in enumerate(members, 1):
        if number > most:
            raise InputError(f"the object has more than {most:,} entries", code="no_chunk_list", where=name)
        yield member


def _key(member: Member) -> str:
    try:
        return str(json.loads(member.key))
    except ValueError:
        return member.key.decode("utf-8", "replace")


def _holds_objects(spans: JsonSpans, data: bytes, member: Member) -> bool:
    if data[member.start : member.start + 1] != b"[":
        return False
    return data[(first := spans.begin(member.start + 1)) : first + 1] == b"{"


def _chunk(row: bytes, place: RowPlace, limits: DocumentLimits, shared: Mapping[str, Json]) -> Chunk:
    if place.number > limits.rows:
        raise InputError(f"it has more than {limits.rows:,} rows", code="too_many_rows", where=place.name)
    value = _value(row, place)
    if not isinstance(value, Mapping):
        raise InputError(
            "the row is no object",
            code="no_object",
            where=place.where,
            hint='write each chunk as {"text": "...", "filename": "...", "page": 1}',
        )
    text_name = find_text_name(value, place.where)
    fields = flatten({**shared, **value} if shared else value, place, most=limits.row_fields)
    return chunk_of(fields, text_name, place)


def _value(data: bytes, place: RowPlace) -> Json:
    try:
        found: Json = json.loads(data.decode("utf-8"), parse_constant=_no_number, parse_float=_number)
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"the row is no JSON: {error}", code="broken_json", where=place.where, hint="mend it, or export it anew"
        ) from error
    return found


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is no JSON number")


def _number(text: str) -> float | str:
    """The number; as its text where it is beyond what a number can be."""
    number = float(text)
    return number if math.isfinite(number) else text


def _no_list(name: str) -> InputError:
    return InputError(
        "the JSON is no list of chunks",
        code="no_chunk_list",
        where=name,
        hint='bring a list: [{"text": "...", "filename": "...", "page": 1}, ...]',
    )

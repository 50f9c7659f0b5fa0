"""Rows as chunks: which of an object's or a row's fields is the text, the file's name and the page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from evaltrail.core.document import Chunk
from evaltrail.core.errors import InputError
from evaltrail.core.ids import nearest
from evaltrail.core.values import Json, Scalar
from evaltrail.generation.documents.characters import clean
from evaltrail.generation.documents.labels import source_label
from evaltrail.generation.documents.notes import Notes

TEXTS = ("text", "content", "page_content")
_SOURCES = ("filename", "file_name", "source", "metadata.source", "metadata.filename", "metadata.file_name")
_PAGES = ("page", "page_number", "metadata.page_number", "metadata.page_label")
"""Not ``metadata.page``, which tools that cut PDFs count from 0."""
_MOST_PAGE = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RowPlace:
    """Where a row stands, and what its chunk is called where it does not say."""

    number: int
    """From 1."""
    where: str
    """For errors and notes: ``chunks.json, row 3``."""
    name: str
    """The file's label."""
    notes: Notes = field(default_factory=Notes)


def flatten(row: Mapping[str, Json], place: RowPlace, *, most: int) -> dict[str, Scalar]:
    """The values of a nested object under names joined by dots; a list is its JSON text.

    Args:
        row: an object of bounded depth.
        place: where it stands; of two values with one name the first is kept, and that is noted.
        most: values that an object may have.

    Raises:
        InputError: it has more.
    """
    flat: dict[str, Scalar] = {}
    waiting: list[tuple[str, Json]] = [("", row)]
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, Mapping) and (value or not name):
            prefix = f"{name}." if name else ""
            waiting += [(f"{prefix}{key}", inner) for key, inner in reversed(list(value.items()))]
        elif name in flat:
            place.notes.add(f"{place.where}: {name}", "another field has the same name")
        else:
            flat[name] = _scalar(value, name, place)
        if len(flat) + len(waiting) > most:
            raise InputError(
                f"the row has more than {most:,} fields", code="too_many_fields", where=place.where, hint="bring fewer"
            )
    return flat


def chunk_of(fields: Mapping[str, Scalar], text_name: str, place: RowPlace) -> Chunk:
    """The chunk that a row of named values is.

    The source is the first of ``filename``, ``file_name`` and ``source`` that says something, the page the first of
    ``page``, ``page_number`` and ``page_label`` that is a number from 1; everything else stays among the fields.

    Args:
        fields: names joined by dots.
        text_name: which of them is the text.
        place: where the row stands.
    """
    text = fields[text_name]
    assert isinstance(text, str)
    rest = {name: value for name, value in fields.items() if name != text_name}
    source = page = None
    for name in _SOURCES:
        label = source_label(value) if isinstance(value := rest.get(name), str) else ""
        if label:
            source = label
            del rest[name]
            break
    for name in _PAGES:
        page = _page(rest.get(name))
        if page is not None:
            del rest[name]
            break
    return Chunk(number=place.number, text=text, source=source or place.name, page=page, end=len(text), fields=rest)


def find_text_name(fields: Mapping[str, object], where: str) -> str:
    """Which field is the text: ``text``, ``content`` or ``page_content``; "" and "NA" are texts as any other.

    Args:
        fields: of one row.
        where: for the error.

    Raises:
        InputError: there is none, or it is no text.
    """
    name = next((each for each in TEXTS if each in fields), "")
    if not name:
        raise _without_text(list(fields), where)
    if not isinstance(fields[name], str):
        raise InputError(
            f"{name!r} is no text but {_kind(fields[name])}",
            code="text_is_no_text",
            where=where,
            hint="put the chunk's text there, in double quotes",
        )
    return name


def _without_text(names: Sequence[str], where: str) -> InputError:
    has = f"it has {', '.join(map(repr, names[:10]))}" if names else "it is empty"
    close = next((said for each in TEXTS if (said := nearest(each, names))), "")
    return InputError(
        f"the row has no text: {has}",
        code="missing_text",
        where=where,
        hint=f"give it a field `text`{'; ' + close if close else ''}",
    )


def _scalar(value: Json, name: str, place: RowPlace) -> Scalar:
    if isinstance(value, Mapping | list | tuple):
        value = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, str):
        return value if isinstance(value, int | float) else None
    cleaned = clean(value)
    if cleaned.replaced:
        place.notes.add(f"{place.where}: {name}", "control characters or halves of characters were replaced")
    return cleaned.text


def _page(value: Scalar) -> int | None:
    if isinstance(value, str):
        text = value.strip()
        value = int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    is_page = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _MOST_PAGE
    return int(value) if is_page and value is not None else None


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"the number {value}"
    return "an object" if isinstance(value, Mapping) else "a list"

"""Reading: one file of whatever format as a document whose chunks know their places (formats: seed 003)."""

from __future__ import annotations

import hashlib
import os
import stat
from codecs import BOM_UTF8
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from evaltrail.core.delivery import Skipped
from evaltrail.core.document import Chunk, Document
from evaltrail.core.errors import InputError
from evaltrail.generation.documents.characters import UTF_16_MARKS, decode
from evaltrail.generation.documents.chunking import chunk_spans
from evaltrail.generation.documents.csv_chunks import csv_chunks
from evaltrail.generation.documents.formats import HEAD_BYTES, Kind, document_format, find_kind
from evaltrail.generation.documents.json_chunks import json_chunks, json_line_chunks
from evaltrail.generation.documents.labels import file_label
from evaltrail.generation.documents.limits import DocumentLimits
from evaltrail.generation.documents.notes import Notes
from evaltrail.generation.documents.pages import Page
from evaltrail.generation.documents.process_pages import process_pages

_LIMITS = DocumentLimits()
_PIECE = 1_048_576
_IN_PROCESS = frozenset({"pdf", "docx", "html"})
_LISTS = frozenset({"json", "jsonl"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """A file while it is read."""

    file: BinaryIO
    name: str
    kind: Kind
    limits: DocumentLimits
    notes: Notes
    pages: list[int] = field(default_factory=list)
    """How many the file says it has; empty = it has none."""


def read_document(file: Path, *, name: str, limits: DocumentLimits = _LIMITS, kind: Kind | None = None) -> Document:
    """The file as a document of at least one chunk, numbered from 1.

    JSON objects and CSV rows are chunks as they are; running text is cut at paragraph ends (``chunk_spans``). Pages
    without text, guessed encodings and whatever else could not be kept is told in ``skipped``.

    Args:
        file: where it lies.
        name: as its owner called it, which tells its format; a label, of which only the last part is kept.
        limits: what is over one of them is refused.
        kind: the format where the name does not tell it, such as that of a request's body.

    Raises:
        InputError: it cannot be read, is no such file as its name says, holds no text, or exceeds a limit.
    """
    label = file_label(name)
    with _opened(file, label) as (opened, size_bytes):
        _check_size(size_bytes, label, limits)
        digest = hashlib.blake2b(digest_size=16)
        for piece in iter(lambda: opened.read(_PIECE), b""):
            digest.update(piece)
        opened.seek(0)
        head = opened.read(HEAD_BYTES)
        opened.seek(0)
        found = find_kind(label, head, known=kind)
        notes = Notes()
        reading = _Reading(file=opened, name=label, kind=found, limits=limits, notes=notes)
        chunks = tuple(_chunks(reading))
    if not chunks and found not in _LISTS:  # a list of no chunks is one, and has no windows
        raise InputError("the file holds no text", code="empty_document", where=label, hint="bring one with content")
    return Document(
        name=label,
        digest=digest.hexdigest(),
        format=document_format(found),
        size_bytes=size_bytes,
        chunks=chunks,
        pages=max(reading.pages, default=None),
        skipped=notes.skipped,
    )


def numbered(documents: Iterable[Document]) -> tuple[Chunk, ...]:
    """All chunks of an upload in their order, numbered on from 1."""
    chunks = (chunk for document in documents for chunk in document.chunks)
    return tuple(
        chunk if chunk.number == number else replace(chunk, number=number) for number, chunk in enumerate(chunks, 1)
    )


@contextmanager
def _opened(file: Path, label: str) -> Iterator[tuple[BinaryIO, int]]:
    """The file, open, and its size; a pipe or a device is none, and is not waited for."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode):
            os.close(descriptor)
            what, step = ("a folder", "the files in it") if stat.S_ISDIR(state.st_mode) else ("no file", "a file")
            raise InputError(f"it is {what}", code="missing_document", where=label, hint=f"name {step}")
        with os.fdopen(descriptor, "rb") as opened:
            yield opened, state.st_size
    except OSError as error:
        why = error.strerror or str(error)
        raise InputError(f"the document cannot be read: {why}", code="missing_document", where=label) from error


def _check_size(size_bytes: int, label: str, limits: DocumentLimits) -> None:
    if size_bytes > limits.size_bytes:
        raise InputError(
            f"the file has {size_bytes:,} bytes; {limits.size_bytes:,} are the most",
            code="too_large",
            where=label,
            hint="bring it in parts",
        )
    if not size_bytes:
        raise InputError("the file is empty", code="empty_document", where=label, hint="bring one with content")


def _chunks(reading: _Reading) -> Iterator[Chunk]:
    name, limits, notes = reading.name, reading.limits, reading.notes
    if reading.kind in _IN_PROCESS:
        # Closed here, not when it is forgotten: whoever holds the error would keep the reading process alive.
        with closing(_process_pages(reading)) as pages:
            yield from _page_chunks(reading, pages)
    elif reading.kind in {"json", "jsonl"}:
        chunks = json_chunks if reading.kind == "json" else json_line_chunks
        yield from chunks(_utf8(reading), name=name, limits=limits, notes=notes)
    elif reading.kind == "csv":
        yield from csv_chunks(_text(reading), name=name, limits=limits, notes=notes)
    else:
        yield from _page_chunks(reading, (Page(text=text) for text in (_text(reading),)))


def _process_pages(reading: _Reading) -> Generator[Page]:
    found = process_pages(reading.file, name=reading.name, kind=reading.kind, limits=reading.limits)
    with closing(found):
        for each in found:
            if isinstance(each, Skipped):
                reading.notes.add(each.what, each.why)
            else:
                yield each


def _page_chunks(reading: _Reading, pages: Iterator[Page]) -> Iterator[Chunk]:
    number = 0
    for page in pages:
        if page.of is not None:
            reading.pages.append(page.of)
        for span in chunk_spans(page.text, is_markdown=reading.kind == "markdown"):
            number += 1
            if number > reading.limits.rows:
                most = f"{reading.limits.rows:,} chunks"
                raise InputError(f"it makes more than {most}", code="too_many_rows", where=reading.name)
            yield Chunk(
                number=number,
                text=page.text[span.start : span.end],
                source=reading.name,
                page=page.number,
                start=span.start,
                end=span.end,
                fields=page.fields,
            )


def _text(reading: _Reading) -> str:
    decoded = decode(reading.file.read(), where=reading.name)
    for note in decoded.notes:
        reading.notes.add(reading.name, note)
    return decoded.text


def _utf8(reading: _Reading) -> bytes:
    """The file's bytes where they are UTF-8, as JSON should be; bytes that are none are told where they stand."""
    data = reading.file.read()
    if data.startswith(UTF_16_MARKS) or b"\x00" in data[:4]:
        return decode(data, where=reading.name).text.encode("utf-8")
    return data.removeprefix(BOM_UTF8)

"""Word documents as text: paragraphs and tables in their order, then foot- and endnotes.

Source: ECMA-376 (WordprocessingML), transitional and strict. Read as a stream by the standard library, so that neither
a document's size nor its depth nor an XML entity can fill the memory, and nobody has to install a library for it.
"""

from __future__ import annotations

import posixpath
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO
from xml.parsers import expat

from evaltrail.core.delivery import Skipped
from evaltrail.core.errors import InputError
from evaltrail.generation.documents.characters import clean
from evaltrail.generation.documents.limits import DocumentLimits
from evaltrail.generation.documents.pages import Page
from evaltrail.generation.documents.text_flow import TextFlow

_PIECE = 65_536
_SMALL_BYTES = 10_000_000
_MOST_RELATION_BYTES = 1_000_000
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError, ValueError)
"""What `zipfile` raises for broken, encrypted or unknown content."""
_UNREAD = (
    ("header", "headers are not read"),
    ("footer", "footers are not read"),
    ("comments", "comments are not read"),
    ("media/", "pictures are not read"),
    ("embeddings/", "embedded files are not read"),
)
_LINE_ENDS = frozenset({"br", "cr"})
"""Also those that begin a page: on an empty one they are paragraphs of nothing else."""
_MARKS = {"tab": "\t", "noBreakHyphen": "-", "softHyphen": ""}
_DROPPED = frozenset({"Fallback", "del", "moveFrom", "instrText", "delText", "rubyPr", "tabs"})
"""Second forms of what was read already, and text that is deleted or never shown; ``tabs`` are stops, not tabs."""


def docx_pages(file: BinaryIO, name: str, limits: DocumentLimits) -> Iterator[Page | Skipped]:
    """The document's text as one, and which of its parts are not read.

    Raises:
        InputError: it is no Word document, is broken, or exceeds a limit.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            yield from _read(archive, name, limits)
    except (expat.ExpatError, *_BROKEN) as error:
        raise InputError(
            f"the Word document cannot be read: {error}",
            code="broken_document",
            where=name,
            hint="open it in Word and save it anew",
        ) from error


def _read(archive: zipfile.ZipFile, name: str, limits: DocumentLimits) -> Iterator[Page | Skipped]:
    members = {member.filename: member for member in archive.infolist()}
    if len(archive.infolist()) > limits.archive_entries:
        raise InputError(f"it holds more than {limits.archive_entries:,} files", code="too_many_files", where=name)
    main = _main_part(archive, members, name, limits)
    folder = posixpath.dirname(main)
    body = _Body()
    for part in (main, f"{folder}/footnotes.xml", f"{folder}/endnotes.xml"):
        if part in members:
            _parse(_pieces(archive, members[part], name, limits), body.opened, body.closed, body.said, name)
            body.flow.paragraph()
    for prefix, why in _UNREAD:
        found = sum(member.startswith(f"{folder}/{prefix}") for member in members)
        if found:
            yield Skipped(what=f"{found} in {name}", why=why)
    if body.hidden:
        yield Skipped(what=f"{body.hidden:,} parts of {name}", why="the document hides them from its readers")
    cleaned = clean(body.flow.text)
    if cleaned.replaced:
        yield Skipped(what=name, why=f"{cleaned.replaced:,} control characters were replaced")
    yield Page(text=cleaned.text)


def _main_part(archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], name: str, limits: DocumentLimits) -> str:
    found: list[str] = []

    def opened(tag: str, attributes: dict[str, str]) -> None:
        if _local(tag) == "Relationship" and attributes.get("Type", "").endswith("/officeDocument"):
            found.append(attributes.get("Target", "").lstrip("/"))

    relations = members.get("_rels/.rels")
    if relations is not None and relations.file_size <= _MOST_RELATION_BYTES:
        _parse(_pieces(archive, relations, name, limits), opened, lambda _: None, lambda _: None, name)
    main = next((part for part in found if part in members), "word/document.xml")
    if main not in members or not main.startswith("word/"):
        raise InputError(
            "it is no Word document: the archive holds no word/document.xml",
            code="wrong_format",
            where=name,
            hint="bring a .docx as Word or LibreOffice write it",
        )
    return main


def _pieces(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str, limits: DocumentLimits) -> Iterator[bytes]:
    """A part, unpacked piece by piece, refused once it is more than any text is."""
    most = max(_SMALL_BYTES, member.compress_size * limits.unpacked_ratio)
    most = min(most, limits.unpacked_bytes)
    if member.file_size > most:
        raise _bomb(member, name)
    read = 0
    with archive.open(member) as part:
        while piece := part.read(_PIECE):
            read += len(piece)
            if read > most:
                raise _bomb(member, name)
            yield piece


def _bomb(member: zipfile.ZipInfo, name: str) -> InputError:
    return InputError(
        f"its part {member.filename:.80} unpacks to far more than its size allows",
        code="archive_bomb",
        where=name,
        hint="save it anew in Word, or in parts",
    )


def _parse(
    pieces: Iterator[bytes],
    opened: Callable[[str, dict[str, str]], None],
    closed: Callable[[str], None],
    said: Callable[[str], None],
    name: str,
) -> None:
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = opened
    parser.EndElementHandler = closed
    parser.CharacterDataHandler = said

    def refused(*_: object) -> None:
        raise InputError(
            "its XML declares a document type, which Word never writes and entity bombs are made of",
            code="xml_entities",
            where=name,
            hint="save it anew in Word",
        )

    parser.StartDoctypeDeclHandler = refused
    for piece in pieces:
        parser.Parse(piece)
    parser.Parse(b"", True)  # noqa: FBT003  expat takes no names


class _Body:
    """Gathers the text of a document's parts from the events of their XML."""

    def __init__(self) -> None:
        self.flow = TextFlow()
        self.hidden = 0
        """Runs of text that are marked as hidden."""
        self._dropped = 0
        """Open elements within one whose text does not count, itself included."""
        self._tables = 0
        self._is_text = False
        self._is_vanished = False
        self._is_heading = False
        self._is_first_cell = True

    def opened(self, tag: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        local = _local(tag)
        if self._dropped or local in _DROPPED:
            self._dropped += 1
            return
        if local == "t":
            self._is_text = True
        elif local in _MARKS:
            self._shown(_MARKS[local])
        elif local in _LINE_ENDS:
            self.flow.line()
        elif local == "r":
            self._is_vanished = False
        elif local == "vanish":
            self._is_vanished = _value(attributes) not in {"0", "false", "off"}
            self.hidden += self._is_vanished
        elif local == "pStyle":
            self._is_heading = _value(attributes).lower().startswith(("heading", "title"))
        else:
            self._table_opened(local)

    def closed(self, tag: str) -> None:
        """An element ends."""
        if self._dropped:
            self._dropped -= 1
            return
        local = _local(tag)
        if local == "t":
            self._is_text = False
        elif local == "r":
            self._is_vanished = False
        elif local == "tbl":
            self._tables = max(0, self._tables - 1)
            self.flow.row_end()
            self.flow.paragraph()
        elif local == "p":
            self._paragraph_ended()

    def said(self, text: str) -> None:
        """Text of an element."""
        if self._is_text and not self._dropped:
            self._shown(text)

    def _table_opened(self, local: str) -> None:
        if local == "tbl":
            self._tables += 1
            self.flow.paragraph()
        elif local == "tr":
            self.flow.row()
            self._is_first_cell = True
        elif local == "tc":
            if not self._is_first_cell:
                self.flow.cell()
            self._is_first_cell = False

    def _shown(self, text: str) -> None:
        if not self._is_vanished:
            self.flow.words(text, keeps_space=True)

    def _paragraph_ended(self) -> None:
        if self._tables:
            self.flow.line()
        elif self._is_heading:
            self.flow.heading()
        else:
            self.flow.paragraph()
        self._is_heading = False


def _local(tag: str) -> str:
    return tag.rpartition(" ")[2]


def _value(attributes: dict[str, str]) -> str:
    return next((value for name, value in attributes.items() if _local(name) == "val"), "")

"""Formats: which one a file is in, told by its name and checked against its content."""

from __future__ import annotations

import re
from typing import Literal

from evaltrail.core.document import DocumentFormat
from evaltrail.core.errors import InputError
from evaltrail.generation.documents.characters import has_binary

Kind = Literal["json", "jsonl", "pdf", "docx", "html", "markdown", "text", "csv"]
"""A format as it is read; ``jsonl`` is a form of ``json``."""

HEAD_BYTES = 4_096
_SUFFIXES: dict[str, Kind] = {
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".pdf": "pdf",
    ".docx": "docx",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".md": "markdown",
    ".markdown": "markdown",
    ".txt": "text",
    ".text": "text",
    ".csv": "csv",
    ".tsv": "csv",
}
_SAVED_AS = {
    ".doc": ".docx",
    ".docm": ".docx",
    ".odt": ".docx",
    ".rtf": ".docx",
    ".xls": ".csv",
    ".xlsx": ".csv",
    ".ods": ".csv",
    ".ppt": ".pdf",
    ".pptx": ".pdf",
    ".odp": ".pdf",
    ".log": ".txt",
    ".rst": ".txt",
    ".tex": ".txt",
}
"""Formats that are not read to the one that their own program can save them in."""
_PDF, _ZIP = "a PDF", "a zip archive, as docx files are"
_SIGNS: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", _ZIP),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office file, or one with a password"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"\x1f\x8b", "a gzip file"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90", "a program"),
    (b"SQLite format 3\x00", "a SQLite database"),
)
_PLAIN_SIGNS: tuple[tuple[bytes, str], ...] = (
    (b"%PDF-", _PDF),
    (b"{\\rtf", "an RTF file"),
    (b"GIF8", "a GIF picture"),
    (b"BZh", "a bzip2 file"),
    (b"PAR1", "a parquet file"),
)
"""Signs that a text may begin with too: they count where bytes follow that no text has, or one of ``_PLAIN_HEADS``."""
_PLAIN_HEADS = re.compile(rb"%PDF-.*?\d\s+obj\b|\{\\rtf\d*\\|BZh[1-9]1AY&SY", re.DOTALL)
"""How such files begin even where all bytes could be a text's."""
_WANTED = {"pdf": (_PDF, "a PDF"), "docx": (_ZIP, "a Word document")}
_PDF_HEAD_BYTES = 1_024
"""A PDF may begin with so many other bytes (PDF 1.7, appendix H)."""


def find_kind(label: str, head: bytes, *, known: Kind | None = None) -> Kind:
    """The format of a file: as its name's suffix says, or by its content where it has none.

    Args:
        label: the file's name.
        head: its first bytes.
        known: the format that is known otherwise; the name then says nothing.

    Raises:
        InputError: the format is not one that is read, or the content is something else than the name says.
    """
    content = _content(head)
    kind = known or _by_suffix(label, head)
    if kind in _WANTED:
        wanted, word = _WANTED[kind]
        if content != wanted:
            raise _mismatch(label, content or _guess(head), f"it is no {word.partition(' ')[2]}")
    elif content:
        raise _mismatch(label, content, f"it is no {kind}")
    return kind


def document_format(kind: Kind) -> DocumentFormat:
    """The format as documents name it."""
    return "json" if kind == "jsonl" else kind


def _by_suffix(label: str, head: bytes) -> Kind:
    suffix = _suffix(label)
    if suffix in _SUFFIXES:
        return _SUFFIXES[suffix]
    if suffix:
        known = ", ".join(_SUFFIXES)
        raise InputError(
            f"files named {suffix} are not read; these are: {known}",
            code="unknown_format",
            where=label,
            hint=f"save it as {_SAVED_AS.get(suffix, 'one of these')}",
        )
    return _by_content(head)


def _suffix(label: str) -> str:
    stem, dot, last = label.rpartition(".")
    is_suffix = bool(dot and stem and last.isascii() and last.isalnum() and not last.isdigit() and len(last) <= 8)
    return f".{last.lower()}" if is_suffix else ""


def _by_content(head: bytes) -> Kind:
    content = _content(head)
    if content in {_PDF, _ZIP}:
        return "pdf" if content == _PDF else "docx"
    begin = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:15].lower()
    if begin.startswith((b"[", b"{")):
        return "json"
    return "html" if begin.startswith((b"<!doctype html", b"<html")) else "text"


def _content(head: bytes) -> str:
    """What the first bytes say that a file is; empty where they could be text."""
    found = next((word for sign, word in _SIGNS if head.startswith(sign)), "")
    if not found and (has_binary(head) or _PLAIN_HEADS.match(head)):
        found = next((word for sign, word in _PLAIN_SIGNS if head.startswith(sign)), "")
    return found or (_PDF if b"%PDF-" in head[:_PDF_HEAD_BYTES] and b"\x00" in head else "")


def _guess(head: bytes) -> str:
    begin = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:15].lower()
    if not begin:
        return "nothing but white space"
    if begin.startswith((b"<!doctype html", b"<html")):
        return "an HTML page"
    if begin.startswith((b"[", b"{")):
        return "JSON"
    return "something binary" if b"\x00" in head else "text"


def _mismatch(label: str, content: str, verdict: str) -> InputError:
    return InputError(
        f"{verdict}: its content is {content}",
        code="wrong_format",
        where=label,
        hint="give the file the name of its format, or bring the right file",
    )

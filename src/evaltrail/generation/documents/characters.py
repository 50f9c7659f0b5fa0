"""Characters: bytes as text, and text without what no text can hold."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from evaltrail.core.errors import InputError

_UNFIT = re.compile("[\x00-\x08\x0e-\x1b\x7f\ud800-\udfff]")
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_HEAD_BYTES = 65_536
_BINARY_SHARE = 0.01
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""Byte order marks; UTF-32's come before those of UTF-16, which they begin with."""
UTF_16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_NUL_SHARE = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """A file's bytes as text, without a byte order mark; newlines stay as they are."""

    text: str
    notes: tuple[str, ...] = ()
    """What had to be guessed or replaced."""


def decode(data: bytes, *, where: str, named: str = "") -> Decoded:
    """The text of some bytes: by their byte order mark, else as UTF-8, UTF-16 or, with a note, Windows-1252.

    Args:
        data: the whole file.
        where: its label, for the error.
        named: the encoding that the file names itself; empty = none.

    Raises:
        InputError: they are no text.
    """
    mark, encoding = next(((mark, name) for mark, name in _MARKS if data.startswith(mark)), (b"", ""))
    encoding = encoding or _unmarked_utf16(data[:_HEAD_BYTES])
    if not encoding:
        head = data[:_HEAD_BYTES]
        if len(_BINARY.findall(head)) > _BINARY_SHARE * len(head):
            raise InputError(
                "the file is no text: it holds bytes that no text has",
                code="no_text",
                where=where,
                hint="give it the name of its format, or save it as text",
            )
    notes: list[str] = []
    body = data[len(mark) :]
    text = _decoded(body, encoding, notes) if encoding else _guessed(body, named, notes)
    cleaned = clean(text)
    if cleaned.replaced:
        notes.append(f"{cleaned.replaced:,} control characters or halves of characters were replaced")
    return Decoded(text=cleaned.text, notes=tuple(notes))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaned:
    """A text that every file and database can hold."""

    text: str
    replaced: int = 0
    """Characters that were replaced, one by one: offsets stay."""


def clean(text: str) -> Cleaned:
    """The text with NUL, control characters and halves of surrogate pairs replaced by U+FFFD."""
    if _UNFIT.search(text) is None:
        return Cleaned(text=text)
    found, replaced = _UNFIT.subn(_REPLACEMENT, text)
    return Cleaned(text=found, replaced=replaced)


def has_binary(data: bytes) -> bool:
    """Whether some bytes hold one that no text has, in whatever encoding of single bytes or UTF-8."""
    return _BINARY.search(data) is not None


def _decoded(data: bytes, encoding: str, notes: list[str]) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        notes.append(f"bytes that are no {encoding} were replaced")
        return data.decode(encoding, "replace")


def _guessed(data: bytes, named: str, notes: list[str]) -> str:
    for encoding, note in ((named, ""), ("utf-8", ""), ("cp1252", "it is no UTF-8 and was read as Windows-1252")):
        try:
            text = data.decode(encoding) if encoding else None
        except (UnicodeDecodeError, LookupError):
            continue
        if text is not None:
            notes.extend(filter(None, [note]))
            return text
    notes.append("it is neither UTF-8 nor Windows-1252 and was read as Latin-1")
    return data.decode("latin-1")


def _unmarked_utf16(head: bytes) -> str:
    """UTF-16 of mostly western text has NULs at every other place."""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    half = len(head) / 2
    if odd > _NUL_SHARE * half and even == 0:
        return "utf-16-le"
    return "utf-16-be" if even > _NUL_SHARE * half and odd == 0 else ""

"""PDF pages as text, by pypdf.

pypdf 7.1 reads 430 pages/s of 2,800 characters and pypdfium2 5.15 920 (2026-11-21, 1,000 pages, 43 and 24 MB); it is
taken because pure Python can at worst exhaust its process's bounds, where a file made to break a C++ parser runs code.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from evaltrail.core.delivery import Skipped
from evaltrail.core.errors import InputError
from evaltrail.generation.documents.characters import clean
from evaltrail.generation.documents.limits import DocumentLimits
from evaltrail.generation.documents.pages import Page

if TYPE_CHECKING:
    from pypdf import PdfReader

_BROKEN = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    zlib.error,
)
"""What pypdf lets through for broken files, beside its own errors."""
_FORGET_EVERY = 50
"""Pages after which what pypdf remembers of them is let go."""


def pdf_pages(file: BinaryIO, name: str, limits: DocumentLimits) -> Iterator[Page | Skipped]:
    """The text of each page that has some; pages without are told, one by one.

    Raises:
        InputError: the PDF is broken, has a password, no text at all, or exceeds a limit.
    """
    pdf = _opened(file, name)
    try:
        count = len(pdf.reader.pages)
    except pdf.broken as error:
        raise _unreadable(error, name) from error
    if count > limits.pages:
        raise InputError(
            f"the PDF has {count:,} pages; {limits.pages:,} are the most",
            code="too_many_pages",
            where=name,
            hint="bring it in parts",
        )
    texts = broken = 0
    for number in range(1, count + 1):
        found = _page(pdf, number, count)
        texts += found.page is not None
        broken += found.is_broken
        yield from found.skipped
        if found.page is not None:
            yield found.page
        if number % _FORGET_EVERY == 0:
            pdf.reader.resolved_objects.clear()
    if not texts:
        raise _without_text(count, broken, name)


@dataclass(frozen=True, slots=True)
class _Pdf:
    """An open PDF, and what is raised where it is broken."""

    reader: PdfReader
    broken: tuple[type[Exception], ...]


def _opened(file: BinaryIO, name: str) -> _Pdf:
    from pypdf import PdfReader, errors  # noqa: PLC0415  only where PDFs are read

    broken = (errors.PyPdfError, errors.DependencyError, errors.DeprecationError, *_BROKEN)
    try:
        reader = PdfReader(file, strict=False)
        is_open = not reader.is_encrypted or bool(reader.decrypt(""))
    except broken as error:
        raise _unreadable(error, name) from error
    if not is_open:
        raise InputError(
            "the PDF has a password", code="encrypted", where=name, hint="save it without one and bring that"
        )
    return _Pdf(reader, broken)


@dataclass(frozen=True, slots=True, kw_only=True)
class _PageFound:
    """What came of a page."""

    page: Page | None = None
    skipped: tuple[Skipped, ...] = ()
    is_broken: bool = False


def _page(pdf: _Pdf, number: int, count: int) -> _PageFound:
    what = f"page {number}"
    try:
        text = pdf.reader.pages[number - 1].extract_text()
    except pdf.broken as error:
        why = f"it is broken: {type(error).__name__}"
        return _PageFound(skipped=(Skipped(what=what, why=why),), is_broken=True)
    cleaned = clean(text.replace("\r\n", "\n"))
    if not cleaned.text.strip():
        return _PageFound(skipped=(Skipped(what=what, why="it has no text: it is blank, or a scan"),))
    replaced = Skipped(what=what, why="characters of no known meaning were replaced")
    page = Page(number=number, of=count, text=cleaned.text)
    return _PageFound(page=page, skipped=(replaced,) if cleaned.replaced else ())


def _without_text(count: int, broken: int, name: str) -> InputError:
    if broken:
        return InputError(
            f"none of the PDF's {count:,} pages can be read: {broken:,} are broken",
            code="broken_document",
            where=name,
            hint="open it in a viewer and save it anew",
        )
    return InputError(
        f"none of the PDF's {count:,} pages has text: it is a scan, or blank",
        code="no_text",
        where=name,
        hint="run text recognition (OCR) over it first, then bring the result",
    )


def _unreadable(error: Exception, name: str) -> InputError:
    return InputError(
        f"the PDF cannot be read: {str(error) or type(error).__name__:.200}",
        code="broken_document",
        where=name,
        hint="open it in a viewer and save it anew",
    )

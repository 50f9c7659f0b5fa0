"""Document: what somebody brought to have questions made of, cut into chunks whose places are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from evaltrail.core.delivery import Skipped
from evaltrail.core.values import Scalar

DocumentFormat = Literal["json", "pdf", "docx", "html", "markdown", "text", "csv"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A piece of a document, as the document says it."""

    number: int
    """Place in the upload, from 1."""
    text: str
    source: str
    """The file's name as its owner wrote it: a label, never a path of ours."""
    page: int | None = None
    """From 1; None where the format has no pages."""
    start: int = 0
    """First character, counted in the text of its page, or of the whole file where there are no pages."""
    end: int = 0
    """Behind the last character."""
    fields: Mapping[str, Scalar] = field(default_factory=dict)
    """What else a JSON chunk or a CSV row said, nested names joined by dots."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One file of an upload, read."""

    name: str
    """As its owner wrote it."""
    digest: str
    """32 hex digits over its bytes."""
    format: DocumentFormat
    size_bytes: int
    chunks: tuple[Chunk, ...]
    """Numbered from 1 within this document; ``numbered`` counts on over several."""
    pages: int | None = None
    skipped: tuple[Skipped, ...] = ()
    """What was met and could not become a chunk, and why."""

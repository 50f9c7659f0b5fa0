"""Pages: what the process that reads pdf, docx and html files hands over, one at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The text of a page, or of a whole file that has none."""

    number: int | None = None
    """From 1; None = the format has no pages."""
    of: int | None = None
    """How many pages the file has."""
    text: str
    fields: Mapping[str, str] = field(default_factory=dict)
    """What every chunk of it says besides."""

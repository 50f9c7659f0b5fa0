"""Limits: how much of a document is read before it is refused."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentLimits:
    """Bounds of one file. What is over one is refused as a whole: half a document would pass for all of it."""

    size_bytes: int = 100_000_000
    """Of the file as it lies on disk."""
    json_depth: int = 64
    """Lists and objects within each other."""
    rows: int = 1_000_000
    """Chunks, whatever the format."""
    row_bytes: int = 10_000_000
    """Of one JSON object or one line of JSONL."""
    row_fields: int = 1_000
    """Named values of one JSON object or CSV row."""
    pages: int = 20_000
    text_bytes: int = 500_000_000
    """Of all text of a pdf, docx or html file."""
    unpacked_bytes: int = 500_000_000
    """Of a part of a docx file, unpacked."""
    unpacked_ratio: int = 200
    """How many times its packed size such a part may have, from 10 MB on; text of people stays below 50."""
    archive_entries: int = 10_000
    seconds: float = 300.0
    """For a pdf, docx or html file."""
    memory_bytes: int = 1_000_000_000
    """Address space of the process that reads it."""

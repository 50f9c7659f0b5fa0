"""Passages: all chunks of a data set's documents, kept beside its questions, each with its place in its document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec

from evaltrail.core.decoding import decoded
from evaltrail.core.document import Chunk

PASSAGES_FILE = "passages.jsonl"
"""The file of a version's folder that may hold them: one a line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A chunk as it is kept; what its names mean is said of Chunk."""

    number: int
    source: str
    page: int | None
    start: int
    end: int
    text: str


def passage_lines(chunks: Iterable[Chunk]) -> Iterator[bytes]:
    """A line for each chunk."""
    for chunk in chunks:
        kept = Passage(
            number=chunk.number,
            source=chunk.source,
            page=chunk.page,
            start=chunk.start,
            end=chunk.end,
            text=chunk.text,
        )
        yield msgspec.json.encode(kept) + b"\n"


def text_of(line: bytes) -> str:
    """The text of a line's passage, or the text that is the whole line.

    Raises:
        msgspec.DecodeError: it is neither.
    """
    return decoded(line, str) if line.startswith(b'"') else decoded(line, Passage).text

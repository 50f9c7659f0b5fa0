"""Member: one entry of an archive, before anything of it is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

PIECE_BYTES = 262_144
"""Bytes that are held of a member at a time."""


class BrokenArchiveError(ValueError):
    """The archive is cut off or damaged."""


class ArchiveLimitError(ValueError):
    """The archive holds more than is unpacked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One entry, in the order of the archive; its content can be taken once, before the next entry is."""

    name: str
    """As the archive says it: it may lead anywhere."""
    pieces: Iterator[bytes]
    """The content; empty for what is no file."""
    is_folder: bool = False
    why_not: str = ""
    """Why its content is not read; empty for a plain file or a folder."""
    modified_at: float = 0.0
    """Unix seconds; 0 where the archive does not say."""

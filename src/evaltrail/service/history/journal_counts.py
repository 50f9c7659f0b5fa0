"""Samples in the journals of a work folder, counted again and again: each journal is read on from where it was left."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

_BLOCK_BYTES = 1 << 20


class JournalCounts:
    """Counts the samples that lie in journals.

    Args:
        folder: of the work; it may be missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[Path, tuple[int, int]] = {}
        """Journal to the bytes of it that were read, and the lines in them."""

    def count(self) -> int:
        """Samples in all journals that are there now."""
        found: dict[Path, tuple[int, int]] = {}
        with suppress(OSError):  # gone meanwhile, as the folder is when all is done
            for file in self._folder.glob("*.jsonl"):
                found[file] = _read_on(file, *self._read.get(file, (0, 0)))
        self._read = found
        return sum(lines for _, lines in found.values())


def _read_on(file: Path, size: int, lines: int) -> tuple[int, int]:
    with file.open("rb") as rows:
        if rows.seek(0, 2) < size:  # begun anew
            size = lines = 0
        rows.seek(size)
        while block := rows.read(_BLOCK_BYTES):
            size += len(block)
            lines += block.count(b"\n")
    return size, lines

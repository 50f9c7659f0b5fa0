"""Lines of logs, in bounded memory: bytes become lines as they come, and the end of a file is found from its end."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

MOST_LINE_BYTES = 65_536
"""A longer line is told in pieces."""
_BLOCK_BYTES = 1 << 16
_LINE_END = re.compile(rb"\r\n|\n|\r(?!\Z)")
"""A carriage return at the end may be the first half of a line end."""


class LineSplitter:
    """Makes lines of bytes as they come; what has not ended yet is held back."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        """The lines that end in what was held back and these bytes."""
        *lines, rest = _LINE_END.split(self._rest + data)
        self._rest = rest
        if len(rest) <= MOST_LINE_BYTES and all(len(line) <= MOST_LINE_BYTES for line in lines):
            return [line.decode("utf-8", "replace") for line in lines]
        *pieces, self._rest = _pieces(rest)
        return [piece.decode("utf-8", "replace") for line in lines for piece in _pieces(line)] + [
            piece.decode("utf-8", "replace") for piece in pieces
        ]

    def end(self) -> list[str]:
        """What is held back, as a line; nothing more comes."""
        rest, self._rest = self._rest, b""
        return [rest.removesuffix(b"\r").decode("utf-8", "replace")] if rest else []


def read_lines(file: Path, *, tail: int | None = None) -> Iterator[str]:
    """The lines of a file, without their ends.

    Args:
        file: a log; its size does not matter.
        tail: only so many of the last lines; None = all.

    Raises:
        OSError: the file cannot be read.
    """
    with file.open("rb") as data:
        if tail is None:
            yield from _lines(data)
            return
        data.seek(tail_offset(data, tail))
        yield from deque(_lines(data), maxlen=tail)


def tail_offset(data: BinaryIO, lines: int) -> int:
    """Where to begin so that the last lines are met, perhaps with some before them.

    Args:
        data: an open file.
        lines: how many.
    """
    size = data.seek(0, 2)
    lowest = max(0, size - (lines + 1) * MOST_LINE_BYTES)
    place, missing = size, lines + 1  # the line end before the first of them
    while place > lowest:
        begin = max(lowest, place - _BLOCK_BYTES)
        data.seek(begin)
        block = data.read(place - begin)
        found = block.count(b"\n")
        if found >= missing:
            for _ in range(missing):
                place = block.rindex(b"\n", 0, place - begin) + begin
            return place + 1
        missing -= found
        place = begin
    return lowest


def _lines(data: BinaryIO) -> Iterator[str]:
    splitter = LineSplitter()
    while block := data.read(_BLOCK_BYTES):
        yield from splitter.feed(block)
    yield from splitter.end()


def _pieces(line: bytes) -> list[bytes]:
    """A line in pieces of bounded size, none of which ends inside a character; the last one may be empty."""
    pieces = []
    while len(line) > MOST_LINE_BYTES:
        cut = MOST_LINE_BYTES
        while cut > MOST_LINE_BYTES - 4 and line[cut] & 0xC0 == 0x80:
            cut -= 1
        pieces.append(line[:cut])
        line = line[cut:]
    return [*pieces, line]

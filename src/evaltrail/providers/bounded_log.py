"""What a child process prints, as its log keeps it: without secrets, whole where it is short, else begin and end."""

from __future__ import annotations

import contextlib
import re
from collections import deque
from collections.abc import Iterable, Iterator
from io import FileIO
from itertools import chain

from evaltrail.config.redaction import redact_text
from evaltrail.config.secret_lines import SecretLines

_KEPT_END_BYTES = 1_000_000
_MOST_LINE_BYTES = 65_536
"""A longer line is written in pieces."""
_LOOKED_AROUND = 2048
"""Bytes on each side of a cut in which a secret is looked for; longer secrets have line ends, or are none."""
_MOST_CUTS = 8
_LINE_END = re.compile(rb"[\r\n]+")
_BETWEEN = re.compile(rb"[\s,;}\]\"']")


class BoundedLog:
    """Takes bytes as they come and writes at most so many of them.

    Whole lines are written at once, so that a person can follow them. Where there are more than fit, the first part
    stays, a line says how many bytes were dropped, and the last megabyte comes after it. A log that cannot be written
    stops nobody: what it cannot take counts as dropped.

    Args:
        file: unbuffered, at the place where the first byte is to stand.
        most_bytes: that are written, the line about dropped ones not counted.
        secrets: values to blank out.
    """

    def __init__(self, file: FileIO, *, most_bytes: int, secrets: Iterable[str] = ()) -> None:
        self.written_bytes = 0
        self.dropped_bytes = 0
        self._file = file
        self._secrets = tuple(secrets)
        self._lines = SecretLines(self._secrets)
        self._kept_end = min(_KEPT_END_BYTES, most_bytes // 2)
        self._most_begin = most_bytes - self._kept_end
        self._rest = bytearray()
        """A line that has not ended yet."""
        self._is_full = False
        self._end: deque[bytes] = deque()
        self._end_bytes = 0
        self._ready = bytearray()
        """Clean lines that are written together."""

    def feed(self, data: bytes) -> None:
        """Take what was printed next."""
        if self._is_full:
            self._keep(data)
        else:
            self._begin(data)

    def finish(self) -> None:
        """Write what is held back; nothing is fed after it."""
        if not self._is_full:
            self._take(bytes(self._rest))
        if self._is_full:
            self._write_end()
        self._flush()

    def _begin(self, data: bytes) -> None:
        self._rest += data
        if b"\n" in data or b"\r" in data:
            cut = max(self._rest.rfind(b"\n"), self._rest.rfind(b"\r")) + 1
        elif len(self._rest) > _MOST_LINE_BYTES:
            cut = _safe_cut(bytes(self._rest), self._secrets)
        else:
            return
        whole, self._rest = bytes(self._rest[:cut]), self._rest[cut:]
        for piece in _pieces(whole, self._secrets):
            self._take(piece)
        if self._is_full:
            self._keep(bytes(self._rest))
        self._flush()

    def _write_end(self) -> None:
        end = b"".join(self._end)
        if self.dropped_bytes or len(end) > self._kept_end:
            start = _line_start(end, max(0, len(end) - self._kept_end))
            self.dropped_bytes += start
            end = end[start:]
            self._lines = SecretLines(self._secrets)
            self._ready += f"\n[... {self.dropped_bytes:,} bytes of output were dropped here ...]\n".encode()
        for piece in _pieces(end, self._secrets):
            self._ready += self._clean(piece)

    def _take(self, piece: bytes) -> None:
        if not self._is_full:
            clean = self._clean(piece)
            if self.written_bytes + len(self._ready) + len(clean) <= self._most_begin:
                self._ready += clean
                return
            self._is_full = True
        self._keep(piece)

    def _keep(self, data: bytes) -> None:
        self._end.append(data)
        self._end_bytes += len(data)
        while self._end_bytes - len(self._end[0]) >= self._kept_end:
            gone = len(self._end.popleft())
            self._end_bytes -= gone
            self.dropped_bytes += gone

    def _clean(self, piece: bytes) -> bytes:
        text = piece.decode("utf-8", "surrogateescape")
        return self._lines.line(text).encode("utf-8", "surrogateescape")

    def _flush(self) -> None:
        ready, self._ready = memoryview(bytes(self._ready)), bytearray()
        with contextlib.suppress(OSError):
            while ready:
                count = self._file.write(ready)
                self.written_bytes += count
                ready = ready[count:]
        self.dropped_bytes += len(ready)


def _pieces(data: bytes, secrets: tuple[str, ...]) -> Iterator[bytes]:
    """Lines with their ends, long ones in pieces."""
    for line in data.splitlines(keepends=True):
        rest = line
        while len(rest) > _MOST_LINE_BYTES:
            cut = _safe_cut(rest[:_MOST_LINE_BYTES], secrets)
            yield rest[:cut]
            rest = rest[cut:]
        yield rest


def _safe_cut(data: bytes, secrets: tuple[str, ...]) -> int:
    """Where a long line may be cut so that no secret lies on both sides."""
    last = len(data) - _LOOKED_AROUND
    words = [found.end() for found in _BETWEEN.finditer(data, last - _LOOKED_AROUND, last)]
    steps = range(last, last - _MOST_CUTS * _LOOKED_AROUND, -_LOOKED_AROUND // 2)
    for cut in chain(reversed(words[-_MOST_CUTS:]), steps):
        left, right = _text(data[cut - _LOOKED_AROUND : cut]), _text(data[cut : cut + _LOOKED_AROUND])
        if redact_text(left, secrets) + redact_text(right, secrets) == redact_text(left + right, secrets):
            return cut
    return last


def _line_start(data: bytes, start: int) -> int:
    """The next beginning of a line, or in one long line of a word: half a secret would not be known for one."""
    line = _LINE_END.search(data, start)
    if line and line.end() < len(data):
        return int(line.end())
    beyond = min(len(data), start + _LOOKED_AROUND)
    word = _BETWEEN.search(data, beyond)
    return int(word.end()) if word else beyond


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")

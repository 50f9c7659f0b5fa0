"""Windows: which chunks are read together. Starts never move; the last window is cut short instead (seed 003)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import get_args

from evaltrail.core.document import Chunk
from evaltrail.core.errors import InputError
from evaltrail.core.generation import WindowScope

_MOST_TOLD = 10
_SCOPES: tuple[WindowScope, ...] = get_args(WindowScope)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Chunks that follow one another and are read together."""

    number: int
    """Of the window, from 1."""
    first: int
    """Number of its first chunk in the upload, from 1."""
    last: int
    """Number of its last chunk, which belongs to it."""

    def chunks_of(self, chunks: Sequence[Chunk]) -> tuple[Chunk, ...]:
        """Its chunks.

        Args:
            chunks: all of the upload, in order.
        """
        return tuple(chunks[self.first - 1 : self.last])


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """All windows over an upload."""

    windows: tuple[Window, ...]
    """In order; none is empty."""
    unused: tuple[int, ...] = ()
    """Numbers of the chunks that no window holds: those in the gaps of a step that is longer than the size."""

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """First and last chunk of each, from 1."""
        return tuple((window.first, window.last) for window in self.windows)

    @property
    def warning(self) -> str:
        """How many chunks are never used, in one line; empty where all are."""
        if not self.unused:
            return ""
        told = ", ".join(map(str, self.unused[:_MOST_TOLD])) + (", ..." if len(self.unused) > _MOST_TOLD else "")
        noun = "chunk is" if len(self.unused) == 1 else "chunks are"
        return f"{len(self.unused):,} {noun} never used ({told}): a window-step up to the window-size leaves none out"


def make_windows(count: int, *, size: int, step: int) -> Windows:
    """The windows over so many chunks: they begin at 1, 1+step, 1+2*step... until one ends at the last chunk.

    Args:
        count: chunks; 0 gives no windows.
        size: chunks a window.
        step: chunks from one window's first to the next one's.

    Raises:
        InputError: size or step is no positive whole number (``bad_window``).

    Source: seed 003, "POST data to server".
    """
    _check("window-size", size)
    _check("window-step", step)
    pairs = _pairs(1, count, size, step)
    return _windows(pairs, count)


def windows_over(chunks: Sequence[Chunk], *, size: int = 4, step: int = 2, scope: WindowScope = "upload") -> Windows:
    """The windows over the chunks of an upload.

    Args:
        chunks: all of them, in order, numbered from 1.
        size: chunks a window.
        step: chunks from one window's first to the next one's.
        scope: ``document`` begins anew with every file, so that no window holds chunks of two.

    Raises:
        InputError: size or step is no positive whole number, or there is no such scope (``bad_window``).
    """
    if read_scope(scope) == "upload":
        return make_windows(len(chunks), size=size, step=step)
    _check("window-size", size)
    _check("window-step", step)
    pairs: list[tuple[int, int]] = []
    first = 1
    for _, same in groupby(chunks, key=lambda chunk: chunk.source):
        last = first + sum(1 for _ in same) - 1
        pairs += _pairs(first, last, size, step)
        first = last + 1
    return _windows(pairs, len(chunks))


def read_scope(named: str, where: str = "window-scope") -> WindowScope:
    """The scope that a word names.

    Raises:
        InputError: there is no such scope (``bad_window``).
    """
    for scope in _SCOPES:
        if scope == named:
            return scope
    raise InputError(
        f"there is no window-scope {named!r:.40}",
        code="bad_window",
        where=where,
        hint="it is 'upload' (windows go over the ends of files) or 'document' (they do not)",
    )


def _pairs(first: int, last: int, size: int, step: int) -> Iterator[tuple[int, int]]:
    """First and last chunk of each window over a run of chunks."""
    for start in range(first, last + 1, step):
        end = min(start + size - 1, last)
        yield start, end
        if end == last:
            return


def _windows(pairs: Iterator[tuple[int, int]] | list[tuple[int, int]], count: int) -> Windows:
    windows = tuple(Window(number=number, first=first, last=last) for number, (first, last) in enumerate(pairs, 1))
    unused: list[int] = []
    used = 0
    for window in windows:
        unused += range(used + 1, window.first)
        used = window.last
    return Windows(windows=windows, unused=(*unused, *range(used + 1, count + 1)))


def _check(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InputError(
            f"{name} is {value!r}, and no positive whole number",
            code="bad_window",
            where=name,
            hint="a window of 4 chunks every 2 chunks is usual",
        )

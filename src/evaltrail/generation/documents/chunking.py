"""Chunking: running text cut at paragraph ends into pieces whose places in it are known."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

TARGET = 1_000
"""Characters that a chunk has if the paragraphs allow it."""
LIMIT = 2_000
"""Characters that no chunk exceeds."""
SMALL = 500
"""A chunk below this takes one more paragraph as long as the limit allows."""

_SOLID = re.compile(r"\S")
_BLANK_LINE = re.compile(r"\n[^\S\n]*+\n\s*+|\r[^\S\r\n]*+\r\s*+|\f\s*+")
"""Two newlines with nothing solid between them; ``\\r`` counts as blank, so that Windows' newlines are found too."""
_LINE = re.compile(r"[^\n]*+\n|[^\n]++")
_HEADING = re.compile(r" {0,3}#{1,6}(?:\s|$)")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_SENTENCE_END = re.compile(r"[.!?\u2026][\"'\u2019\u201d\u00bb)\]]*(?=\s)|[\u3002\uff01\uff1f][\u300d\u300f\u201d]*")
_LINE_END = re.compile(r"(?=\n)")
_SPACE = re.compile(r"(?=\s)")


@dataclass(frozen=True, slots=True)
class Span:
    """From a first character to behind the last."""

    start: int
    end: int


def chunk_spans(text: str, *, is_markdown: bool = False) -> Iterator[Span]:
    """Where the chunks of a text are: in order, apart, and between them nothing but white space.

    Paragraphs go together up to about 1,000 characters. One over 2,000 is cut at sentence ends, else at line ends,
    else at spaces, else wherever the limit is.

    Args:
        text: running text.
        is_markdown: headings stay with what follows them, and blank lines within code end no paragraph.
    """
    start = end = -1
    for unit in _units(text, _markdown_blocks(text) if is_markdown else _paragraphs(text)):
        length = unit.end - start
        if start >= 0 and length > TARGET and (end - start >= SMALL or length > LIMIT):
            yield Span(start, end)
            start = -1
        start, end = (unit.start if start < 0 else start), unit.end
    if start >= 0:
        yield Span(start, end)


def _paragraphs(text: str) -> Iterator[Span]:
    start = 0
    for blank in _BLANK_LINE.finditer(text):
        yield Span(start, blank.start())
        start = blank.end()
    yield Span(start, len(text))


def _markdown_blocks(text: str) -> Iterator[Span]:
    start = 0
    fence = ""
    has_body = False
    for line in _LINE.finditer(text):
        opened = _FENCE.match(line[0])
        if fence:
            fence = "" if opened and opened[1].startswith(fence) else fence
        elif opened:
            fence, has_body = opened[1], True
        elif not line[0].strip() or _HEADING.match(line[0]):
            if has_body:
                yield Span(start, line.start())
                start, has_body = line.start(), False
        else:
            has_body = True
    yield Span(start, len(text))


def _units(text: str, blocks: Iterator[Span]) -> Iterator[Span]:
    """The blocks without the white space around them, those over the limit in pieces."""
    for block in blocks:
        body = text[block.start : block.end]
        end = block.start + len(body.rstrip())
        start = end - len(body.strip())
        most = LIMIT
        while end - start > most:
            most = TARGET + SMALL  # what is cut once is cut evenly: no long rest behind short pieces
            cut = _cut(text, start)
            yield Span(start, start + len(text[start:cut].rstrip()))
            found = _SOLID.search(text, cut, end)
            start = found.start() if found else end
        if start < end:
            yield Span(start, end)


def _cut(text: str, start: int) -> int:
    """Where the next piece of a long paragraph ends; it begins with something solid, so it is never empty."""
    for place in (_SENTENCE_END, _LINE_END, _SPACE):
        best = 0
        for found in place.finditer(text, start + 1, start + LIMIT):
            if best >= start + SMALL and found.end() > start + TARGET:
                break
            best = found.end()
        if best >= start + SMALL or (best and place is _SPACE):
            return best
    return start + LIMIT

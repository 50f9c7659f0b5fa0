"""Sentences: where those of a text begin and end. Headings, table lines and what has no closing mark are none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_FILE = Path(__file__).with_name("abbreviations.txt")
_HEADING_CHARACTERS = 50
"""A line that is shorter, has no closing mark and is followed by a capital letter is a heading or an item."""

_LINE = re.compile(r"[^\n]*\n?")
_ITEM = re.compile(r"\s*(?:[-*\u2022\u25aa\u2023>#|]+|\d{1,3}[.)]|\(?[a-z]\))\s+")
_MARK = re.compile(r"[.!?\u2026]+[\"')\]\u201d\u2019\u00bb*_]*(?=\s|$)|[\u3002\uff01\uff1f]+[\u300d\u300f\u201d]*")
_CLOSED = re.compile(r"[.!?:;\u2026\u3002\uff01\uff1f][\"')\]\u201d\u2019\u00bb*_]*\s*$")
_INITIALS = re.compile(r"(?:[^\W\d_]\.)*[^\W\d_]")
_OPENING = "\"'([\u201c\u2018\u00ab*_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """A sentence and where it stands."""

    text: str
    """As it is, line ends included; ``text[start:end]`` of what it was found in."""
    start: int
    end: int


def sentences_of(text: str) -> Iterator[Sentence]:
    """The sentences of a text in their order, each from its first word to its closing mark.

    A full stop behind an abbreviation, an initial or within a number ends none, nor does one before a small letter.
    """
    for first, last in _blocks(text):
        item = _ITEM.match(text, first, last)
        start = item.end() if item else first
        for mark in _MARK.finditer(text, start, last):
            if not _ends(text, start, mark, last):
                continue
            found = text[start : mark.end()]
            begin = start + len(found) - len(found.lstrip())
            if begin < mark.start():
                yield Sentence(text=text[begin : mark.end()], start=begin, end=mark.end())
            start = mark.end()


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    """Runs of lines that belong together."""
    start = 0
    previous = ""
    for found in _LINE.finditer(text):
        line = found[0]
        if previous and _begins_block(previous, line):
            yield start, found.start()
            start = found.start()
        previous = line
    if start < len(text):
        yield start, len(text)


def _begins_block(previous: str, line: str) -> bool:
    if not line.strip() or not previous.strip() or _ITEM.match(line) or previous.lstrip().startswith(("#", "|")):
        return True
    is_short = len(previous.rstrip()) < _HEADING_CHARACTERS and not _CLOSED.search(previous)
    return is_short and not line.lstrip()[:1].islower()


def _ends(text: str, start: int, mark: re.Match[str], last: int) -> bool:
    after = text[mark.end() : min(mark.end() + 40, last)].lstrip()
    opened = after.lstrip(_OPENING)[:1]
    if opened.islower():
        return False
    if mark[0][0] != "." or mark[0].startswith(".."):
        return True
    before = text[max(start, mark.start() - 40) : mark.start()].split()
    word = before[-1].lstrip(_OPENING) if before else ""
    if _INITIALS.fullmatch(word):
        # A sentence may well end with "U.S." or "vitamin C.", but cutting one in two is worse than joining two.
        return not after or not (word[:1].isupper() or word.casefold() in _abbreviations())
    needs_number = _abbreviations().get(word.casefold())
    return needs_number is None or not after or (needs_number and not opened.isdigit())


@cache
def _abbreviations() -> dict[str, bool]:
    """Abbreviation to whether it is one only before a number."""
    lines = (line.strip() for line in _FILE.read_text(encoding="utf-8").splitlines())
    listed = (line.partition("#") for line in lines if line and not line.startswith("#"))
    return {word.strip(): bool(sign) for word, sign, _ in listed}

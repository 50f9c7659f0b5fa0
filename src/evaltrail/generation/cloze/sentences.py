"""Sentences: where those of a text begin and end. Headings, captions, table lines, what has no end mark are none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_FILE = Path(__file__).with_name("abbreviations.txt")
_ORDINALS = Path(__file__).with_name("ordinals.txt")
_HEADING_CHARACTERS = 50
"""A line that is shorter, has no closing mark and is followed by a capital letter is a heading or an item..."""
_RUNNING_SHARE = 1 / 3
"""Of the lines of running text begin at least so many with a small letter."""
_FULL_SHARE = 0.75
"""...unless it is as long as lines of its text are, but for so much: those of a narrow column are short."""
_WIDTH_RANK = 0.75
"""Share of the lines that are at most as long as lines of the text are taken to be."""

_LEADER = re.compile(r"\.(?:\s+\.){2,}")
"""The dots from an entry of a table of contents to its page."""
_OPEN_END = re.compile(
    r"\b(?:an?|the|of|and|or|is|are|was|were|by|in|to|for|with|at|from|on|as|that|der|die|das|und|von|mit)$"
)
"""Words that no heading ends with."""
_PAGE_HEAD = re.compile(r"[^\n]{1,80}\s\d{1,3}\s*")
"""The first line of a text that ends with a page's number, not with a mark."""
_LINE = re.compile(r"[^\n]*\n?")
_ITEM = re.compile(r"\s*(?:[-*\u2022\u25aa\u2023>#|]+|\d{1,3}[.)]|\(?[a-z]\)|\[\^\w+\]:)\s+")
_MARK = re.compile(
    r"[.!?\u2026]+[\"')\]\u201d\u2019\u00bb*_]*(?=\s|$)|[\u3002\uff01\uff1f]+[\u300d\u300f\u201d]*"
    r"|(?<=[^\W\d_]{3})[.!?](?=(?:\d{1,2}|\[\^?\w{1,3}\])(?:\s|$))"
)
_NOTE = re.compile(r"\d{1,2}(?=\s|$)|\[\^?\w{1,3}\]")
"""The sign of a footnote behind a closing mark."""
_CAPTION = re.compile(r"(?:table|figure|fig|tabelle|tab|abbildung|abb|tableau|tabla|figura)\.?\s\d+[.:]", re.IGNORECASE)
_CLOSED = re.compile(r"[.!?:;\u2026\u3002\uff01\uff1f][\"')\]\u201d\u2019\u00bb*_]*\s*$")
_INITIAL = re.compile(r"[^\W\d_]\.")
_LETTERS = re.compile(r"[^\W\d_]+")
_ORDINAL_DIGITS = 2
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

    A full stop behind an abbreviation, an initial, an ordinal or within a number ends none, nor does one before a
    small letter. The sign of a footnote behind a closing mark belongs to no sentence.
    """
    for first, last in _blocks(text):
        item = _ITEM.match(text, first, last)
        start = item.end() if item else first
        for mark in _MARK.finditer(text, start, last):
            if mark.start() < start:
                continue
            if leader := _LEADER.match(text, mark.start(), last):
                start = leader.end()
                continue
            if not _ends(text, start, mark, last):
                continue
            found = text[start : mark.end()]
            begin = start + len(found) - len(found.lstrip())
            if begin < mark.start() and not _CAPTION.match(text, begin):
                yield Sentence(text=text[begin : mark.end()], start=begin, end=mark.end())
            note = _NOTE.match(text, mark.end())
            start = note.end() if note else mark.end()


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    """Runs of lines that belong together."""
    most = _heading_characters(text)
    start = 0
    previous = ""
    for found in _LINE.finditer(text):
        line = found[0]
        is_head = bool(previous) and found.start() == len(previous) and bool(_PAGE_HEAD.fullmatch(previous))
        if previous and (is_head or _begins_block(previous, line, most)):
            yield start, found.start()
            start = found.start()
        previous = line
    if start < len(text):
        yield start, len(text)


def _begins_block(previous: str, line: str, most: int) -> bool:
    if not line.strip() or not previous.strip() or _ITEM.match(line) or previous.lstrip().startswith(("#", "|")):
        return True
    is_short = len(previous.rstrip()) < most and not (_CLOSED.search(previous) or _OPEN_END.search(previous.rstrip()))
    return is_short and not line.lstrip()[:1].islower()


def _heading_characters(text: str) -> int:
    """Characters below which a line of the text may be a heading; fewer where a column is so narrow that all are."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if _RUNNING_SHARE * len(lines) > sum(line[0].islower() for line in lines):
        return _HEADING_CHARACTERS
    widths = sorted(map(len, lines)) or [0]
    return min(_HEADING_CHARACTERS, int(_FULL_SHARE * widths[int(_WIDTH_RANK * (len(widths) - 1))]))


def _ends(text: str, start: int, mark: re.Match[str], last: int) -> bool:
    note = _NOTE.match(text, mark.end(), last)
    behind = note.end() if note else mark.end()
    after = text[behind : min(behind + 40, last)].lstrip()
    opened = after.lstrip(_OPENING)[:1]
    if opened.islower():
        return False
    if mark[0][0] != "." or mark[0].startswith(".."):
        return True
    said = text[max(start, mark.start() - 40) : mark.start()]
    if _CAPTION.fullmatch(said.strip() + mark[0]):
        return False
    before = said.split()
    word = before[-1].lstrip(_OPENING) if before else ""
    if _INITIALS.fullmatch(word):
        # A sentence may well end with "U.S." or "vitamin C.", but cutting one in two is worse than joining two.
        parts = [*before[-2:-1], word] if before[-2:-1] and _INITIAL.fullmatch(before[-2]) else [word]
        is_short_form = bool(_INITIAL.match(after)) or "".join(parts).casefold() in _abbreviations()
        return not after or not (word[:1].isupper() or is_short_form)
    if word.isdigit() and _is_ordinal(before, after):
        return False
    needs_number = _abbreviations().get(word.casefold())
    return needs_number is None or not after or (needs_number and not opened.isdigit())


def _is_ordinal(before: list[str], after: str) -> bool:
    """Whether the number that words end with is an ordinal with a full stop, as German has them."""
    next_word = _LETTERS.match(after)
    beside = {f"{before[-2].casefold()} _" if before[1:] else "", f"_ {next_word[0].casefold()}" if next_word else ""}
    return bool(next_word) and len(before[-1]) <= _ORDINAL_DIGITS and not beside.isdisjoint(_ordinals())


@cache
def _ordinals() -> frozenset[str]:
    """Words beside a number, which is ``_``, that make an ordinal of it."""
    lines = _ORDINALS.read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


@cache
def _abbreviations() -> dict[str, bool]:
    """Abbreviation to whether it is one only before a number."""
    lines = (line.strip() for line in _FILE.read_text(encoding="utf-8").splitlines())
    listed = (line.partition("#") for line in lines if line and not line.startswith("#"))
    return {word.strip(): bool(sign) for word, sign, _ in listed}

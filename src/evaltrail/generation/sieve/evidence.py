"""evidence: whether the words that a draft quotes stand in its passage, and where to the character."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from evaltrail.core.document import Chunk
from evaltrail.generation.drafts import Draft, Passage
from evaltrail.generation.sieve.figures import check_figures
from evaltrail.generation.sieve.gate import Gated
from evaltrail.generation.sieve.words import UNSPACED

MAX_EVIDENCE_CHARACTERS = 20_000
"""Longer quotations are not looked for."""
MAX_PARTIAL_CHARACTERS = 200_000
"""Of a chunk in which the nearest words are looked for where the quotation is not found as it is."""

_AROUND = " \t\r\n\"'\u201c\u201d\u2018\u2019\u00ab\u00bb`*"
_END = ".,;:!?\u2026\u3002"
_WORD = re.compile(r"\w+")
# Signs that are written in several ways; models do not keep to the passage's.
_SIGNS = {
    **dict.fromkeys("'`\u2018\u2019\u201b\u00b4", "['`\u2018\u2019\u201b\u00b4]"),
    **dict.fromkeys('"\u201c\u201d\u201e\u00ab\u00bb', '["\u201c\u201d\u201e\u00ab\u00bb]'),
    **dict.fromkeys("-\u2010\u2011\u2012\u2013\u2014\u2212", "[-\u2010\u2011\u2012\u2013\u2014\u2212]"),
    "\u2026": r"(?:\u2026|\.\.\.)",
}
# Letters that a PDF may hold as one sign.
_LIGATURES = re.compile(r"ffi|ffl|ff|fi|fl")
_LIGATURE = {"ffi": "\ufb03", "ffl": "\ufb04", "ff": "\ufb00", "fi": "\ufb01", "fl": "\ufb02"}
# What may part a word: a hyphen, for where a line ends that is the word's own or not, and a line's end between signs
# that have no blanks between them.
_BREAK = re.compile(rf"(?<=[^\W\d_])[-\u2010]\n?(?=[^\W\d_])|\u00ad\n?|(?<=[{UNSPACED}])\s*\n\s*(?=[{UNSPACED}])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Characters of a chunk."""

    chunk: int
    """Place among the chunks that were searched, from 0."""
    start: int
    """First character in the chunk's own text."""
    end: int
    """Behind the last one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What came of a search for evidence."""

    gated: Gated
    span: Span | None
    """Where it stands, or the longest part of it that stands somewhere; None where no word does or none is needed."""


def find_evidence(draft: Draft, passage: Passage, *, threshold: float = 1.0) -> Found:
    """Where a draft's evidence stands, and whether that lets it pass.

    An unanswerable question needs none and passes. The numbers of a numeric answer have to stand in the passage, else
    it does not pass wherever its evidence stands.

    Args:
        draft: as it was written.
        passage: what it was written from.
        threshold: share of the quoted words that have to stand there in one piece; 1 = all of them.
    """
    if draft.type == "unanswerable":
        return Found(gated=Gated(score=1.0, passed=True), span=None)
    found = find_quotation(draft.evidence, passage.chunks, threshold=threshold)
    if draft.type != "numeric" or not found.gated.passed:
        return found
    figures = check_figures(draft.response, [chunk.text for chunk in passage.chunks])
    return found if figures.passed else Found(gated=figures, span=found.span)


def find_quotation(quotation: str, chunks: Sequence[Chunk], *, threshold: float = 1.0) -> Found:
    """The first place where a quotation stands, letter for letter before all others.

    Case, white space, the shape of quotes and dashes, ligatures, words that a line's end breaks, and marks around it
    may differ; the span is then that of the chunk's own words. Elsewhere the score is the share of its words that
    stand in a chunk in one piece.
    """
    plain = quotation.strip(_AROUND)
    if not _WORD.search(plain):
        return Found(gated=Gated.at_least(0.0, threshold, "no words are quoted"), span=None)
    if len(plain) > MAX_EVIDENCE_CHARACTERS:
        return Found(gated=Gated.at_least(0.0, threshold, "the quotation is too long"), span=None)
    span = _exact(quotation.strip(), chunks) or _exact(plain, chunks) or _alike(plain, chunks)
    if span:
        return Found(gated=Gated.at_least(1.0, threshold), span=span)
    score, span = _nearest(plain, chunks)
    return Found(
        gated=Gated.at_least(score, threshold, f"{score:.0%} of the words stand there in one piece"), span=span
    )


def _exact(quotation: str, chunks: Sequence[Chunk]) -> Span | None:
    for place, chunk in enumerate(chunks):
        start = chunk.text.find(quotation)
        if start >= 0:
            return Span(chunk=place, start=start, end=start + len(quotation))
    return None


def _alike(quotation: str, chunks: Sequence[Chunk]) -> Span | None:
    words = unicodedata.normalize("NFKC", quotation).strip(_AROUND + _END).split()
    if not words:
        return None
    mark = r"[.!?\u2026\u3002]?" if quotation[-1] in _END else ""
    pattern, unbroken = (_wording(each, mark) for each in (words, _BREAK.sub("", " ".join(words)).split()))
    for place, chunk in enumerate(chunks):
        found = pattern.search(chunk.text)
        if found:
            return Span(chunk=place, start=found.start(), end=found.end())
        breaks = list(_BREAK.finditer(chunk.text))
        found = unbroken.search(_BREAK.sub("", chunk.text)) if breaks else None
        if found:
            return Span(chunk=place, start=_before(found.start(), breaks), end=_before(found.end() - 1, breaks) + 1)
    return None


def _wording(words: Sequence[str], mark: str) -> re.Pattern[str]:
    wording = r"\s+".join(map(_word_pattern, words))
    return re.compile(rf"(?<![^\W{UNSPACED}]){wording}(?![^\W{UNSPACED}]){mark}", re.IGNORECASE)


def _before(place: int, breaks: Sequence[re.Match[str]]) -> int:
    """Where a character stood before the breaks were taken out."""
    for each in breaks:
        if each.start() > place:
            break
        place += len(each[0])
    return place


def _word_pattern(word: str) -> str:
    parts, done = [], 0
    for found in _LIGATURES.finditer(word):
        parts += [_signs(word[done : found.start()]), f"(?:{found[0]}|{_LIGATURE[found[0]]})"]
        done = found.end()
    return "".join([*parts, _signs(word[done:])])


def _signs(text: str) -> str:
    return "".join(_SIGNS.get(sign) or re.escape(sign) for sign in text)


def _nearest(quotation: str, chunks: Sequence[Chunk]) -> tuple[float, Span | None]:
    """The greatest share of the quotation's words that stands somewhere in one piece, below 1, and where."""
    wanted = [word.casefold() for word in _WORD.findall(quotation)]
    best, span = 0, None
    for place, chunk in enumerate(chunks):
        there = list(_WORD.finditer(chunk.text, 0, MAX_PARTIAL_CHARACTERS))
        matcher = SequenceMatcher(None, wanted, [word[0].casefold() for word in there], autojunk=False)
        match = matcher.find_longest_match()
        if match.size > best:
            best = match.size
            last = there[match.b + match.size - 1]
            span = Span(chunk=place, start=there[match.b].start(), end=last.end())
    # All its words may stand there, with other signs between them: that is not word for word.
    return min(best / len(wanted), 0.99), span

"""flesch_kincaid and ari: the school grade that a text asks of its readers, as textstat counts it."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass

from evaltrail.core.metric import Better
from evaltrail.core.sample import Sample, Score
from evaltrail.scoring.grader import NO_OUTPUT, TOO_LONG
from evaltrail.scoring.syllables import count_syllables

MAX_CHARACTERS = 1_000_000
"""Longer answers are unscored (``too_long``)."""

_NO_WORDS = Score(reason="no_words")
_SENTENCE = re.compile(r"\b[^.!?]+[.!?]*")
_SIGNS = re.compile(r"[^\w\s']|'(?!(?:[tsd]|ve|ll|re))")
_SHORT_SENTENCE = 2
"""Words up to which what stands between full stops is no sentence: ``e.g.``, ``3.5``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What both grades are computed from."""

    words: tuple[str, ...]
    """In lower case, without signs but for the apostrophe of ``don't``; hyphenated words are one."""
    pieces: int
    """Runs between white space, signs on their own among them."""
    characters: int
    """Without white space."""
    sentences: int
    """At least 1."""


class Readability(ABC):
    """A grade of the graded text; it observes, and harder is neither better nor worse.

    Made for English; a text without a word is unscored (``no_words``).
    """

    name: str
    better: Better = "neither"
    unit: str = "grade"
    source: str
    is_grade: bool = False

    def score(self, sample: Sample) -> Score:
        """The grade of one text."""
        text = sample.graded
        if text is None:
            return NO_OUTPUT
        if len(text) > MAX_CHARACTERS:
            return TOO_LONG
        figures = read_figures(text)
        return Score(value=self.grade(figures), source=self.source) if figures.words else _NO_WORDS

    @abstractmethod
    def grade(self, figures: Figures) -> float:
        """The grade; at least one word stands in the text."""


class FleschKincaid(Readability):
    """0.39 words a sentence + 11.8 syllables a word - 15.59 (Kincaid et al. 1975).

    textstat's ``flesch_kincaid_grade`` but for the syllables of single words (see ``count_syllables``): within 0.7 on
    English prose of 50 words and more, mostly within 0.3. Where single words decide (short answers, names,
    abbreviations) or the text is in another language, both guess, and differently.
    """

    name = "flesch_kincaid"
    source = "flesch_kincaid/1"

    def grade(self, figures: Figures) -> float:
        """The grade by words a sentence and syllables a word."""
        words = figures.words
        syllables = sum(map(count_syllables, words))
        return 0.39 * len(words) / figures.sentences + 11.8 * syllables / len(words) - 15.59


class Ari(Readability):
    """4.71 characters a word + 0.5 words a sentence - 21.43 (Smith and Senter 1967): textstat's, on any text."""

    name = "ari"
    source = "ari/1"

    def grade(self, figures: Figures) -> float:
        """The grade by characters a word and words a sentence."""
        return 4.71 * figures.characters / figures.pieces + 0.5 * len(figures.words) / figures.sentences - 21.43


def read_figures(text: str) -> Figures:
    """Words, sentences and characters of a text.

    Source: textstat 0.7.13, whose counts these are.
    """
    pieces = text.split()
    sentences = sum(len(_words(sentence)) > _SHORT_SENTENCE for sentence in _SENTENCE.findall(text))
    return Figures(
        words=tuple(_words(text.lower())),
        pieces=len(pieces),
        characters=sum(map(len, pieces)),
        sentences=max(1, sentences),
    )


def _words(text: str) -> list[str]:
    return _SIGNS.sub("", text).split()

"""Answers: how far two of them agree, and whether one says that there is none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from evaltrail.generation.sieve.figures import Figure, figures_of
from evaltrail.generation.sieve.words import content_words
from evaltrail.scoring.abstention import abstains
from evaltrail.scoring.normal_form import bare

CONTAINED = 0.9
"""Agreement of an answer that holds the reference within a sentence of its own."""
PARTLY = 0.6
"""Agreement of an answer that is a good part of the reference, and nothing else, at least."""

_MORE_WORDS = 30
"""So many more than twice the reference's an answer may have and still be one that holds it."""
_SHORT_WORDS = 6
"""A reference of so few words stands or falls with its number."""
_ANSWER_START_CHARACTERS = 200
"""In which an answer that there is none says so."""

_FILE = Path(__file__).with_name("answers.yaml")


@dataclass(frozen=True, slots=True)
class _Phrases:
    whole: frozenset[str]
    within: tuple[str, ...]
    negations: frozenset[str]


def says_unanswerable(text: str) -> bool:
    """Whether an answer says that the question cannot be answered; an empty one does not."""
    plain = bare(text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"))
    phrases = _phrases()
    start = plain[:_ANSWER_START_CHARACTERS]
    return plain in phrases.whole or abstains(text) or any(phrase in start for phrase in phrases.within)


def agreement(given: str, reference: str) -> float:
    """How far an answer agrees with the reference, in [0, 1].

    1 where both are the same but for case, marks, articles and the way in which numbers are written, or where the
    reference is a number and the answer's only one equals it; 0.9 where the answer holds the reference as whole words
    and is not much longer; else the F1 of their words. Two that say there is no answer agree, one does not
    agree with another answer. A short reference whose number the answer does not hold is not agreed with, and a
    negation in only one of them halves the agreement.
    """
    given_figures, figures = figures_of(given), figures_of(reference)
    found, wanted = _tokens(given, given_figures), _tokens(reference, figures)
    if not found or not wanted:
        return float(bool(bare(given)) and bare(given) == bare(reference))
    if found == wanted:
        return 1.0
    silent = (says_unanswerable(given), says_unanswerable(reference))
    if any(silent):
        return float(all(silent))
    if figures and len(wanted) <= _SHORT_WORDS:
        if not all(any(figure.equals(other) for other in given_figures) for figure in figures):
            return 0.0
        if len(figures) == len(given_figures) == 1 and (len(wanted) == 1 or len(found) == 1):
            return 1.0
    share = _overlap(found, wanted)
    return share if _is_negated(given) == _is_negated(reference) else share / 2


def _overlap(found: Sequence[str], wanted: Sequence[str]) -> float:
    common = (Counter(found) & Counter(wanted)).total()
    score = 2 * common / (len(found) + len(wanted))
    if _holds(found, wanted) and len(found) <= 2 * len(wanted) + _MORE_WORDS:
        return max(score, CONTAINED)
    if _holds(wanted, found) and 3 * len(found) >= len(wanted):
        return max(score, PARTLY)
    return score


def _holds(words: Sequence[str], part: Sequence[str]) -> bool:
    return f" {' '.join(part)} " in f" {' '.join(words)} "


def _tokens(text: str, figures: Sequence[Figure]) -> list[str]:
    """The words, each number as one that no other way of writing it changes."""
    parts, done = [], 0
    for figure in figures:
        number = f"{figure.value:.12g}".replace("-", "minus").replace(".", "point")
        parts += [text[done : figure.start], f" {number} "]
        done = figure.end
    return content_words("".join([*parts, text[done:]]))


def _is_negated(text: str) -> bool:
    plain = text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").casefold()
    return not _phrases().negations.isdisjoint(word.strip('.,;:!?"()') for word in plain.split())


@cache
def _phrases() -> _Phrases:
    lists = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return _Phrases(
        whole=frozenset(phrase.casefold() for phrase in lists["whole"]),
        within=tuple(phrase.casefold() for phrase in lists["within"]),
        negations=frozenset(lists["negations"]),
    )

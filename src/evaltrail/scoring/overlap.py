"""Metrics that count shared words: token_f1 (SQuAD) and ROUGE-1, 2, L and Lsum (Lin 2004)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from itertools import pairwise

from evaltrail.core.sample import Score
from evaltrail.scoring.grader import TOO_LONG, TextGrader
from evaltrail.scoring.lcs import Words
from evaltrail.scoring.normal_form import squad_tokens

MAX_CELLS = 400_000_000
"""Words of the text times words of the reference at most for ROUGE-L and ROUGE-Lsum, such as 20,000 each."""
MAX_STEPS = 1_000_000
"""Words of the one times lines of the other text at most for ROUGE-Lsum, both ways added up."""

_WORD = re.compile(r"[a-z0-9]+")


class _TooLongError(Exception):
    """The texts pass the stated limits."""


class TokenF1(TextGrader):
    """F1 of the words shared with the best reference; 1 when neither has any, 0 when one has none.

    Source: Rajpurkar et al. 2018, SQuAD 2.0's evaluation script, words as there.
    """

    name = "token_f1"

    def grade(self, text: str, references: tuple[str, ...]) -> Score:
        """The best F1 over the references."""
        found = squad_tokens(text)
        best = max(_token_f1(found, squad_tokens(reference)) for reference in references)
        return Score(value=best, source=self.source)


class Rouge(TextGrader):
    """ROUGE's f-measure with the best reference, equal to the package rouge-score without its stemmer.

    Words are runs of the letters a-z and digits. Texts beyond ``MAX_CELLS`` or ``MAX_STEPS`` are unscored
    (``too_long``).

    Args:
        name: the metric's name.
        compare: f-measure of a text and a reference, both in lower case.
    """

    def __init__(self, name: str, compare: Callable[[str, str], float]) -> None:
        self.name = name
        super().__init__()
        self._compare = compare

    def grade(self, text: str, references: tuple[str, ...]) -> Score:
        """The best f-measure over the references."""
        lower = text.lower()
        try:
            best = max(self._compare(lower, reference.lower()) for reference in references)
        except _TooLongError:
            return TOO_LONG
        return Score(value=best, source=self.source)


def rouge1() -> Rouge:
    """ROUGE-1: shared words."""
    return Rouge("rouge1", lambda text, reference: _shared(_words(text), _words(reference)))


def rouge2() -> Rouge:
    """ROUGE-2: shared pairs of neighbouring words."""
    return Rouge("rouge2", lambda text, reference: _shared(_pairs(_words(text)), _pairs(_words(reference))))


def rouge_l() -> Rouge:
    """ROUGE-L: the longest common subsequence of words."""
    return Rouge("rougeL", lambda text, reference: _rouge_l(_words(text), _words(reference)))


def rouge_lsum() -> Rouge:
    """ROUGE-Lsum: the union of longest common subsequences, line by line."""
    return Rouge("rougeLsum", lambda text, reference: _rouge_lsum(_lines(text), _lines(reference)))


def _token_f1(found: list[str], wanted: list[str]) -> float:
    if not found or not wanted:
        return float(found == wanted)
    return _shared(found, wanted)


def _shared(found: Sequence[Hashable], wanted: Sequence[Hashable]) -> float:
    """F1 of two bags."""
    left: dict[Hashable, int] = {}
    for word in wanted:
        left[word] = left.get(word, 0) + 1
    hits = 0
    for word in found:
        if left.get(word, 0):
            left[word] -= 1
            hits += 1
    return _f_measure(hits, len(found), len(wanted))


def _f_measure(hits: int, found: int, wanted: int) -> float:
    return 2.0 * hits / (found + wanted) if hits else 0.0


def _words(text: str) -> list[str]:
    return _WORD.findall(text)


def _lines(text: str) -> list[list[str]]:
    return [words for line in text.split("\n") if (words := _words(line))]


def _pairs(words: list[str]) -> list[tuple[str, str]]:
    return list(pairwise(words))


def _rouge_l(found: list[str], wanted: list[str]) -> float:
    if len(found) * len(wanted) > MAX_CELLS:
        raise _TooLongError
    return _f_measure(Words(found, set(wanted)).lcs_length(wanted), len(found), len(wanted))


def _rouge_lsum(found: list[list[str]], wanted: list[list[str]]) -> float:
    """Lin 2004, section 3.2, each word counted at most as often as it stands in either text."""
    found_left = Counter(word for line in found for word in line)
    wanted_left = Counter(word for line in wanted for word in line)
    found_total, wanted_total = found_left.total(), wanted_left.total()
    steps = wanted_total * len(found) + found_total * len(wanted)
    if found_total * wanted_total > MAX_CELLS or steps > MAX_STEPS:
        raise _TooLongError
    lines = [Words(line, wanted_left) for line in found]
    hits = 0
    for line in wanted:
        for place in sorted({place for other in lines for place in other.lcs_positions(line)}):
            word = line[place]
            if found_left[word] > 0 and wanted_left[word] > 0:
                hits += 1
                found_left[word] -= 1
                wanted_left[word] -= 1
    return _f_measure(hits, found_total, wanted_total)

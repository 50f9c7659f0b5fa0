"""Scale: the scores that a rubric knows, told outright or read from its grading prompt."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from evaltrail.core.errors import InputError
from evaltrail.scoring.judging.words import words

Value = float | bool | str

_OPPOSITES = (
    ("yes", "no"),
    ("true", "false"),
    ("pass", "fail"),
    ("passed", "failed"),
    ("correct", "incorrect"),
    ("safe", "unsafe"),
    ("relevant", "irrelevant"),
    ("good", "bad"),
)
"""Verdicts that are right or wrong: True and False."""
_SPELLED = {
    "zero": "0",
    "one": "1",
    "two": "2",
    "three": "3",
    "four": "4",
    "five": "5",
    "six": "6",
    "seven": "7",
    "eight": "8",
    "nine": "9",
    "ten": "10",
}
_CUE = re.compile(
    r"\b(scale|scales|range|ranging|rate|rated|rating|score|scores|scored|grade|graded|from|between|points?|stars?|assign"
    r"|skala|bewerte|note[nrz]?|von|escala|échelle|entre|de|scala|шкал\w*|от)\W*(?:\w+\W+){0,4}$"
)
_CUE_CHARACTERS = 60
_AMOUNT = re.compile(
    r"[\s%-]*(?:short |full |complete )?(word|sentence|character|paragraph|line|token|item|example|bullet|minute|second"
    r"|hour|day|week|month|year|time|step|page|part|criteri|aspect|wort|wörter|satz|sätze|mots?|phrases?|palabras?|frases?)"
)
"""What follows a range that is no range of scores."""
_BAND = re.compile(r"\s*[:=]\s")
"""What follows a part of a scale: "4-7: mostly right"."""
_SCALE_BEHIND = re.compile(r"[\s-]*(?:\w+[\s-]+)?(?:scale|skala|escala|échelle|scala|шкал)")
"""What says so behind the range: "a 1-5 Likert scale"."""
_NUMBER = r"-?\d{1,6}(?:[.,]\d{1,4})?"
_BRACKETS = re.compile(r"\[\s*(-?\d{1,6}(?:\.\d{1,4})?)\s*[,;]\s*(-?\d{1,6}(?:\.\d{1,4})?)\s*\]")
"""A range as mathematics writes it, such as "[0, 1]"."""
_MOST_CHOICES = 11


@dataclass(frozen=True, slots=True)
class Scale:
    """A range of numbers, or a list of words."""

    low: float = 1.0
    high: float = 5.0
    labels: tuple[tuple[str, Value], ...] = ()
    """Each word that may be said, with the value it stands for; empty where numbers are said."""

    @property
    def is_whole(self) -> bool:
        """Whether only whole numbers are asked for: a range of whole ends that is wider than 0..1."""
        return self.low == int(self.low) and self.high == int(self.high) and self.high - self.low > 1

    @property
    def unit(self) -> str:
        """``1`` where the value is a share or a bool, else the range, such as ``1..5``; empty for words."""
        if self.labels:
            return "" if any(isinstance(value, str) for _, value in self.labels) else self._unit_of_labels()
        return "1" if (self.low, self.high) == (0.0, 1.0) else f"{self.low:g}..{self.high:g}"

    @property
    def choices(self) -> tuple[str, ...]:
        """Every answer where there are few."""
        if self.labels:
            return tuple(word for word, _ in self.labels)
        if self.is_whole and self.high - self.low < _MOST_CHOICES:
            return tuple(str(number) for number in range(int(self.low), int(self.high) + 1))
        return (f"{self.low:g}", f"{(self.low + self.high) / 2:g}", f"{self.high:g}")

    def told(self) -> str:
        """What a model is told that it may answer."""
        if self.labels:
            return "one of " + ", ".join(f'"{word}"' for word, _ in self.labels)
        kind = "a whole number" if self.is_whole else "a number"
        return f"{kind} from {self.low:g} to {self.high:g}"

    def shown(self) -> str:
        """What a person is told that the scores are: ``whole numbers 1 to 5``, ``yes or no``."""
        if self.labels:
            return " or ".join(word for word, _ in self.labels)
        return f"{'whole numbers' if self.is_whole else 'numbers'} {self.low:g} to {self.high:g}"

    def holds(self, number: float) -> bool:
        """Whether a number lies in the range."""
        return self.low <= number <= self.high

    def _unit_of_labels(self) -> str:
        values = [float(value) for _, value in self.labels if not isinstance(value, str)]
        return "1" if min(values) >= 0 and max(values) <= 1 else f"{min(values):g}..{max(values):g}"


LIKERT = Scale()
"""1 to 5: what is meant where nothing else is told."""


def scale_of_numbers(low: float, high: float) -> Scale:
    """The scale between two ends.

    Raises:
        InputError: the ends are no range.
    """
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        hint = "give min below max"
        raise InputError(f"a scale from {low:g} to {high:g} has no scores", code="bad_rubric", hint=hint)
    return Scale(low=float(low), high=float(high))


def scale_of_words(labels: Mapping[str, Value | None] | tuple[str, ...]) -> Scale:
    """The scale of some words; opposites such as yes and no, pass and fail become True and False.

    Args:
        labels: the words, or each with the value that it stands for (None = the word itself).

    Raises:
        InputError: fewer than two words, or two that differ in case alone.
    """
    given = dict(labels) if isinstance(labels, Mapping) else _valued(tuple(labels))
    known = {word.strip().casefold() for word in given}
    if len(given) < 2 or len(known) < len(given) or "" in known:
        hint = "give at least two different words, such as [yes, no]"
        raise InputError(f"labels {list(given)} are no scale", code="bad_rubric", hint=hint)
    return Scale(
        labels=tuple((word.strip(), word.strip() if value is None else value) for word, value in given.items())
    )


def read_scale(text: str) -> Scale | None:
    """The scale that a grading prompt tells, or None where it tells none.

    A range ("on a scale of 1-5", "between 0 and 1", "a 5-point scale", "0 (worst) to 10 (best)") comes before single
    scores ("Score 1: ...", "where 1 is ... and 5 is ..."), and these before opposites ("yes or no", "yes if ..., else
    no").
    """
    plain = _digits(text)
    ranges = list(_ranges(plain))
    if ranges:
        return Scale(low=min(low for low, _ in ranges), high=max(high for _, high in ranges))
    if top := re.search(r"\b(\d{1,3})[- ]point\b", plain):
        return Scale(low=1.0, high=float(top[1])) if float(top[1]) > 1 else None
    singles = {_float(found[found.lastindex or 1]) for found in _singles().finditer(plain)}
    if len(singles) > 1:
        return Scale(low=min(singles), high=max(singles))
    if top := re.search(r"\bout of (\d{1,3})\b", plain):
        return Scale(low=0.0, high=float(top[1])) if float(top[1]) > 0 else None
    for right, wrong in _OPPOSITES:
        side_by_side = rf"\W{{1,4}}(?:(?:or|and|oder|o|ou|vs)\W{{1,4}})?{wrong}\b"
        with_terms = rf"\W{{1,4}}(?:if|when|where|for)\b.{{0,300}}?\b{wrong}\b"
        if re.search(rf"\b{right}(?:{side_by_side}|{with_terms})", plain, re.DOTALL):
            return Scale(labels=((right, True), (wrong, False)))
    return None


def _valued(labels: tuple[str, ...]) -> dict[str, Value | None]:
    folded = {word.strip().casefold() for word in labels}
    for right, wrong in _OPPOSITES:
        if folded == {right, wrong}:
            return {word: word.strip().casefold() == right for word in labels}
    return dict.fromkeys(labels)


def _digits(text: str) -> str:
    """The text in lower case, with English number words as digits."""
    return re.sub(r"\b(" + "|".join(_SPELLED) + r")\b", lambda found: _SPELLED[found[1]], text[:20_000].casefold())


def _ranges(text: str) -> Iterator[tuple[float, float]]:
    """Every range of scores; a lone range without a word for scores before it counts where it starts at 0 or 1."""
    loose: set[tuple[float, float]] = set()
    is_told = False
    for found in (*_pairs().finditer(text), *_BRACKETS.finditer(text)):
        low, high = _float(found[1]), _float(found[2])
        after = text[found.end() : found.end() + _CUE_CHARACTERS]
        if low >= high or _AMOUNT.match(after):
            continue
        before = text[max(0, found.start() - _CUE_CHARACTERS) : found.start()]
        if _CUE.search(before) or _BAND.match(after) or _SCALE_BEHIND.match(after):
            is_told = True
            yield low, high
        elif found[0][0] != "[" or low <= 0:  # else it may be a citation
            loose.add((low, high))
    if not is_told and len(loose) == 1 and min(loose)[0] in {0.0, 1.0}:
        yield loose.pop()


@cache
def _pairs() -> re.Pattern[str]:
    """Two numbers with a word or dash between them; each may bear a remark in parentheses."""
    return re.compile(
        rf"(?<![\d.,])({_NUMBER})%?\s*(?:\([^()]{{0,80}}\)\s*)?(?:{words().between})\s*({_NUMBER})(?![\d])"
    )


@cache
def _singles() -> re.Pattern[str]:
    """One score and what it means."""
    mean = r"(?:=|is|means|being|indicates|represents|stands for)"
    return re.compile(
        rf"(?:score|rating|grade)\s+(?:of\s+)?({_NUMBER})\s*(?:[:=\u2013\u2014-]|\b{mean})"
        rf"|(?:^|[,;(])\s{{0,9}}[-*•]?\s{{0,9}}({_NUMBER})\s*[:=]\s"
        rf"|\b(?:where|and|if)\s+({_NUMBER})\s+{mean}"
        rf"|(?:^|[,;(]|\b(?:or|give|assign|return|answer|say))\s{{0,9}}({_NUMBER})\s+(?:if|when|where)\b",
        re.MULTILINE,
    )


def _float(number: str) -> float:
    return float(number.replace(",", "."))

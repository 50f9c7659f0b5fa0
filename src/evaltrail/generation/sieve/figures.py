"""Figures: the numbers that stand in a text, in digits or in words."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from evaltrail.generation.sieve.gate import Gated
from evaltrail.generation.sieve.words import UNSPACED

_FILE = Path(__file__).with_name("number_words.yaml")
_DIGITS = r"[-\u2212]?(?:\d{1,3}(?:,\d{3})+(?![\d,])(?:\.\d+)?|\d+(?:[.,]\d+)?)"
_ALIKE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A number and where it stands."""

    plain: float
    """As it is written: 1.2 of ``1.2 million``."""
    value: float
    """As it is meant: 1,200,000."""
    start: int
    """First character in the text."""
    end: int
    """Behind the last one, its multiplier included."""

    def equals(self, other: Figure) -> bool:
        """Whether both mean the same value."""
        return math.isclose(self.value, other.value, rel_tol=_ALIKE)


def figures_of(text: str) -> tuple[Figure, ...]:
    """The numbers of a text: ``-5``, ``1,234.5``, ``3,5``, ``1.2 million``, ``twelve``; parts of words are none."""
    return tuple(_figure(found) for found in _pattern().finditer(text))


def check_figures(response: str, texts: Sequence[str]) -> Gated:
    """Whether every number of an answer stands in one of the texts; the score is the share that does.

    An answer without a number scores 0: it is none to a question for a number.
    """
    wanted = figures_of(response)
    if not wanted:
        return Gated(score=0.0, passed=False, detail="the answer holds no number")
    there = [value for text in texts for figure in figures_of(text) for value in (figure.plain, figure.value)]
    missing = [figure for figure in wanted if not _stands(figure, there)]
    share = 1 - len(missing) / len(wanted)
    named = ", ".join(response[figure.start : figure.end] for figure in missing)
    return Gated(score=share, passed=not missing, detail=f"not in the passage: {named}" if named else "")


def _stands(figure: Figure, there: Sequence[float]) -> bool:
    return any(math.isclose(figure.value, value, rel_tol=_ALIKE) for value in there)


def _figure(found: re.Match[str]) -> Figure:
    word = found["word"]
    plain = float(_words()[word.casefold()]) if word else _read(found["digits"])
    times = float(_multipliers()[found["times"].casefold()]) if found["times"] else 1.0
    return Figure(plain=plain, value=plain * times, start=found.start(), end=found.end())


def _read(digits: str) -> float:
    digits = digits.replace("\u2212", "-")
    whole, _, rest = digits.partition(",")
    if "," not in rest and "." not in rest and len(rest) != 3:  # a comma before three digits stands between thousands
        return float(f"{whole}.{rest}" if rest else whole)
    return float(digits.replace(",", ""))


@cache
def _lists() -> dict[str, dict[str, float]]:
    lists: dict[str, dict[str, float]] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return lists


def _words() -> dict[str, float]:
    return _lists()["words"]


def _multipliers() -> dict[str, float]:
    return _lists()["multipliers"]


@cache
def _pattern() -> re.Pattern[str]:
    words, multipliers = ("|".join(map(re.escape, names)) for names in (_words(), _multipliers()))
    # No part of a version, date or name: digits that stand beside letters, points or other digits are none, but for
    # letters of scripts without blanks.
    return re.compile(
        rf"(?<!\.)(?<![^\W{UNSPACED}])(?:(?P<digits>{_DIGITS})|(?P<word>{words}))"
        rf"(?![^\W\d_{UNSPACED}]|\d|[.,]\d)(?:\s+(?P<times>{multipliers})\b)?",
        re.IGNORECASE,
    )

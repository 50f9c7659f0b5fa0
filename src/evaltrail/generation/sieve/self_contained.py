"""self_contained: whether a question can be understood by somebody who does not see its passage."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from evaltrail.generation.sieve.gate import Gated
from evaltrail.generation.sieve.words import words_of

_FILE = Path(__file__).with_name("self_contained.txt")
_ASK = (
    r"(?:and |so |but )?(?:(?:what|who|whom|whose|which|when|where|why|how)(?:'s|\u2019s)?"
    r"(?: (?:much|many|long|often|far|old|well|else|exactly|year|kind of|type of))?(?: \w+)?? )?"
    r"(?:is|are|was|were|do|does|did|has|have|had|can|could|will|would|should|may|might|must) "
)
_FEWEST = 2
"""Words of a question; ``Why?`` asks about something else."""


def self_contained(question: str) -> Gated:
    """Score 1 where the question stands alone, 0 where it speaks of a text that its reader does not see."""
    if len(words_of(question)) < _FEWEST:
        return Gated(score=0.0, passed=False, detail="too short to stand alone")
    phrase = speaks_of_its_text(question)
    if phrase:
        return Gated(score=0.0, passed=False, detail=f"speaks of its text: {phrase!r}")
    return Gated(score=1.0, passed=True)


def speaks_of_its_text(text: str) -> str:
    """The first words by which a text points at another one; empty where there are none."""
    plain = " ".join(text.split()).strip("\"'\u201c\u201d")
    found = next((match for pattern in _patterns() if (match := pattern.search(plain))), None)
    return found[0].strip() if found else ""


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    lines = (line.strip() for line in _FILE.read_text(encoding="utf-8").splitlines())
    return tuple(
        re.compile(line.replace("{ask}", _ASK), re.IGNORECASE) for line in lines if line and not line.startswith("#")
    )

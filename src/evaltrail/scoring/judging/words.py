"""The words that judgements are told in, in several languages: data beside this file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

_FILE = Path(__file__).with_name("words.yaml")
_REFUSAL_CHARACTERS = 300
"""At the beginning of a text, where a refusal says that it is one."""


@dataclass(frozen=True, slots=True)
class Words:
    """All lists, case-folded."""

    score: str
    """A word that announces a score: a pattern, like those below."""
    score_of: str
    """The same where the highest score stands behind the number."""
    verdict: str
    """A word that announces a verdict in words."""
    out_of: str
    """What stands between a score and the highest one."""
    between: str
    """What stands between the ends of a range."""
    true: frozenset[str]
    false: frozenset[str]
    refusals: tuple[str, ...]


@cache
def words() -> Words:
    """The lists of ``words.yaml``."""
    lists = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    folded = {name: [word.casefold() for word in found] for name, found in lists.items()}
    return Words(
        score=_any_of(folded["score"]),
        score_of=_any_of(folded["score_of"]),
        verdict=_any_of(folded["score"] + folded["verdict"]),
        out_of=_any_of(folded["out_of"]),
        between=_any_of(folded["between"]),
        true=frozenset(folded["true"]),
        false=frozenset(folded["false"]),
        refusals=tuple(folded["refusals"]),
    )


def is_refusal(text: str) -> bool:
    """Whether a text begins like a model that will not judge."""
    start = text[:_REFUSAL_CHARACTERS].replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").casefold()
    return any(phrase in start for phrase in words().refusals)


def _any_of(found: list[str]) -> str:
    return "(?:" + "|".join(re.escape(word) for word in sorted(found, key=len, reverse=True)) + ")"

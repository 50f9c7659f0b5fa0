"""Whose name a name is, as the words around it tell: what is of one kind can stand for one another."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import yaml

from evaltrail.generation.cloze.blanks import Blank

NameKind = Literal["person", "place", "body"]
"""A body is one of people that has ``the`` before it: the Royal Engineers."""

_FILE = Path(__file__).with_suffix(".yaml")
_SEVERAL = 2
_WHO = re.compile(r",? who(?:se)? ")


def kinds_of(named: Iterable[tuple[str, Blank]]) -> Mapping[str, NameKind]:
    """Name to its kind, of those that one kind alone was told of.

    Args:
        named: sentences, each with a name that it holds.
    """
    told: dict[str, set[NameKind]] = defaultdict(set)
    for sentence, name in named:
        kind = _kind_of(sentence, name)
        if kind:
            told[name.text].add(kind)
    return {text: next(iter(kinds)) for text, kinds in told.items() if len(kinds) == 1}


def _kind_of(sentence: str, name: Blank) -> NameKind | None:
    words, before, after = name.text.split(), sentence[: name.start], sentence[name.end :]
    signs = _signs()
    if any(word.casefold() in signs.calendar for word in words):
        return None
    if signs.person.search(before) or _WHO.match(after) or (len(words) >= _SEVERAL and before.endswith(" by ")):
        return "person"
    if signs.place.search(before):
        return "place" if signs.behind_place.match(after) else None
    is_body = before.casefold().endswith("the ") and len(words) >= _SEVERAL and words[-1].casefold() in signs.bodies
    return "body" if is_body else None


@dataclass(frozen=True, slots=True)
class _Signs:
    calendar: frozenset[str]
    bodies: frozenset[str]
    person: re.Pattern[str]
    place: re.Pattern[str]
    behind_place: re.Pattern[str]


@cache
def _signs() -> _Signs:
    lists = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    one_of = {name: "|".join(map(re.escape, words)) for name, words in lists.items()}
    owner = r"\b(?:the|an?|its|his|her|their|our|whose|\w+['\u2019]s)\s(?:\w+\s){0,2}"
    role = rf"{owner}(?!(?:{one_of['things']})\b)[\w-]*(?:{one_of['roles']})(?:(?:\sof\s\w+\s\w+)?,)?\s"
    return _Signs(
        calendar=frozenset(lists["calendar"]),
        bodies=frozenset(lists["bodies"]),
        person=re.compile(rf"(?:\b(?:{one_of['titles']})\.?\s|{role})\Z", re.IGNORECASE),
        place=re.compile(rf"\b(?:{one_of['before_places']})\s\Z", re.IGNORECASE),
        behind_place=re.compile(rf"[.,;:)]|\s(?:{one_of['after_places']})\b|\Z"),
    )

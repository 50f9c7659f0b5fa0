"""Scores and verdicts in plain words: "Score: 4", "4 out of 5", "Bewertung: 4", "Yes, because ..."."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from functools import cache

from evaltrail.scoring.judging.scale import Scale, Value
from evaltrail.scoring.judging.words import words

_NUMBER = r"(?P<number>[-\u2212]?\d{1,12}(?:[.,]\d{1,12})?)(?![\d]|[.,]\d)"
_PART = r"\s*(?P<percent>%)?"
_SIGNS = r"""[\s"'*_`:=|>()\[\]\u201c\u201d\uff1a]"""
_EDGE = " \t\r\n\"'*_`.:;,!()[]#\u201c\u201d\u3002\uff01"
_FIRST_WORDS = re.compile(r"([^\W_]+)(?:\s*(?:/|,?\s(?:and|or|und|oder|y|o|et|ou)\s)\s*([^\W_]+))?")
"""The first word, and a second one that is joined to it ("yes and no")."""
_PAUSE = re.compile(r"[^\S\n]*(?:[^\w\s]|\n|$)")
"""What has to follow a first word that is a verdict: "No, ..." is one, "No score can be given" is none."""
_QUOTED = re.compile(r"\"[^\"\n]*\"|\u201c[^\u201c\u201d\n]*\u201d|\u00ab[^\u00ab\u00bb\n]*\u00bb|`[^`\n]+`")
"""What a judge repeats of the material: a score announced in there is not the judge's."""


def numbers_in(text: str, scale: Scale) -> set[float]:
    """Every different number that a text announces as its score; the whole text may be one."""
    number = lone_number(text, scale)
    if number is not None:
        return {number}
    told = _range_of(scale.low, scale.high).sub(" ", text.casefold())
    return {_number(found, scale) for found in _own(_announced(), told)}


def lone_number(text: str, scale: Scale) -> float | None:
    """The number that a text consists of ("4", "**4/5**", "4 out of 5"), else None.

    Infinity stands for a number on another scale ("8/10" where 5 is the highest).
    """
    found = _alone().fullmatch(text.strip(_EDGE).casefold())
    return _number(found, scale) if found else None


def label_of(text: str, values: Mapping[str, Value], *, is_alone: bool = False) -> set[Value]:
    """Every different value that a text announces in words.

    Args:
        text: a word, or prose that begins with one or announces one ("Verdict: pass").
        values: case-folded word to value.
        is_alone: whether only a text that is one of the words counts.
    """
    folded = text.casefold()
    whole = _value_of(" ".join(folded.strip(_EDGE).split()), values)
    if whole is not None:
        return {whole}
    if is_alone:
        return set()
    found = {_value_of(match["word"], values) for match in _own(_labelled(tuple(sorted(values))), folded)}
    if not found:
        start = folded.lstrip(_EDGE)
        first = _FIRST_WORDS.match(start)
        # One letter begins many a sentence ("A good answer"): it is no verdict.
        if first and len(first[1]) > 1 and _PAUSE.match(start, first.end()):
            found = {_value_of(first[1], values), _value_of(first[2] or first[1], values)}
    return {value for value in found if value is not None}


def _own(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    """The matches that do not lie in quotation marks."""
    return pattern.finditer(_QUOTED.sub(lambda quote: " " if pattern.search(quote[0]) else quote[0], text))


def _value_of(word: str, values: Mapping[str, Value]) -> Value | None:
    if word in values:
        return values[word]
    known = words()
    for ours, others in (("yes", known.true), ("no", known.false)):
        if word in others and values.keys() & {ours, "true" if ours == "yes" else "false"}:
            return values[ours] if ours in values else values["true" if ours == "yes" else "false"]
    return None


def _number(found: re.Match[str], scale: Scale) -> float:
    number = float(found["number"].replace(",", ".").replace("\u2212", "-"))
    top = found["top"]
    if top and float(top) != scale.high:
        return math.inf
    if found["percent"] and scale.high not in {1.0, 100.0}:
        return math.inf
    return number / 100 if found["percent"] and scale.high == 1 else number


def _top() -> str:
    return rf"(?:\s*{words().out_of}\s*(?P<top>\d{{1,9}})(?!\d))?"


@cache
def _alone() -> re.Pattern[str]:
    return re.compile(_NUMBER + _PART + _top())


@cache
def _announced() -> re.Pattern[str]:
    """A word for scores and the number behind it; an ambiguous word needs the highest score too."""
    known = words()
    link = rf"(?:{_SIGNS}|-\s|(?<=\s)(?:is|of|ist|es|est|är|è|é|は|为|是)(?=\s|\d|{_SIGNS})){{0,12}}"
    sure = rf"(?<![a-z]){known.score}(?![a-z])"
    unsure = rf"(?<![a-z]){known.score_of}(?![a-z])(?={link}[-\u2212]?\d[\d.,]*\s*{known.out_of}\s*\d)"
    alone = rf"(?![^\S\n]*{known.between}[^\S\n]*\d)"  # "4 or 5" and "4-5" are no score
    return re.compile(rf"(?:{sure}|{unsure}){link}{_NUMBER}{_PART}{_top()}{alone}")


@cache
def _labelled(labels: tuple[str, ...]) -> re.Pattern[str]:
    known = words()
    said = "|".join(re.escape(word) for word in sorted({*labels, *known.true, *known.false}, key=len, reverse=True))
    link = rf"(?:{_SIGNS}|-\s|(?<=\s)(?:is|ist|es|est|är|è|é|は|为|是)(?=\s|{_SIGNS})){{1,12}}"
    return re.compile(rf"(?<![a-z]){known.verdict}(?![a-z]){link}(?P<word>{said})(?!\w)")


@cache
def _range_of(low: float, high: float) -> re.Pattern[str]:
    """The scale itself, told once more."""
    return re.compile(rf"(?<![\d.]){low:g}\s*(?:{words().between})\s*{high:g}(?![\d.])")

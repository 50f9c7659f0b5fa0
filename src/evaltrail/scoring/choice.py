"""multiple_choice: which option the model took, by log-probability, by letter or by text."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence

from evaltrail.core.sample import Sample, Score
from evaltrail.scoring.grader import BAD_REFERENCE, NO_OUTPUT, NO_REFERENCE, Grader
from evaltrail.scoring.normal_form import NormalForm

_LETTERS = 26
_normal = NormalForm(ignore_case=True, ignore_punctuation=True)

# A capital that is no English word here: "A dog" and "I think" are none, "A is right" and "A or B" are.
_CAPITAL = r"(?<![\w'\u2019])(?:[B-HJ-Z]|[AI](?!\s(?!(?:is|was|or|and)\b)[a-z]))(?![\w'\u2019])"
_ALONE = re.compile(r"[\s*(\[\"']*([A-Za-z])[\s*)\]\"'.:]*")
# Bounded gaps keep the search linear on any text.
_ANNOUNCED = re.compile(r"\b(?:answer|option|choice)\b[\s*]{0,4}(?:is\b|was\b|[:=-])?[\s*:]{0,4}", re.IGNORECASE)
_LETTER_NEXT = re.compile(rf"[(\[\"']\s?([A-Za-z])\s?[)\]\"']|({_CAPITAL})|([a-z])(?=\s?(?:[).:,*]|$))", re.MULTILINE)
_LEADING = re.compile(r"\s{0,9}(?:\(([A-Za-z])\)|([A-Za-z])[).:])(?=[\s*]|$)")
_ANYWHERE = re.compile(rf"\(([A-Za-z])\)|({_CAPITAL})")
_ANNOUNCEMENTS = 8
"""Announcements that are looked at, from the last one back."""


class MultipleChoice(Grader):
    """Whether the model took the right option.

    Where the sample has log-probabilities of its choices, it took the greatest (of equals the first). Else the text is
    read, surest sign first: it is an option's text; it is a letter (``B``, ``(b)``); one of both is announced
    (``Answer: C``, the last announcement counts); a letter leads (``B) Paris``); exactly one option's text stands in
    it; exactly one letter does. A text with none of these, or with several, is wrong.

    A reference is an option's text, a letter, or a position counted from 0, tried in this order; when all are none of
    these the sample is unscored (``bad_reference``). Without ``sample.choices`` the letters A to Z are the options.
    """

    name = "multiple_choice"

    def score(self, sample: Sample) -> Score:
        """Right when the option taken is one of the references."""
        if not sample.reference:
            return NO_REFERENCE
        choices = [_normal(choice) for choice in sample.choices]
        count = len(choices) or len(sample.choice_logprobs) or _LETTERS
        wanted = {_place_of(reference, choices, count) for reference in sample.reference} - {None}
        if not wanted:
            return BAD_REFERENCE
        chances = sample.choice_logprobs
        if chances:
            taken: int | None = chances.index(max(chances))
        elif (text := sample.graded) is not None:
            taken = _place_taken(text, choices, count)
        else:
            return NO_OUTPUT
        return self._right if taken in wanted else self._wrong


def _place_of(reference: str, choices: Sequence[str], count: int) -> int | None:
    """The option that a reference means."""
    plain = _normal(reference)
    if plain in choices:
        return choices.index(plain)
    place = int(plain) if plain.isdecimal() and len(plain) <= 3 else _letter_place(plain)
    return place if place is not None and place < count else None


def _letter_place(letter: str) -> int | None:
    return ord(letter.upper()) - ord("A") if len(letter) == 1 and letter.isascii() and letter.isalpha() else None


def _place_taken(text: str, choices: Sequence[str], count: int) -> int | None:
    """The option that a text takes, None when it takes none or several."""
    plain = _normal(text)
    if plain and plain in choices:
        return choices.index(plain)
    for read in (_alone, _announced, _leading, _mentioned, _only_letter):
        place = read(text, choices)
        if place is not None and place < count:
            return place
    return None


def _alone(text: str, _: Sequence[str]) -> int | None:
    match = _ALONE.fullmatch(text)
    return _letter_place(match[1]) if match else None


def _announced(text: str, choices: Sequence[str]) -> int | None:
    reach = 2 * max(map(len, choices), default=0) + 16
    for found in reversed(deque(_ANNOUNCED.finditer(text), maxlen=_ANNOUNCEMENTS)):
        tail = text[found.end() : found.end() + reach]
        said = f"{_normal(tail)} "
        named = [place for place, choice in enumerate(choices) if choice and said.startswith(f"{choice} ")]
        if named:
            return max(named, key=lambda place: len(choices[place]))
        match = _LETTER_NEXT.match(tail)
        if match:
            return _letter_place(match[1] or match[2] or match[3])
    return None


def _leading(text: str, _: Sequence[str]) -> int | None:
    match = _LEADING.match(text)
    return _letter_place(match[1] or match[2]) if match else None


def _mentioned(text: str, choices: Sequence[str]) -> int | None:
    """The one option whose text stands in the text; an option within a longer one that stands there is not meant."""
    plain = f" {_normal(text)} "
    found = [choice for choice in choices if choice and f" {choice} " in plain]
    meant = {
        choice for choice in found if not any(choice != other and f" {choice} " in f" {other} " for other in found)
    }
    return choices.index(meant.pop()) if len(meant) == 1 else None


def _only_letter(text: str, _: Sequence[str]) -> int | None:
    letters = {(match[1] or match[2]).upper() for match in _ANYWHERE.finditer(text)}
    return _letter_place(letters.pop()) if len(letters) == 1 else None

"""multiple_choice: which option the model took, by log-probability, by letter or by text."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence

from evaltrail.core.sample import Sample, Score
from evaltrail.scoring.grader import BAD_REFERENCE, NO_OUTPUT, NO_REFERENCE, Grader
from evaltrail.scoring.normal_form import bare

_LETTERS = 26

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
        choices = [bare(choice) for choice in sample.choices]
        count = len(choices) or len(sample.choice_logprobs) or _LETTERS
        wanted = {_place_of(reference, choices, count) for reference in sample.reference} - {None}
        if not wanted:
            return BAD_REFERENCE
        chances = sample.choice_logprobs
        if chances:
            taken: int | None = chances.index(max(chances))
        elif (text := sample.graded) is not None:
            taken = place_taken(text, sample.choices)
        else:
            return NO_OUTPUT
        return self._right if taken in wanted else self._wrong


def _place_of(reference: str, choices: Sequence[str], count: int) -> int | None:
    """The option that a reference means."""
    plain = bare(reference)
    if plain in choices:
        return choices.index(plain)
    place = int(plain) if plain.isdecimal() and len(plain) <= 3 else _letter_place(plain)
    return place if place is not None and place < count else None


def _letter_place(letter: str) -> int | None:
    return ord(letter.upper()) - ord("A") if len(letter) == 1 and letter.isascii() and letter.isalpha() else None


def place_taken(text: str, options: Sequence[str]) -> int | None:
    """The position of the option that a text takes, None when it takes none or several.

    Args:
        text: what the model said.
        options: their texts; empty = the letters A to Z.
    """
    choices = [bare(option) for option in options]
    count = len(choices) or _LETTERS
    plain = bare(text)
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
        said = bare(tail)
        named = [place for place, choice in enumerate(choices) if choice and _starts_with(said, choice)]
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
    plain = bare(text)
    found = [choice for choice in choices if choice and _stands_in(choice, plain)]
    meant = {choice for choice in found if not any(choice != other and _stands_in(choice, other) for other in found)}
    return choices.index(meant.pop()) if len(meant) == 1 else None


def _only_letter(text: str, _: Sequence[str]) -> int | None:
    letters = {(match[1] or match[2]).upper() for match in _ANYWHERE.finditer(text)}
    return _letter_place(letters.pop()) if len(letters) == 1 else None


def _starts_with(text: str, part: str) -> bool:
    return text.startswith(part) and _ends_at(text, len(part))


def _stands_in(part: str, text: str) -> bool:
    """Whether the part stands in the text as words or numbers of its own: 5 stands in neither 15, -5 nor 5.2."""
    start = text.find(part)
    while start >= 0:
        end = start + len(part)
        if _begins_at(text, start) and _ends_at(text, end):
            return True
        start = text.find(part, end)
    return False


def _begins_at(text: str, start: int) -> bool:
    before = text[start - 1 : start]
    return not (before.isalnum() or (text[start].isdigit() and before in {"-", "\u2212", ".", ","}))


def _ends_at(text: str, end: int) -> bool:
    after = text[end : end + 2]
    return not (after[:1].isalnum() or (after[:1] in {".", ","} and after[1:].isdigit()))

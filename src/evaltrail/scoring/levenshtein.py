"""levenshtein: how alike a text and its best reference are, character by character (Levenshtein 1966)."""

from __future__ import annotations

from evaltrail.core.sample import Score
from evaltrail.scoring.grader import TOO_LONG, TextGrader
from evaltrail.scoring.normal_form import NormalForm

MAX_CHARACTERS = 1_000_000
"""Of the text and of each reference; longer ones are unscored (``too_long``)."""
MAX_CELLS = 400_000_000
"""Characters of the text times characters of a reference, over all references: such as 20,000 each."""

_WIDE = 20_000


class Levenshtein(TextGrader):
    """1 - edit distance / length of the longer text, with the best reference; 1 when both are empty.

    An edit puts in, leaves out or changes one character (code point).

    Args:
        ignore_case: letters of either case are the same.
        strip: white space around the texts does not count.

    Source: equal to RapidFuzz's ``Levenshtein.normalized_similarity``.
    """

    name = "levenshtein"

    def __init__(self, *, ignore_case: bool = False, strip: bool = True) -> None:
        super().__init__()
        self._normal = NormalForm(ignore_case=ignore_case, strip=strip)

    def grade(self, text: str, references: tuple[str, ...]) -> Score:
        """The best similarity over the references."""
        found = self._normal(text)
        wanted = [self._normal(reference) for reference in references]
        if max(len(found), *map(len, wanted)) > MAX_CHARACTERS or len(found) * sum(map(len, wanted)) > MAX_CELLS:
            return TOO_LONG
        return Score(value=max(_similarity(found, each) for each in wanted), source=self.source)


def _similarity(first: str, second: str) -> float:
    longest = max(len(first), len(second))
    return 1.0 - edit_distance(first, second) / longest if longest else 1.0


def edit_distance(first: str, second: str) -> int:
    """Edits that make one text of the other, in len(shorter) steps over len(longer) bits.

    Source: Myers 1999 in the form of Hyyrö 2003; the distance is read from the last column's differences.
    """
    first, second = _without_common_ends(first, second)
    if not first or not second:
        return len(first) + len(second)
    longer, shorter = (first, second) if len(first) >= len(second) else (second, first)
    # A wide row makes each step and the places of its letters dear; then the many steps are cheaper.
    return _distance(longer, shorter) if len(longer) <= _WIDE else _distance(shorter, longer)


def _distance(row: str, steps: str) -> int:
    """The distance by rows of the table that grow by +1 or fall by -1 from one character of ``row`` to the next."""
    places: dict[str, int] = {}
    for place, letter in enumerate(row):
        places[letter] = places.get(letter, 0) | 1 << place
    full = (1 << len(row)) - 1
    grows, falls = full, 0
    place_of = places.get
    for letter in steps:
        equal = place_of(letter, 0) | falls
        flat = ((((equal & grows) + grows) ^ grows) | equal) & full
        next_grows = (falls | (full ^ (flat | grows))) << 1 | 1
        next_falls = (flat & grows) << 1
        grows = (next_falls | (full ^ ((flat | next_grows) & full))) & full
        falls = next_grows & flat
    return len(steps) + grows.bit_count() - falls.bit_count()


def _without_common_ends(first: str, second: str) -> tuple[str, str]:
    """Both texts without what they begin and end with alike."""
    shorter = min(len(first), len(second))
    start = 0
    while start < shorter and first[start] == second[start]:
        start += 1
    end = 0
    while end < shorter - start and first[-1 - end] == second[-1 - end]:
        end += 1
    return first[start : len(first) - end], second[start : len(second) - end]

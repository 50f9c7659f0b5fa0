"""Longest common subsequences of word lists, a row of the table at a time as the bits of a number (Hyyrö 2004)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence


class Words:
    """A word list, prepared to be compared with others.

    Args:
        words: the list.
        among: every word that the others hold; the rest need not be remembered.
    """

    __slots__ = ("_places", "words")

    def __init__(self, words: Sequence[str], among: Collection[str]) -> None:
        self.words = words
        self._places: dict[str, int] = {}
        for place, word in enumerate(words):
            if word in among:
                self._places[word] = self._places.get(word, 0) | 1 << place

    def lcs_length(self, other: Sequence[str]) -> int:
        """Length of the longest common subsequence, in len(other) steps over len(words) bits."""
        last = 0
        for row in self._rows(other):
            last = row
        return last.bit_count()

    def lcs_positions(self, other: Sequence[str]) -> list[int]:
        """Positions in ``other`` of one longest common subsequence, last first.

        Of several it is the one that ROUGE 1.5.5 takes: going back from both ends, at unequal words it leaves out the
        other list's word unless only leaving out ours keeps the length.
        """
        if self._places.keys().isdisjoint(other):
            return []
        rows = [0, *self._rows(other)]
        found = []
        i, j = len(other), len(self.words)
        while i and j:
            if other[i - 1] == self.words[j - 1]:
                found.append(i - 1)
                i -= 1
                j -= 1
            elif _length(rows[i], j - 1) > _length(rows[i - 1], j):
                j -= 1
            else:
                i -= 1
        return found

    def _rows(self, other: Sequence[str]) -> Iterator[int]:
        """Per prefix of ``other`` a number whose bit j tells whether our word j lengthens the subsequence."""
        full = (1 << len(self.words)) - 1
        # A 0 where the length grows: the addition carries each growth to the leftmost place that allows it.
        flat = full
        for word in other:
            if hits := self._places.get(word, 0):
                kept = flat & hits
                flat = ((flat + kept) | (flat - kept)) & full
            yield full ^ flat


def _length(row: int, words: int) -> int:
    """Length of the subsequence with the first so many of our words."""
    return (row & ((1 << words) - 1)).bit_count()

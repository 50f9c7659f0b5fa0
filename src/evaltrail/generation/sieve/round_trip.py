"""round_trip: whether a search for a question finds its window. BM25 after Robertson and Zaragoza (2009)."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from evaltrail.generation.drafts import Passage
from evaltrail.generation.sieve.gate import Gated
from evaltrail.generation.sieve.words import words_of
from evaltrail.generation.windows import Window

_K1, _B = 1.5, 0.75
_TIE = 1.0 + 1e-9
"""Windows with the same words have the same score but for the order in which it was added up."""


class _Postings:
    """In which windows a word stands, and what it adds to the score of each."""

    __slots__ = ("adds", "most", "windows")

    def __init__(self) -> None:
        self.windows = array("I")
        self.adds = array("f")
        self.most = 0.0
        """The greatest of ``adds``."""

    def add_to(self, window: int) -> float:
        """What the word adds to the score of one window."""
        place = bisect_left(self.windows, window)
        return self.adds[place] if place < len(self.windows) and self.windows[place] == window else 0.0


class WindowIndex:
    """All windows of an upload, searched by the words of a question.

    Args:
        passages: every window with its chunks, in the order of the windows.
    """

    def __init__(self, passages: Iterable[Passage]) -> None:
        self._windows: list[Window] = []
        self._places: dict[int, int] = {}
        self._words: dict[str, _Postings] = {}
        self._index(passages)

    def round_trip(self, question: str, source: Window, *, threshold: float = 0.2) -> Gated:
        """1 / rank of the question's own window, 0 where they share no word.

        Args:
            question: what is searched for.
            source: the window it was made of; those that share a chunk with it count as it.
            threshold: 1 / the last rank that passes.
        """
        rank = self.rank(question, source)
        if not rank:
            return Gated.at_least(0.0, threshold, "no word of the question stands in its window")
        # 1/3 as a person writes it, 0.333, still means the third rank.
        passed = 1.0 / rank >= threshold - 1e-3 * threshold
        return Gated(
            score=1.0 / rank, passed=passed, detail="" if passed else f"its window is number {rank} of those found"
        )

    def rank(self, question: str, source: Window) -> int:
        """Place of the source window among all windows, from 1; 0 where no word of the question stands in it.

        Windows that match as well as it do not count before it.
        """
        words = [self._words[word] for word in sorted(set(words_of(question))) if word in self._words]
        own = range(*self._overlapping(source))
        score = max((sum(word.add_to(place) for word in words) for place in own), default=0.0)
        if score <= 0.0:
            return 0
        return 1 + self._better(words, score * _TIE, own)

    def _better(self, words: Sequence[_Postings], score: float, own: range) -> int:
        """How many other windows have a higher score.

        A window with none but the commonest words cannot reach it (they are left out while all of them together add
        less), so that only windows with one of the other words are looked at: some of 5,000 instead of all.
        """
        by_length = sorted(words, key=lambda word: len(word.windows), reverse=True)
        left_out, bound = 0, 0.0
        while left_out < len(by_length) and bound + by_length[left_out].most < score:
            bound += by_length[left_out].most
            left_out += 1
        sums: dict[int, float] = {}
        for word in by_length[left_out:]:
            for place, add in zip(word.windows, word.adds, strict=True):
                sums[place] = sums.get(place, 0.0) + add
        common = by_length[:left_out]
        return sum(
            have + bound > score and place not in own and have + sum(word.add_to(place) for word in common) > score
            for place, have in sums.items()
        )

    def _overlapping(self, source: Window) -> tuple[int, int]:
        """The first place and the one behind the last of the windows that share a chunk with the source."""
        first = last = self._places[source.number]
        while first > 0 and self._windows[first - 1].last >= source.first:
            first -= 1
        while last + 1 < len(self._windows) and self._windows[last + 1].first <= source.last:
            last += 1
        return first, last + 1

    def _index(self, passages: Iterable[Passage]) -> None:
        lengths = array("I")
        for place, (window, bag) in enumerate(_bags(passages)):
            self._windows.append(window)
            self._places[window.number] = place
            lengths.append(bag.total())
            for word, count in bag.items():
                postings = self._words.setdefault(word, _Postings())
                postings.windows.append(place)
                postings.adds.append(count)
        mean = sum(lengths) / len(lengths) if sum(lengths) else 1.0
        norms = [_K1 * (1 - _B + _B * length / mean) for length in lengths]
        for postings in self._words.values():
            weight = _rarity(len(postings.windows), len(lengths)) * (_K1 + 1)
            for turn, place in enumerate(postings.windows):
                times = postings.adds[turn]
                postings.adds[turn] = weight * times / (times + norms[place])
            postings.most = max(postings.adds)


def _bags(passages: Iterable[Passage]) -> Iterator[tuple[Window, Counter[str]]]:
    """The words of each window; a chunk that several windows share is read once."""
    known: dict[int, Counter[str]] = {}
    for passage in passages:
        fresh: dict[int, Counter[str]] = {}
        for chunk in passage.chunks:
            fresh[chunk.number] = known.get(chunk.number) or Counter(words_of(chunk.text))
        known = fresh
        bag: Counter[str] = Counter()
        for words in known.values():
            bag.update(words)
        yield passage.window, bag


def _rarity(holding: int, total: int) -> float:
    return math.log(1 + (total - holding + 0.5) / (holding + 0.5))

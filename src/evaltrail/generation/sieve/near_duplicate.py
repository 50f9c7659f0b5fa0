"""near_duplicate: whether a question was asked before in nearly the same words. MinHash after Broder (1997)."""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Sequence
from functools import lru_cache

from evaltrail.generation.sieve.gate import Gated
from evaltrail.generation.sieve.words import content_words, words_of

PERMUTATIONS = 64
_SHINGLE_WORDS = 3
_MOST_MISSED = 0.002
"""Chance that a pair as alike as the threshold shares no band; what is more alike is missed less."""
_ROW = struct.Struct(f"<{PERMUTATIONS // 2}H")
# The marks that make two questions differ: C and C++, 2 + 2 and 2 * 2.
_MARKS = re.compile(r"[+#%$&<>=^*/\u20ac\u00a3]|(?<![^\W_])-(?=\d)|(?<=\s)-(?=\s)")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_DETAIL_CHARACTERS = 120

Shingles = frozenset[str]


class NearDuplicates:
    """Knows the questions that were let through, and stops what is like one of them.

    Two questions with the same words in the same order are the same whatever their answers. Otherwise they are as
    alike as their sets of three neighbouring words (Jaccard); but they are two where their numbers differ, or where
    their answers have no word in common or other numbers. Pairs are found by MinHash and then measured exactly.

    Args:
        threshold: from which likeness on two are one; 0 = the gate is not asked and lets everything pass.
    """

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._rows = _rows_of_a_band(threshold) if threshold > 0.0 else PERMUTATIONS
        self._texts: list[tuple[str, str]] = []
        self._by_words: dict[str, int] = {}
        self._bands: dict[bytes, list[int]] = {}

    def __len__(self) -> int:
        return len(self._texts)

    def seen(self, question: str, answer: str = "") -> Gated:
        """How like the likeliest earlier question this one is; it is remembered where it passes.

        The score is 0 where nothing like it was found.
        """
        if self._threshold <= 0.0:
            return Gated(score=0.0, passed=True)
        key = normal(question)
        place, score = self._by_words.get(key, -1), 1.0
        keys: list[bytes] = []
        if place < 0:
            shingles = shingles_of(key)
            keys = self._band_keys(minhash(shingles))
            place, score = self._likeliest(keys, shingles, question, answer)
        if place >= 0 and score >= self._threshold:
            return Gated(score=score, passed=False, detail=f"like {self._texts[place][0][:_DETAIL_CHARACTERS]!r}")
        self._remember(key, keys, question, answer)
        return Gated(score=score, passed=True)

    def _likeliest(self, keys: Sequence[bytes], shingles: Shingles, question: str, answer: str) -> tuple[int, float]:
        best, score = -1, 0.0
        for place in sorted({place for key in keys for place in self._bands.get(key, ())}):
            other, other_answer = self._texts[place]
            alike = jaccard(shingles, _shingles_of_question(other))
            if alike > score and not _differ(question, answer, other, other_answer):
                best, score = place, alike
        return best, score

    def _remember(self, key: str, keys: Sequence[bytes], question: str, answer: str) -> None:
        place = len(self._texts)
        self._texts.append((question, answer))
        self._by_words[key] = place
        for each in keys:
            self._bands.setdefault(each, []).append(place)

    def _band_keys(self, signature: Sequence[int]) -> list[bytes]:
        packed, size = struct.pack(f"<{PERMUTATIONS}H", *signature), 2 * self._rows
        return [bytes([start // size]) + packed[start : start + size] for start in range(0, len(packed), size)]


def normal(question: str) -> str:
    """The question's words and the marks that matter, single blanks between them."""
    marks = _MARKS.findall(question)
    return " ".join([*words_of(question), *marks])


def shingles_of(normal_form: str) -> Shingles:
    """All runs of three words of a normal form; the whole where it has fewer."""
    words = normal_form.split(" ")
    if len(words) <= _SHINGLE_WORDS:
        return frozenset((normal_form,))
    return frozenset(map(" ".join, zip(words, words[1:], words[2:], strict=False)))


@lru_cache(maxsize=16_384)
def _shingles_of_question(question: str) -> Shingles:
    """Those of a question that was let through: where many are alike, each is measured against many."""
    return shingles_of(normal(question))


def jaccard(some: Shingles, others: Shingles) -> float:
    """The share of what both hold in all that they hold; neither is empty."""
    common = len(some & others)
    return common / (len(some) + len(others) - common)


def minhash(shingles: Shingles) -> tuple[int, ...]:
    """A signature of 64 numbers below 65,536; two agree in about as large a share of them as their sets are alike."""
    rows = []
    for shingle in shingles:
        data = shingle.encode("utf-8", "surrogatepass")
        # Two digests of 64 bytes are 64 independent numbers: cheaper than as many multiplications in Python.
        first = hashlib.blake2b(data, digest_size=64).digest()
        second = hashlib.blake2b(data, digest_size=64, salt=b"2").digest()
        rows.append(_ROW.unpack(first) + _ROW.unpack(second))
    return tuple(map(min, zip(*rows, strict=True)))


def _rows_of_a_band(threshold: float) -> int:
    """The most rows of a band with which a pair at the threshold is still hardly ever missed."""
    for rows in (16, 8, 4, 2):
        if (1 - threshold**rows) ** (PERMUTATIONS // rows) <= _MOST_MISSED:
            return rows
    return 1


def _differ(question: str, answer: str, other: str, other_answer: str) -> bool:
    """Whether numbers or answers tell two questions apart that are nearly alike in words."""
    if _NUMBER.findall(question) != _NUMBER.findall(other):
        return True
    mine, others = content_words(answer), content_words(other_answer)
    if not mine or not others:
        return False
    return set(mine).isdisjoint(others) or _NUMBER.findall(answer) != _NUMBER.findall(other_answer)

"""ChunksFound: whether a system retrieved the chunks that hold the answer, told from shared words alone."""

from __future__ import annotations

import re
from collections import Counter
from typing import Literal

from evaltrail.core.decoding import decoded
from evaltrail.core.metric import Better
from evaltrail.core.sample import Sample, Score

RELEVANT = "relevant_chunks"
"""The attribute that holds the texts of the relevant chunks, as a JSON list."""
_WORD = re.compile(r"\w+")
_SHARED = 0.8
"""Share of the shorter text's words that the longer one holds where both are one passage: systems cut anew."""
_FEWEST = 5
"""Words below which a passage is a chunk only where all are the same: a word or two stand anywhere."""


class ChunksFound:
    """The share of the relevant chunks that were retrieved (recall), or of the retrieved that are relevant (precision).

    A retrieved passage is a chunk where at least 80 % of the words of the shorter one stand in the other. It observes
    the retrieval and does not grade the answer: a question without relevant chunks is unscored (``no_relevant``), and
    so is an answer that tells no passages (``no_contexts``).

    Args:
        name: ``chunk_recall`` or ``chunk_precision``.
    """

    better: Better = "higher"
    unit: str = "1"
    is_grade: bool = False

    def __init__(self, name: Literal["chunk_recall", "chunk_precision"]) -> None:
        self.name: str = name
        self.source = f"{name}/1"

    def score(self, sample: Sample) -> Score:
        """The share for one sample."""
        relevant = [_bag(text) for text in _relevant(sample)]
        found = [_bag(text) for text in sample.contexts]
        if not relevant:
            return Score(reason="no_relevant", source=self.source)
        if not found:
            return Score(reason="no_contexts", source=self.source)
        wanted, others = (relevant, found) if self.name == "chunk_recall" else (found, relevant)
        hits = sum(any(_is_same(one, other) for other in others) for one in wanted)
        return Score(value=hits / len(wanted), source=self.source)


def _relevant(sample: Sample) -> list[str]:
    told = sample.attributes.get(RELEVANT)
    return decoded(told, list[str]) if isinstance(told, str) and told else []


def _bag(text: str) -> Counter[str]:
    return Counter(_WORD.findall(text.casefold()))


def _is_same(one: Counter[str], other: Counter[str]) -> bool:
    fewer = min(one.total(), other.total())
    if fewer < _FEWEST:
        return one == other
    return (one & other).total() >= _SHARED * fewer

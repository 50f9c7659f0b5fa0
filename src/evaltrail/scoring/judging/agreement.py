"""Figures over a whole task that tell how steady a judge was."""

from __future__ import annotations

import math
from collections import Counter

from evaltrail.core.metric import MetricValue
from evaltrail.core.sample import Sample


class Agreement:
    """Share of pairs of votes on one sample that say the same: 1 = always the same (Fleiss 1971, observed agreement).

    Args:
        judge: name of the judge; the figure is called ``<judge>_agreement``.
    """

    def __init__(self, judge: str) -> None:
        self._judge = judge
        self._shares = 0.0
        self._n = 0

    def add(self, sample: Sample) -> None:
        """Takes in the votes of one sample."""
        votes = sample.scores[self._judge].votes
        pairs = math.comb(len(votes), 2)
        if pairs:
            self._shares += sum(math.comb(count, 2) for count in Counter(votes).values()) / pairs
            self._n += 1

    def metric(self) -> MetricValue:
        """The mean over the samples with at least two votes."""
        value = self._shares / self._n if self._n else None
        return MetricValue(name=f"{self._judge}_agreement", value=value, unit="1", is_grade=False, n=self._n)


class Inconsistency:
    """Share of samples on which a pairwise judge changed its mind with the order of the answers.

    Args:
        judge: name of the judge; the figure is called ``<judge>_inconsistent``.
    """

    def __init__(self, judge: str) -> None:
        self._judge = judge
        self._changed = 0
        self._n = 0

    def add(self, sample: Sample) -> None:
        """Takes in the two votes of one sample."""
        votes = sample.scores[self._judge].votes
        self._n += 1
        self._changed += len(set(votes)) > 1

    def metric(self) -> MetricValue:
        """The share, lower is better."""
        value = self._changed / self._n if self._n else None
        name = f"{self._judge}_inconsistent"
        return MetricValue(name=name, value=value, unit="1", better="lower", is_grade=False, n=self._n)

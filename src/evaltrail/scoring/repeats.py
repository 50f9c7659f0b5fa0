"""Repeats: which samples are the same item asked again, and what an item's repeats come to."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from evaltrail.scoring.normal_form import bare
from evaltrail.stats.estimate import Estimate, estimate_mean, estimate_share
from evaltrail.stats.passk import majority, pass_at_k, pass_hat_k


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """What some items come to; the others had too few scored repeats."""

    estimate: Estimate | None
    """None when no item had enough."""
    items: int
    left_out: int


class ItemScores:
    """One metric's scores gathered by item, each item's in the order of its repeats.

    Args:
        texts: per item a hash of each scored repeat's text.
        values: per item the score of each scored repeat.
        clusters: per item the cluster of dependent items, or None when all are independent.
        total: items that were asked, scored or not.
    """

    def __init__(
        self, texts: list[list[int]], values: list[list[float]], clusters: list[int] | None, total: int
    ) -> None:
        self._texts = texts
        self._values = values
        self._clusters = clusters
        self._total = total

    def mean(self, *, is_binary: bool) -> Estimate:
        """The mean over items of the mean over their scored repeats."""
        means = [math.fsum(values) / len(values) for values in self._values]
        if is_binary:
            return estimate_share(means, sum(map(len, self._values)), self._clusters)
        return estimate_mean(means, self._clusters)

    def passed(self, k: int) -> Figure:
        """pass@k over the items that have k scored repeats, for 0/1 scores."""
        return self._by_draws(k, pass_at_k)

    def passed_always(self, k: int) -> Figure:
        """pass^k over the items that have k scored repeats, for 0/1 scores."""
        return self._by_draws(k, pass_hat_k)

    def majority(self) -> Figure:
        """The score of each item's most frequent answer, ties to the earliest; for 0/1 scores."""
        votes = [values[majority(texts)] for values, texts in zip(self._values, self._texts, strict=True)]
        return self._figure(votes, len(votes), self._clusters)

    def _by_draws(self, k: int, chance: Callable[[int, int, int], float]) -> Figure:
        places = [place for place, values in enumerate(self._values) if len(values) >= k]
        enough = [self._values[place] for place in places]
        shares = [chance(len(values), int(math.fsum(values)), k) for values in enough]
        clusters = None if self._clusters is None else [self._clusters[place] for place in places]
        return self._figure(shares, sum(map(len, enough)), clusters)

    def _figure(self, shares: list[float], trials: int, clusters: list[int] | None) -> Figure:
        estimate = estimate_share(shares, trials, clusters) if shares else None
        return Figure(estimate=estimate, items=len(shares), left_out=self._total - len(shares))


class Repeats:
    """Item, repeat and text of every row, 20 bytes a row.

    Args:
        asked: times each item is asked.
    """

    def __init__(self, asked: int) -> None:
        self.asked = asked
        self._items = array("q")
        self._repeats = array("i")
        self._texts = array("q")

    def add(self, item: int, repeat: int, text: str | None) -> None:
        """Keeps where the next row belongs; of its text only a hash of its bare form, by which votes are counted."""
        self._items.append(item)
        self._repeats.append(repeat)
        self._texts.append(0 if text is None else hash(bare(text)))

    def gather(self, rows: Sequence[int], values: Sequence[float], clusters: Sequence[int] | None) -> ItemScores:
        """The scores of some rows by item; ``clusters`` has one entry for every row there is."""
        order = sorted(range(len(rows)), key=lambda place: self._repeats[rows[place]])
        texts: dict[int, list[int]] = {}
        scores: dict[int, list[float]] = {}
        cluster_of: dict[int, int] = {}
        for place in order:
            row = rows[place]
            item = self._items[row]
            texts.setdefault(item, []).append(self._texts[row])
            scores.setdefault(item, []).append(values[place])
            if clusters is not None:
                cluster_of[item] = clusters[row]
        return ItemScores(
            list(texts.values()),
            list(scores.values()),
            None if clusters is None else list(cluster_of.values()),
            len(set(self._items)),
        )

    def mean_over_all(self, rows: Sequence[int], values: Sequence[float]) -> float:
        """The mean over all items of the mean over all their repeats, where the rows left out count as 0."""
        asked = Counter(self._items)
        return math.fsum(value / asked[self._items[row]] for row, value in zip(rows, values, strict=True)) / len(asked)

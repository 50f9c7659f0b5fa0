"""Aggregator: scored samples stream in, metrics with their uncertainty and counts come out."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol, runtime_checkable

from evaltrail.core.metric import MetricValue
from evaltrail.core.ports import Instrument
from evaltrail.core.result import Counts
from evaltrail.core.sample import Sample
from evaltrail.scoring.column import NOT_A_NUMBER, Column, Rows
from evaltrail.scoring.repeats import Repeats


class WholeTask(Protocol):
    """A figure over a whole task that is no mean of scores, such as corpus BLEU."""

    def add(self, sample: Sample) -> None:
        """Takes in one sample that its metric scored, in memory that does not grow."""
        ...

    def metric(self) -> MetricValue:
        """The figure over all that came in."""
        ...


@runtime_checkable
class HasWholeTask(Protocol):
    """A metric that offers such a figure beside its mean."""

    def whole_task(self) -> WholeTask:
        """A fresh, empty figure."""
        ...


class Aggregator:
    """Metrics and counts of one task, from samples in any order, in some 40 bytes a sample and metric.

    Every MetricValue says: ``n`` scored samples behind it and ``unscored`` samples by reason, which together are all
    samples; the mean leaves the unscored out, and ``floor`` tells it with all of them wrong (grades in [0, 1] only).
    True/False scores get a Wilson interval, others a t interval; where samples share a ``group`` the errors are
    clustered (Miller 2024). Scores that are words give the share of each word as ``<metric>/<word>``.

    With repeats the item is the unit: the mean is over items of the mean over their repeats, ``n`` still counts
    samples, and each True/False grade also gives ``pass@k`` (any of k right; k = 1, 2, 4... and all), ``pass^k`` (all
    of k right) and ``maj@k`` (the score of the most frequent answer, but for case and marks around it). Their ``n``
    counts items, of which those with too few scored repeats are left out; they are named ``<metric>_pass@k`` when the
    task has several True/False grades.

    Args:
        metrics: in the order they are to come out.
        repeats: times each item is asked.
    """

    def __init__(self, metrics: Sequence[Instrument], repeats: int = 1) -> None:
        self._columns = [Column(metric) for metric in metrics]
        self._whole = {metric.name: metric.whole_task() for metric in metrics if isinstance(metric, HasWholeTask)}
        self._repeats = Repeats(repeats) if repeats > 1 else None
        self._clusters = array("q")
        self._is_grouped = False
        self._total = 0
        self._is_scored = bytearray()
        self._failed = 0
        self._unscored: Counter[str] = Counter()

    def add(self, sample: Sample) -> None:
        """Takes in one sample with its scores; nothing of its texts is kept."""
        row = self._total
        self._total += 1
        self._add_place(sample)
        scores, error = sample.scores, sample.error
        first_reason = error
        for column in self._columns:
            metric = column.metric
            reason = column.add(row, scores.get(metric.name), error)
            if reason:
                if metric.is_grade and not first_reason:
                    first_reason = reason
            elif metric.name in self._whole:
                self._whole[metric.name].add(sample)
        if first_reason:
            self._unscored[first_reason] += 1
            self._failed += bool(error)
        self._is_scored.append(not first_reason)

    def metrics(self) -> tuple[MetricValue, ...]:
        """One aggregate a metric and what belongs beside it, of all samples so far; never NaN."""
        rows = Rows(total=self._total, clusters=self._clusters if self._is_grouped else None, repeats=self._repeats)
        is_alone = sum(column.is_binary_grade for column in self._columns) == 1
        made: list[MetricValue] = []
        for column in self._columns:
            name = column.metric.name
            made_now = column.metrics(rows, "" if is_alone else f"{name}_")
            made += made_now
            if name in self._whole:
                made.append(replace(self._whole[name].metric(), unscored=made_now[0].unscored))
        return tuple(made)

    def counts(self) -> Counts:
        """What became of every sample; one that several grades left out counts under the first one's reason."""
        graded = [column for column in self._columns if column.metric.is_grade]
        misfits = {row for column in graded for row in column.misfits if self._is_scored[row]}
        unscored = self._unscored + Counter({NOT_A_NUMBER: len(misfits)})
        return Counts(
            total=self._total,
            scored=sum(self._is_scored) - len(misfits),
            unscored=dict(sorted(unscored.items())),
            failed=self._failed,
        )

    def _add_place(self, sample: Sample) -> None:
        group = sample.group
        # Groups are known by their hash: 8 bytes, and two of 10^6 groups meet once in 10^7 tasks.
        self._clusters.append(hash(group) if group else sample.index)
        self._is_grouped = self._is_grouped or bool(group)
        if self._repeats is not None:
            self._repeats.add(sample.index, sample.repeat, sample.graded)

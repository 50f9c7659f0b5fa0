"""Column: one metric's scores over a task, packed, and the figures they come to."""

from __future__ import annotations

import math
import re
from array import array
from collections import Counter
from dataclasses import dataclass, replace

from evaltrail.core.metric import MetricValue
from evaltrail.core.ports import Instrument
from evaltrail.core.sample import Score
from evaltrail.scoring.repeats import Figure, Repeats
from evaltrail.scoring.spread import SPREADS
from evaltrail.stats.estimate import Estimate, estimate_mean, estimate_share
from evaltrail.stats.passk import repeat_steps

MAX_LABELS = 64
"""Different labels of one metric that get a share each; what goes beyond is unscored (``too_many_labels``)."""

NOT_A_NUMBER = "not_a_number"
"""Why a word among numbers is unscored."""
_NOT_SCORED = "not_scored"
_SCALE = re.compile(r"-?\d+(?:\.\d+)?\.\.-?\d+(?:\.\d+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """What all columns of a task share: where each sample belongs."""

    total: int
    clusters: array[int] | None
    """Per row the cluster of dependent samples; None when every sample is its own."""
    repeats: Repeats | None
    """Per row the item and its repeat; None when every item was asked once."""


class Column:
    """The scores of one metric in the order they came, 12 bytes each."""

    def __init__(self, metric: Instrument) -> None:
        self.metric = metric
        self._rows = array("i")
        self._values = array("d")
        self._is_binary = True
        self._label_rows = array("i")
        self._labels_seen: dict[str, int] = {}
        self._label_codes = array("i")
        self._unscored: Counter[str] = Counter()

    def add(self, row: int, score: Score | None, error: str) -> str:
        """Keeps one score; the reason why there is none, or an empty string."""
        value = None if score is None else score.value
        if value is None or error:
            reason = error or (score.reason if score is not None else "") or _NOT_SCORED
        elif isinstance(value, str):
            reason = self._add_label(row, value)
        elif not math.isfinite(value):
            reason = "not_finite"
        else:
            self._is_binary = self._is_binary and isinstance(value, bool)
            self._rows.append(row)
            self._values.append(value)
            return ""
        if reason:
            self._unscored[reason] += 1
        return reason

    def metrics(self, rows: Rows, prefix: str) -> list[MetricValue]:
        """The metric's aggregate, then what its repeats come to; labels instead where the scores are words.

        Args:
            rows: the samples that were added.
            prefix: stands before ``pass@k``, ``pass^k`` and ``maj@k``.
        """
        if self._label_rows and not self._rows:
            return self._label_shares(rows)
        if not self._rows:
            return [self._value(self.metric.name, None, n=0, floor=self._floor(rows))]
        floor = self._floor(rows)
        if rows.repeats is None:
            estimate = _estimate_plain(self._rows, self._values, rows, is_binary=self._is_binary)
            return [self._value(self.metric.name, estimate, n=len(self._rows), floor=floor), *self._spreads()]
        items = rows.repeats.gather(self._rows, self._values, rows.clusters)
        estimate = items.mean(is_binary=self._is_binary)
        main = self._value(self.metric.name, estimate, n=len(self._rows), floor=floor)
        if not self.is_binary_grade:
            return [main, *self._spreads()]
        steps = repeat_steps(rows.repeats.asked)
        figures = {f"{prefix}pass@{k}": items.passed(k) for k in steps}
        figures |= {f"{prefix}pass^{k}": items.passed_always(k) for k in steps if k > 1}  # pass^1 is pass@1
        figures[f"{prefix}maj@{rows.repeats.asked}"] = items.majority()
        return [main, *(self._item_value(name, figure) for name, figure in figures.items())]

    @property
    def is_binary_grade(self) -> bool:
        """Whether it grades, True is the better, and every number it scored so far was True or False."""
        metric = self.metric
        return metric.is_grade and metric.better == "higher" and self._is_binary and bool(self._rows)

    @property
    def misfits(self) -> array[int]:
        """Rows whose score is a word where others have numbers: only the end tells which of the two it is."""
        return self._label_rows if self._rows else array("i")

    def _add_label(self, row: int, label: str) -> str:
        code = self._labels_seen.setdefault(label, len(self._labels_seen))
        if code >= MAX_LABELS:
            del self._labels_seen[label]
            return "too_many_labels"
        self._label_rows.append(row)
        self._label_codes.append(code)
        return ""

    def _all_unscored(self) -> dict[str, int]:
        """Reasons and counts; a word among numbers is none of them."""
        return {**self._unscored, **({NOT_A_NUMBER: len(self.misfits)} if self.misfits else {})}

    def _floor(self, rows: Rows) -> float | None:
        """The value if all unscored samples had been wrong, for grades in [0, 1]."""
        metric = self.metric
        if not self._all_unscored() or not metric.is_grade or metric.unit != "1" or metric.better == "neither":
            return None
        worst = 0.0 if metric.better == "higher" else 1.0
        if rows.repeats is None:
            return worst + math.fsum(value - worst for value in self._values) / rows.total
        return worst + rows.repeats.mean_over_all(self._rows, [value - worst for value in self._values])

    def _spreads(self) -> list[MetricValue]:
        """Aggregates beside the mean that the metric asks for, ``<metric>_p90``, over all scores; no estimates."""
        wanted = [word for word in getattr(self.metric, "aggregations", ()) if word in SPREADS]
        bare = self._value(self.metric.name, None, n=len(self._rows))
        name = self.metric.name
        return [
            replace(bare, name=f"{name}_{word}", value=SPREADS[word](self._values), is_grade=False) for word in wanted
        ]

    def _item_value(self, name: str, figure: Figure) -> MetricValue:
        return self._value(name, figure.estimate, n=figure.items, unscored={"too_few_repeats": figure.left_out})

    def _label_shares(self, rows: Rows) -> list[MetricValue]:
        made = []
        for label, code in sorted(self._labels_seen.items()):
            hits = array("d", (float(seen == code) for seen in self._label_codes))
            if rows.repeats is None:
                estimate = _estimate_plain(self._label_rows, hits, rows, is_binary=True)
            else:
                estimate = rows.repeats.gather(self._label_rows, hits, rows.clusters).mean(is_binary=True)
            made.append(self._value(f"{self.metric.name}/{label}", estimate, n=len(hits), is_share=True))
        return made

    def _value(
        self,
        name: str,
        estimate: Estimate | None,
        *,
        n: int,
        floor: float | None = None,
        unscored: dict[str, int] | None = None,
        is_share: bool = False,
    ) -> MetricValue:
        metric = self.metric
        reasons = self._all_unscored() if unscored is None else unscored
        unit = "1" if is_share else metric.unit
        empty = MetricValue(
            name=name,
            value=None,
            unit=unit,
            better="neither" if is_share else metric.better,
            is_grade=metric.is_grade,
            n=n,
            unscored={reason: count for reason, count in sorted(reasons.items()) if count},
            floor=floor,
        )
        if estimate is None:
            return empty
        low, high = _on_scale(estimate, unit)
        return replace(
            empty,
            value=estimate.value,
            stderr=estimate.stderr,
            ci_low=low,
            ci_high=high,
            ci_method=estimate.method,
        )


def _on_scale(estimate: Estimate, unit: str) -> tuple[float | None, float | None]:
    """The interval's ends, not beyond the scale that a unit tells: ``1`` for shares, ``1..5`` for a rubric's grades."""
    low, high = estimate.low, estimate.high
    ends = (0.0, 1.0) if unit == "1" else tuple(map(float, unit.split(".."))) if _SCALE.fullmatch(unit) else ()
    if low is None or high is None or not ends:
        return low, high
    return max(ends[0], low), min(ends[1], high)


def _estimate_plain(own: array[int], values: array[float], rows: Rows, *, is_binary: bool) -> Estimate:
    """The mean of scores whose items were asked once."""
    clusters = None if rows.clusters is None else [rows.clusters[row] for row in own]
    return estimate_share(values, len(values), clusters) if is_binary else estimate_mean(values, clusters)

"""Slices: the metrics of a task over the samples that share an attribute's value, beside those over all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from evaltrail.core.metric import MetricValue
from evaltrail.core.ports import Instrument
from evaltrail.core.sample import Sample
from evaltrail.scoring.aggregate import Aggregator


class Slices:
    """Metrics by slice, named ``<metric>/<attribute>/<value>``; samples may come in any order.

    They observe, and do not grade: a sample that is unscored is counted with the whole task already.

    Args:
        metrics: of the task.
        wanted: attribute to the values that get a slice; samples with another value are in none.
        repeats: times each item is asked.
    """

    def __init__(self, metrics: Sequence[Instrument], wanted: Mapping[str, Sequence[str]], repeats: int = 1) -> None:
        self._names = [metric.name for metric in metrics]
        self._parts = {
            attribute: {value: Aggregator(metrics, repeats) for value in values} for attribute, values in wanted.items()
        }

    def add(self, sample: Sample) -> None:
        """Takes in one sample with its scores."""
        for attribute, parts in self._parts.items():
            part = parts.get(str(sample.attributes.get(attribute, "")))
            if part is not None:
                part.add(sample)

    def metrics(self) -> tuple[MetricValue, ...]:
        """The mean of each metric in each slice, a metric's slices together; a slice without samples has none."""
        made = [
            (f"{attribute}/{value}", {metric.name: metric for metric in part.metrics()})
            for attribute, parts in self._parts.items()
            for value, part in parts.items()
            if part.counts().total
        ]
        return tuple(
            replace(found[name], name=f"{name}/{place}", is_grade=False)
            for name in self._names
            for place, found in made
            if name in found
        )

"""Metrics of the harness without the filter that filters nothing: ``acc`` for ``acc,none``, as seed 001 calls them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from evaltrail.core.result import TaskResult
from evaltrail.core.sample import Sample, SampleStream

_NO_FILTER = ",none"


def with_plain_names(result: TaskResult) -> TaskResult:
    """The result with such metrics, and their scores, under their plain names; a name that is taken stays away."""
    taken = {metric.name for metric in result.metrics}
    names = {
        name: name.removesuffix(_NO_FILTER)
        for name in taken
        if name.endswith(_NO_FILTER) and name.removesuffix(_NO_FILTER) not in taken
    }
    if not names:
        return result
    metrics = tuple(replace(metric, name=names.get(metric.name, metric.name)) for metric in result.metrics)
    samples = None if result.samples is None else _Renamed(result.samples, names)
    return replace(result, metrics=metrics, samples=samples)


@dataclass(frozen=True, slots=True)
class _Renamed:
    """Samples whose scores bear other names."""

    samples: SampleStream
    names: Mapping[str, str]

    def __iter__(self) -> Iterator[Sample]:
        """A fresh iterator from the first sample on."""
        for sample in self.samples:
            scores = {self.names.get(name, name): score for name, score in sample.scores.items()}
            yield replace(sample, scores=scores)

"""Runs metrics over one sample: the wall behind which a metric may fail."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence

from evaltrail.core.ports import Metric
from evaltrail.core.sample import Sample, Score


def score_into(sample: Sample, metrics: Sequence[Metric], scores: MutableMapping[str, Score]) -> None:
    """Puts each metric's score of a sample under the metric's name.

    A sample with an error is unscored for that reason by every metric; a metric that raises leaves the sample unscored
    (``metric_error``) with the exception as rationale.
    """
    if sample.error:
        failed = Score(reason=sample.error)
        for metric in metrics:
            scores[metric.name] = failed
        return
    for metric in metrics:
        try:
            scores[metric.name] = metric.score(sample)
        except Exception as error:  # noqa: BLE001 - a plugin's wall: its failure is a reason, not the run's end
            scores[metric.name] = Score(
                reason="metric_error", rationale=f"{type(error).__name__}: {error}", source=metric.source
            )

"""Runs metrics over one sample: the wall behind which a metric may fail."""

from __future__ import annotations

import math
from collections.abc import MutableMapping, Sequence

from evaltrail.core.ports import Metric
from evaltrail.core.sample import Sample, Score

_RATIONALE_CHARACTERS = 500


def score_into(sample: Sample, metrics: Sequence[Metric], scores: MutableMapping[str, Score]) -> None:
    """Puts each metric's score of a sample under the metric's name.

    A sample with an error is unscored for that reason by every metric. A metric that raises leaves the sample unscored
    (``metric_error``) with the exception as rationale, and so does one that answers NaN or infinity (``not_finite``).
    """
    if sample.error:
        failed = Score(reason=sample.error)
        for metric in metrics:
            scores[metric.name] = failed
        return
    for metric in metrics:
        try:
            score = metric.score(sample)
            if isinstance(score.value, float) and not math.isfinite(score.value):
                score = Score(reason="not_finite", source=metric.source)
        except Exception as error:  # noqa: BLE001 - a plugin's wall: its failure is a reason, not the run's end
            rationale = f"{type(error).__name__}: {error}"[:_RATIONALE_CHARACTERS]
            score = Score(reason="metric_error", rationale=rationale, source=metric.source)
        scores[metric.name] = score

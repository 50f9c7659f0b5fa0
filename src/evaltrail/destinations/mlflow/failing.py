"""Which samples of a task failed: no answer, no score from a metric that grades, or a grade that says wrong."""

from __future__ import annotations

from evaltrail.core.result import TaskResult
from evaltrail.core.sample import Sample, Score


class Failing:
    """Tells the failed samples of one task.

    A grade says wrong where it is False, or below 1 and its metric is a share of which more is better. Scores without
    a metric in the result, as of some foreign ones, count when they are False or missing.
    """

    def __init__(self, task: TaskResult) -> None:
        self._observed = {metric.name for metric in task.metrics if not metric.is_grade}
        self._shares = {
            metric.name
            for metric in task.metrics
            if metric.is_grade and metric.unit == "1" and metric.better == "higher"
        }

    def has(self, sample: Sample) -> bool:
        """Whether the sample is one of them."""
        if sample.error:
            return True
        return any(self._is_failure(name, score) for name, score in sample.scores.items() if name not in self._observed)

    def _is_failure(self, name: str, score: Score) -> bool:
        value = score.value
        if value is None or value is False:
            return True
        return name in self._shares and not isinstance(value, str) and value < 1

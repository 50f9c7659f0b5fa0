"""MLflow's plugin by which ``mlflow.models.evaluate(..., evaluators="evaltrail")`` gives our metrics.

Source: ``mlflow.model_evaluator`` of MLflow 3.17; its interface is two methods. MLflow loads this file in the midst of
its own import, so what is needed of it is imported on use.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from evaltrail.compat.genai_row import sample_of
from evaltrail.core.errors import InputError
from evaltrail.core.ports import Metric
from evaltrail.core.result import TaskResult
from evaltrail.core.sample import Sample, Score
from evaltrail.destinations.mlflow.points import metric_points
from evaltrail.destinations.mlflow.run_plan import PlannedMetric
from evaltrail.scoring.aggregate import Aggregator
from evaltrail.scoring.apply import Scorer, score_into
from evaltrail.scoring.catalog import make_metrics
from evaltrail.scoring.judging.port import Judge

if TYPE_CHECKING:
    from mlflow.models import EvaluationResult

METRICS_KEY = "metrics"
"""Of the evaluator's configuration: names of metrics, or ``{name: {option: value}}``."""


class EvaltrailEvaluator:
    """Our heuristics' metrics, with standard errors, intervals and counts, in MLflow's EvaluationResult."""

    @classmethod
    def can_evaluate(cls, *, model_type: str | None, evaluator_config: Mapping[str, Any] | None, **_: Any) -> bool:  # noqa: ARG003  any type
        """Whether metrics are named: without them it stays out of evaluations that never asked for it."""
        return bool((evaluator_config or {}).get(METRICS_KEY))

    def evaluate(
        self, *, dataset: Any, run_id: str, evaluator_config: Mapping[str, Any], model: Any = None, **_: Any
    ) -> EvaluationResult:
        """The metrics of a data set, logged to the run too.

        Args:
            dataset: features, and targets where the metrics need them.
            run_id: where the metrics are logged.
            evaluator_config: ``metrics``; ``input``, the column that is the question where there are several.
            model: answers the features; None = the data hold predictions.

        Raises:
            InputError: a metric or an option is unknown, a metric asks a model, or there are no outputs.
        """
        from mlflow import MlflowClient  # noqa: PLC0415  mlflow is being imported when this file is
        from mlflow.entities import Metric as Point  # noqa: PLC0415  the same
        from mlflow.models import EvaluationResult  # noqa: PLC0415  the same

        points = _points(dataset, model, evaluator_config)
        logged = [Point(point.name, point.value, point.timestamp_ms, point.step) for point in points]
        MlflowClient().log_batch(run_id, metrics=logged)
        make: Callable[..., EvaluationResult] = EvaluationResult
        return make(metrics={point.name: point.value for point in points}, artifacts={}, run_id=run_id)


def _points(dataset: Any, model: Any, config: Mapping[str, Any]) -> tuple[PlannedMetric, ...]:
    metrics = [_heuristic(each) for each in make_metrics(config[METRICS_KEY], where="evaluator_config.metrics")]
    totals = Aggregator(metrics)
    for sample in _samples(dataset, model, str(config.get("input", ""))):
        scores: dict[str, Score] = {}
        score_into(sample, metrics, scores)
        totals.add(replace(sample, scores=scores))
    task = TaskResult(name="", provider="mlflow", metrics=totals.metrics(), counts=totals.counts())
    return metric_points((task,), timestamp_ms=int(time.time() * 1000)).metrics


def _heuristic(metric: Scorer) -> Metric:
    if isinstance(metric, Judge):
        raise InputError(
            f"the metric {metric.name!r} asks a model",
            code="bad_metric",
            where="evaluator_config.metrics",
            hint="use it in evaltrail.evaluate",
        )
    return metric


def _samples(dataset: Any, model: Any, question: str) -> Iterator[Sample]:
    """One sample a row; what is not the question is a field of the record."""
    rows = dataset.features_data.to_dict("records")
    outputs = dataset.predictions_data if model is None else model.predict(dataset.features_data)
    if outputs is None or len(outputs) != len(rows):
        raise InputError(
            f"{len(rows)} rows have {0 if outputs is None else len(outputs)} outputs",
            code="no_outputs",
            hint="name their column in `predictions`, or pass a model that answers each row",
        )
    targets = [None] * len(rows) if dataset.labels_data is None else list(dataset.labels_data)
    for index, (fields, output, target) in enumerate(zip(rows, outputs, targets, strict=True)):
        asked = {"question": fields[question], **fields} if question in fields else fields
        expected = None if target is None else {"reference": target}
        yield sample_of(asked, output, expected, index=index)

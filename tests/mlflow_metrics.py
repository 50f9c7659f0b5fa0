"""Objects of the shape of MLflow's metrics, without MLflow: what tells them is the class's name and module."""

from __future__ import annotations


class EvaluationMetric:
    """Of ``mlflow.metrics.make_metric``: the fields that are read of it."""

    def __init__(self, name, eval_fn, *, greater_is_better=True, genai_metric_args=None):
        self.name = name
        self.eval_fn = eval_fn
        self.greater_is_better = greater_is_better
        self.genai_metric_args = genai_metric_args


EvaluationMetric.__module__ = "mlflow.models.evaluation.base"

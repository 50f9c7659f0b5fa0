"""Errors, metrics and counts as programs get them: the parts of every `--json` object."""

from __future__ import annotations

from typing import Any

from evaltrail.core.errors import EvaltrailError, PartialError
from evaltrail.core.metric import MetricValue
from evaltrail.core.result import Counts, ResultBundle


def error_object(error: EvaltrailError) -> dict[str, str]:
    """An error for programs."""
    return {"code": error.code, "message": error.message, "hint": error.hint, "where": error.where}


def failure_object(error: EvaltrailError) -> dict[str, Any]:
    """The JSON object of a command that could not begin or had to stop."""
    return {
        "ok": False,
        "exit_code": error.exit_code,
        "evaluation_id": error.evaluation_id or None,
        "out": None,
        "receipts": [],
        "metrics": {},
        "counts": {},
        "errors": [error_object(each) for each in (error.errors if isinstance(error, PartialError) else (error,))],
    }


def result_parts(bundle: ResultBundle) -> dict[str, dict[str, Any]]:
    """The metrics and counts of a bundle for programs, each under its task's name."""
    return {
        "metrics": {
            f"{task.name}/{metric.name}": metric_object(metric) for task in bundle.tasks for metric in task.metrics
        },
        "counts": {task.name: _counts_object(task.counts) for task in bundle.tasks},
    }


def metric_object(metric: MetricValue) -> dict[str, Any]:
    """A metric for programs: always out of how many."""
    return {
        "value": metric.value,
        "n": metric.n,
        "n_unscored": metric.n_unscored,
        "unscored": dict(metric.unscored),
        "stderr": metric.stderr,
        "ci_low": metric.ci_low,
        "ci_high": metric.ci_high,
        "floor": metric.floor,
    }


def _counts_object(counts: Counts) -> dict[str, Any]:
    return {
        "total": counts.total,
        "scored": counts.scored,
        "unscored": dict(counts.unscored),
        "failed": counts.failed,
    }

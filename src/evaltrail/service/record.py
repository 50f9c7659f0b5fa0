"""A finished evaluation as the one JSON object that programs get and the ledger keeps."""

from __future__ import annotations

from typing import Any

import msgspec

from evaltrail.core.errors import EvaltrailError
from evaltrail.core.metric import MetricValue
from evaltrail.core.result import Counts
from evaltrail.service.order import Result


def recorded(result: Result) -> bytes:
    """What the ledger keeps of a result."""
    return msgspec.json.encode(result_object(result))


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
        "errors": [error_object(error)],
    }


def result_object(result: Result) -> dict[str, Any]:
    """The JSON object of a finished evaluation."""
    return {
        "ok": result.exit_code == 0,
        "exit_code": result.exit_code,
        "evaluation_id": result.evaluation_id,
        "state": result.state,
        "model": result.bundle.model,
        "out": str(result.out),
        "receipts": msgspec.to_builtins(result.receipts),
        "metrics": {name: metric_object(metric) for name, metric in result.metrics.items()},
        "counts": {task.name: _counts_object(task.counts) for task in result.bundle.tasks},
        "errors": [error_object(error) for error in result.errors],
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

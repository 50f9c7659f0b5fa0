"""Accounts of evaluations as JSON: under the names that the REST contract gives them."""

from __future__ import annotations

from dataclasses import fields

from evaltrail.api.links import linked
from evaltrail.service.answering.account import AccountPage, BenchmarkAccount, EvaluationAccount
from evaltrail.service.answering.compare import ComparedEvaluation, Comparison
from evaltrail.service.answering.results import BenchmarkResults, EvaluationResults
from evaltrail.service.answering.summary import BenchmarkSummary, EvaluationSummary

Wire = dict[str, object]
"""What an encoder makes a JSON object of."""


def evaluation_object(account: EvaluationAccount) -> Wire:
    """One evaluation.

    ``request_id`` is its id under the name that its runs in MLflow bear as a tag.
    """
    return {
        "id": account.id,
        "request_id": account.id,
        "name": account.name,
        "description": account.description,
        "status": account.state,
        "message": account.message,
        "created_at": account.created_at,
        "started_at": account.started_at,
        "ended_at": account.ended_at,
        "model": account.model,
        "experiment": account.experiment,
        "collection": account.collection or None,
        "pass_criteria": None if account.threshold is None else {"threshold": account.threshold},
        "labels": account.labels,
        "benchmarks": [_benchmark(each) for each in account.benchmarks],
        "progress": account.progress,
        "tokens": account.tokens,
        "runs": account.runs,
        "mlflow_sync": account.mlflow_sync,
        "callback": account.callback and {"url": account.callback.url, "status": account.callback.state},
        "error": account.error,
        "timeout_minutes": None if account.timeout_s is None else account.timeout_s / 60,
        "retry_attempts": account.retry_attempts,
        "priority": account.priority,
        "queue": account.queue,
        "warnings": account.warnings,
        "links": linked(account.links),
    }


def page_object(page: AccountPage) -> Wire:
    """Some evaluations, newest first."""
    return {
        "items": [evaluation_object(each) for each in page.items],
        "total_count": page.total_count,
        "next_cursor": page.next_cursor or None,
    }


def results_object(results: EvaluationResults) -> Wire:
    """What an evaluation came to."""
    return {**_stated(results), "benchmarks": [_stated(each) for each in results.benchmarks]}


def summary_object(summary: EvaluationSummary) -> Wire:
    """An evaluation in a few figures."""
    links = linked(summary.links)
    return {**_stated(summary), "links": links, "benchmarks": [_stated(each) for each in summary.benchmarks]}


def comparison_object(comparison: Comparison) -> Wire:
    """Evaluations side by side."""
    return {
        "evaluations": [_stated(each) for each in comparison.evaluations],
        "metrics": comparison.metrics,
        "notes": comparison.notes,
    }


def _stated(
    value: EvaluationResults | BenchmarkResults | EvaluationSummary | BenchmarkSummary | ComparedEvaluation,
) -> Wire:
    """The fields of a value; its state under the contract's word for it."""
    words = {"state": "status", "states": "statuses"}
    return {words.get(each.name, each.name): getattr(value, each.name) for each in fields(value)}


def _benchmark(account: BenchmarkAccount) -> Wire:
    return {
        "index": account.index,
        "benchmark_id": account.id,
        "id": account.id,
        "provider_id": account.provider_id,
        "status": account.state,
        "phase": account.phase,
        "progress": account.progress,
        "attempts": account.attempts,
        "tokens": account.tokens,
        "started_at": account.started_at,
        "ended_at": account.ended_at,
        "error": account.error,
        "config": account.config,
        "weight": account.weight,
        "primary_score": account.primary_score,
        "pass_criteria": None if account.threshold is None else {"threshold": account.threshold},
    }

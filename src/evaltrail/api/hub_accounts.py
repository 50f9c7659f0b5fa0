"""Evaluations as today's Eval Hub clients read them: ``EvaluationJob`` of eval-hub-sdk 1.0.6."""

from __future__ import annotations

from collections.abc import Sequence

from evaltrail.api.accounts import Wire
from evaltrail.bundle.layout import LEFT
from evaltrail.jobs.states import ENDED
from evaltrail.service.answering.account import BenchmarkAccount, EvaluationAccount, Problem, RunAccount
from evaltrail.service.answering.results import ArtifactAccount, BenchmarkResults, EvaluationResults, MetricResult

JOBS = "/api/v1/evaluations/jobs"


def job_object(account: EvaluationAccount, prefix: str, results: EvaluationResults | None = None) -> Wire:
    """One job.

    Args:
        account: of the evaluation.
        prefix: of the names of experiments, which clients leave out.
        results: what it came to; None = they are not told here.
    """
    asked = [_asked(each) for each in account.benchmarks]
    collection = {"id": account.collection, "benchmarks": asked} if account.collection else None
    return {
        "resource": {
            "id": account.id,
            "tenant": account.tenant or None,
            "created_at": account.created_at,
            "updated_at": account.ended_at or account.started_at or account.created_at,
            "mlflow_experiment_id": account.experiment.id or None,
            "mlflow_experiment_name": account.experiment.name or None,
        },
        "status": {
            "state": account.state,
            "message": _message("; ".join((account.message.message, *account.warnings)), account.message.message_code),
            "benchmarks": [_status(each, is_settling=_is_settling(account)) for each in account.benchmarks],
        },
        "results": _results(account, results),
        "name": account.name,
        "description": account.description or None,
        "tags": account.labels,
        "model": {"url": account.model.url, "name": account.model.name},
        "benchmarks": None if collection else asked,
        "collection": collection,
        "experiment": {
            "name": account.experiment.name.removeprefix(prefix),
            "tags": [{"key": key, "value": value} for key, value in account.experiment.tags.items()],
        },
        "pass_criteria": _criteria(account.threshold),
    }


def _asked(benchmark: BenchmarkAccount) -> Wire:
    return {
        "id": benchmark.id,
        "provider_id": benchmark.provider_id,
        "parameters": benchmark.config,
        "weight": benchmark.weight,
        "primary_score": benchmark.primary_score,
        "pass_criteria": _criteria(benchmark.threshold),
    }


def _is_settling(account: EvaluationAccount) -> bool:
    """Whether all benchmarks have ended and the job has not, which the clients would take for over."""
    return account.state not in ENDED and all(each.state in ENDED for each in account.benchmarks)


def _status(benchmark: BenchmarkAccount, *, is_settling: bool) -> Wire:
    return {
        "id": benchmark.id,
        "provider_id": benchmark.provider_id,
        "benchmark_index": benchmark.index,
        "status": "running" if is_settling else benchmark.state,
        "phase": benchmark.phase,
        "progress": benchmark.progress,
        "error_message": _problem(benchmark.error),
        "started_at": benchmark.started_at,
        "completed_at": benchmark.ended_at,
    }


def _results(account: EvaluationAccount, results: EvaluationResults | None) -> Wire:
    told: Wire = {"benchmarks": [], "mlflow_experiment_url": account.experiment.url or None}
    if results is None or not results.is_final:
        return told
    test = results.test
    told["test"] = {
        "score": test.score,
        "threshold": test.threshold,
        "pass": test.verdict == "pass",
        "verdict": test.verdict,
        "reason": test.reason or None,
    }
    told["benchmarks"] = [
        _result(account, each, _artifacts(each.index, results.artifacts, len(results.benchmarks)))
        for each in results.benchmarks
    ]
    return told


def _result(account: EvaluationAccount, results: BenchmarkResults, artifacts: Sequence[ArtifactAccount]) -> Wire:
    verdict = results.verdict
    test = {
        "primary_score": verdict.value,
        "primary_score_metric": verdict.metric,
        "threshold": verdict.threshold,
        "pass": verdict.verdict == "pass",
        "verdict": verdict.verdict,
    }
    return {
        "id": results.id,
        "provider_id": results.provider_id,
        "benchmark_index": results.index,
        "metrics": {metric.name: metric.value for metric in results.metrics},
        "metrics_schema": [{"name": metric.name, "type": "numeric"} for metric in results.metrics],
        "artifacts": {each.path: each for each in artifacts},
        "mlflow_run_id": _run_id(account.runs, results),
        "logs_path": f"{JOBS}/{account.id}/benchmarks/{results.index}/logs",
        "test": test if verdict.metric else None,
        "additional_info": {
            "counts": results.counts,
            "performance": results.performance,
            "uncertainty": {metric.name: told for metric in results.metrics if (told := _uncertainty(metric))},
        },
    }


def _artifacts(number: int, artifacts: Sequence[ArtifactAccount], count: int) -> Sequence[ArtifactAccount]:
    """The files that are about one benchmark: what its program left, and all files where it is the only one.

    Args:
        number: position of the benchmark, from 0.
        artifacts: of the evaluation.
        count: how many benchmarks it has.
    """
    return [each for each in artifacts if count == 1 or each.path.startswith(f"{LEFT}/{number}/")]


def _uncertainty(metric: MetricResult) -> Wire:
    told = {"n": metric.n, "stderr": metric.stderr, "ci_low": metric.ci_low, "ci_high": metric.ci_high}
    return {name: value for name, value in told.items() if value is not None}


def _run_id(runs: Sequence[RunAccount], results: BenchmarkResults) -> str | None:
    """The run that a benchmark's metrics are on: its own where there is one, else the evaluation's."""
    own = {results.id, f"{results.provider_id}/{results.id}"}
    found = next((run for run in runs if run.task in own), None) or next((run for run in runs if not run.task), None)
    return found.run_id if found else None


def _problem(problem: Problem | None) -> Wire | None:
    if problem is None:
        return None
    said = f"{problem.message} ({problem.hint})" if problem.hint else problem.message
    return _message(said, problem.code)


def _message(message: str, code: str) -> Wire:
    return {"message": message, "message_code": code, "message_origin": "server"}


def _criteria(threshold: float | None) -> Wire | None:
    return None if threshold is None else {"threshold": threshold}

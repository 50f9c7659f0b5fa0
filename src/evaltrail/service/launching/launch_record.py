"""A launch as the one JSON object that programs get."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evaltrail.config.settings import Settings
from evaltrail.core.errors import InputError, InterruptError
from evaltrail.core.job import JobSpec
from evaltrail.core.metric import MetricValue
from evaltrail.service.history.invocations import known_executions
from evaltrail.service.launching.following import Followed, Launched
from evaltrail.service.launching.native_order import BUNDLE
from evaltrail.service.record import metric_object
from evaltrail.store.job_files import JobOutcome
from evaltrail.store.job_folders import job_state


def launch_object(launched: Launched, settings: Settings) -> dict[str, Any]:
    """The JSON object of a launch: of the whole, and of each job.

    Returns:
        ok, exit_code, evaluation_id and invocation_id (the same), out, receipts, metrics, counts, errors, jobs. Metrics
        of native tasks are told with n and interval, those of harnesses as they stand in their results.
    """
    followed = launched.followed
    jobs = [
        _job(spec, folder, outcome) for (spec, folder), outcome in zip(launched.jobs, _outcomes(launched), strict=True)
    ]
    results = _results(launched, settings) if followed else {}
    for job in jobs:
        if not job["metrics"]:
            found = results.get(job["job_id"], {})
            job["metrics"] = {name: metric_object(metric) for name, metric in found.items()}
    code = exit_code_of(followed)
    return {
        "ok": code == 0,
        "exit_code": code,
        "evaluation_id": launched.invocation_id,
        "invocation_id": launched.invocation_id,
        "state": "pending" if followed is None else _state([job["state"] for job in jobs]),
        "out": str(launched.folder),
        "receipts": [receipt for job in jobs for receipt in job["receipts"]],
        "metrics": {name: value for job in jobs for name, value in job["metrics"].items()},
        "counts": {name: value for job in jobs for name, value in job["counts"].items()},
        "errors": [error for job in jobs for error in job["errors"]],
        "jobs": jobs,
    }


def exit_code_of(followed: Followed | None) -> int:
    """0 all done and delivered, 1 a task failed or too much is unscored, 3 a delivery waits, 130 interrupted."""
    if followed is None:
        return 0
    if followed.is_interrupted:
        return InterruptError.exit_code
    codes = [outcome.exit_code for outcome in followed.outcomes]
    # a job that somebody else ended was not interrupted together with the launch: it is a job that failed
    return max((1 if code == InterruptError.exit_code else code for code in codes), default=0)


def _outcomes(launched: Launched) -> tuple[JobOutcome, ...]:
    if launched.followed is not None:
        return launched.followed.outcomes
    return tuple(JobOutcome(task_code=0) for _ in launched.jobs)


def _job(spec: JobSpec, folder: Path, outcome: JobOutcome) -> dict[str, Any]:
    delivery = outcome.delivery
    return {
        "job_id": spec.id,
        "task": spec.task,
        "state": job_state(folder),
        "exit_code": outcome.exit_code,
        "folder": str(folder),
        "metrics": dict(outcome.metrics),
        "counts": dict(outcome.counts),
        "receipts": list(delivery.receipts) if delivery else [],
        "errors": list(outcome.errors),
        "judges": _judges(folder) if outcome.metrics else [],
    }


def _judges(folder: Path) -> list[str]:
    """One line on each judge of a native job."""
    from evaltrail.bundle.read import read_bundle  # noqa: PLC0415  needed once the work is done
    from evaltrail.service.evaluation.judge_facts import judge_lines  # noqa: PLC0415  the same

    try:
        bundle = read_bundle(folder / BUNDLE)
    except InputError:  # the job has told that itself
        return []
    return [line for task in bundle.tasks for line in judge_lines(task.config)]


def _results(launched: Launched, settings: Settings) -> Mapping[str, Mapping[str, MetricValue]]:
    """What the harnesses' jobs came to, as they put it down."""
    harness = {spec.id for spec, _ in launched.jobs if spec.provider != "native"}
    if not harness:
        return {}
    from evaltrail.service.exporting.export_jobs import metrics_of_jobs  # noqa: PLC0415  readers are needed only now

    known = [job for job in known_executions(settings.environ).jobs if job.id in harness]
    results, _ = metrics_of_jobs(known)
    return results


def _state(states: list[str]) -> str:
    if all(state == "success" for state in states):
        return "completed"
    if any(state == "success" for state in states):
        return "partially_failed"
    return "cancelled" if any(state in {"killed", "pending"} for state in states) else "failed"

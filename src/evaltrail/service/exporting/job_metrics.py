"""Metrics of jobs: of native ones with counts and intervals, of the others as their results have them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evaltrail.core.errors import InputError
from evaltrail.service.exporting.export_jobs import job_results
from evaltrail.store.executions import Job
from evaltrail.store.job_files import read_outcome
from evaltrail.store.job_folders import has_ended

Metrics = Mapping[str, float | Mapping[str, Any]]
"""Name to a value, or to value, n, n_unscored, ci_low, ci_high..."""


def job_metrics(jobs: Sequence[Job]) -> tuple[dict[str, Metrics], list[InputError]]:
    """Job id to its metrics; and why some of those that ended have none."""
    native = {job.id: metrics for job in jobs if (metrics := _native(job))}
    results, errors = job_results([job for job in jobs if job.id not in native])
    found: dict[str, Metrics] = {**results, **native}
    return {job.id: found[job.id] for job in jobs if job.id in found}, errors


def _native(job: Job) -> Mapping[str, Mapping[str, Any]]:
    """What a native job of ours has put down; an outcome without an end is of an earlier start."""
    outcome = read_outcome(job.folder) if job.folder and has_ended(job.folder) else None
    return outcome.metrics if outcome else {}

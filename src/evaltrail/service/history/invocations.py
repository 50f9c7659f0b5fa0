"""Invocations, ours and the NeMo Evaluator Launcher's, as evaluations are told: state, progress, folder, jobs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from evaltrail.config.settings import Settings, load_settings
from evaltrail.core.errors import InputError
from evaltrail.service.history.job_accounts import JobAccount, is_own, job_accounts
from evaltrail.store.executions import Executions, Job, database_file, find_jobs, read_executions
from evaltrail.store.job_folders import OVER, JobState, stage_time


def known_executions(environ: Mapping[str, str]) -> Executions:
    """What the execution database holds: its jobs, in the order they were first written down, and broken lines."""
    return read_executions(database_file(environ))


def describe_invocations(jobs: Sequence[Job], settings: Settings | None = None, *, limit: int) -> list[dict[str, Any]]:
    """The latest invocations, newest first; only their folders are looked into.

    Args:
        jobs: of the execution database.
        settings: where Slurm's commands and the outbox are; None = those of this process.
        limit: how many.
    """
    by_invocation: dict[str, list[Job]] = {}
    for job in jobs:
        by_invocation.setdefault(job.invocation_id, []).append(job)
    started = {invocation: _started(found) for invocation, found in by_invocation.items()}
    newest = sorted(by_invocation, key=lambda invocation: started[invocation], reverse=True)
    return describe_each([by_invocation[invocation] for invocation in newest[:limit]], settings or load_settings())


def describe_invocation(jobs: Sequence[Job], settings: Settings) -> dict[str, Any]:
    """State, progress and jobs of one invocation; see ``describe_each``."""
    return describe_each([jobs], settings)[0]


def describe_each(invocations: Sequence[Sequence[Job]], settings: Settings) -> list[dict[str, Any]]:
    """State, progress and jobs of invocations, as their folders, locks and Slurm tell them.

    Args:
        invocations: the jobs of each, or some of them.
        settings: where Slurm's commands and the outbox are.

    Returns:
        The same names as for an evaluation of ours, ``jobs`` beside them; progress counts jobs.
    """
    accounts = job_accounts([job for jobs in invocations for job in jobs], settings)
    return [_described(jobs, [accounts[job.id] for job in jobs]) for jobs in invocations]


def find_invocation(jobs: Sequence[Job], wanted: str) -> tuple[Job, ...]:
    """The jobs that an id's beginning names; none when nothing has such an id.

    Raises:
        InputError: several invocations have.
    """
    try:
        return find_jobs(jobs, [wanted])
    except InputError as error:
        if error.code == "unknown_id":
            return ()
        raise


def _described(jobs: Sequence[Job], accounts: Sequence[JobAccount]) -> dict[str, Any]:
    done = sum(account.state in OVER for account in accounts)
    return {
        "evaluation_id": jobs[0].invocation_id,
        "state": _whole("killed" if account.is_left_behind else account.state for account in accounts),
        "model": ", ".join(dict.fromkeys(job.model for job in jobs if job.model)),
        "tasks": [job.task for job in jobs if job.task],
        "started_at": _started(jobs),
        "ended_at": _ended(jobs) if all(account.is_over for account in accounts) else None,
        "out": _out(jobs),
        "progress": {"done": done, "total": len(jobs)},
        "errors": [error for account in accounts for error in account.errors],
        "source": "evaltrail" if is_own(jobs[0]) else "nemo-evaluator-launcher",
        "jobs": [_job(account) for account in accounts],
    }


def _job(account: JobAccount) -> dict[str, Any]:
    job = account.job
    return {
        "job_id": job.id,
        "state": account.state,
        "task": job.task,
        "folder": str(job.folder or ""),
        "progress": None if account.done is None else {"done": account.done, "total": account.total},
        "exit_code": account.exit_code,
        "delivery": account.delivery,
        "receipts": account.receipts,
        "errors": account.errors,
    }


def _whole(states: Iterable[JobState]) -> str:
    """One word for all jobs, from those that our own evaluations use."""
    counts = Counter(states)
    if counts["running"]:
        return "running"
    if counts["pending"]:
        return "running" if len(counts) > 1 else "pending"
    if counts["success"] == counts.total():
        return "completed"
    if counts["success"]:
        return "partially_failed"
    return "cancelled" if counts["killed"] else "failed"


def _started(jobs: Sequence[Job]) -> str:
    moments: list[datetime] = [job.started_at for job in jobs if job.started_at]
    moments = moments or [found for job in jobs if job.folder and (found := stage_time(job.folder, "running"))]
    return min(moments).isoformat() if moments else ""


def _ended(jobs: Sequence[Job]) -> str | None:
    ended = [moment for job in jobs if job.folder and (moment := stage_time(job.folder, "exit"))]
    return max(ended).isoformat() if ended else None


def _out(jobs: Sequence[Job]) -> str:
    """The folder of one job, or the one that those of several lie in."""
    folders = dict.fromkeys(job.folder for job in jobs if job.folder)
    if len(folders) > 1:
        return ", ".join(dict.fromkeys(str(folder.parent) for folder in folders))
    return "".join(map(str, folders))

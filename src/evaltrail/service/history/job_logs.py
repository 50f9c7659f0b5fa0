"""Logs of jobs: which files a job has, the task's own before what is around it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from evaltrail.core.errors import InputError
from evaltrail.store.executions import Job

_LOGS = ("client_stdout.log", "server_stdout.log", "stdout.log", "slurm-*.log")
"""What the task prints, what a server that is started for it prints, what stands around both."""


def job_logs(job: Job) -> tuple[Path, ...]:
    """The logs of a job that are there, in the order in which they are told; none where it has not begun."""
    if job.folder is None:
        return ()
    logs = job.folder / "logs"
    try:
        names = sorted(os.listdir(logs))  # noqa: PTH208  names alone are asked for
    except OSError:
        return ()
    found = (name for pattern in _LOGS for name in names if fnmatchcase(name, pattern))
    return tuple(logs / name for name in found if (logs / name).is_file())


def logs_of(jobs: Sequence[Job]) -> dict[str, tuple[Path, ...]]:
    """Job id to its logs, those with something in them; of one without such, its empty ones.

    Raises:
        InputError: no job has a log.
    """
    found = {job.id: job_logs(job) for job in jobs}
    if not any(found.values()):
        first = jobs[0]
        name = f"job {first.id}" if len(jobs) == 1 else f"invocation {first.invocation_id}"
        raise InputError(
            f"{name} has no log here",
            code="no_log",
            where=str(first.folder or ""),
            hint=f"`evaltrail status {first.id if len(jobs) == 1 else first.invocation_id}` tells how far it is",
        )
    return {job_id: tuple(log for log in logs if log.stat().st_size) or logs[:1] for job_id, logs in found.items()}

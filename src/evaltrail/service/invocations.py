"""Invocations of the NeMo Evaluator Launcher as our own evaluations are told: state, progress, folder, jobs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from evaltrail.core.errors import InputError
from evaltrail.store.executions import Executions, Job, database_file, find_jobs, read_executions
from evaltrail.store.job_folders import JobState, exit_code, job_state, stage_time

_FINISHED = {"success", "failed", "killed"}
_LOGS = ("stdout.log", "client_stdout.log", "server_stdout.log")
_NAMED = 8


def known_executions(environ: Mapping[str, str]) -> Executions:
    """What the execution database holds: its jobs, in the order they were first written down, and broken lines."""
    return read_executions(database_file(environ))


def describe_invocations(jobs: Sequence[Job], *, limit: int) -> list[dict[str, Any]]:
    """The latest invocations, newest first; only their folders are looked into."""
    by_invocation: dict[str, list[Job]] = {}
    for job in jobs:
        by_invocation.setdefault(job.invocation_id, []).append(job)
    started = {invocation: _started(found) for invocation, found in by_invocation.items()}
    newest = sorted(by_invocation, key=lambda invocation: started[invocation], reverse=True)
    return [describe_invocation(by_invocation[invocation]) for invocation in newest[:limit]]


def describe_invocation(jobs: Sequence[Job]) -> dict[str, Any]:
    """State, progress and jobs of one invocation, as its folders tell them.

    Returns:
        The same names as for an evaluation of ours, ``jobs`` beside them; progress counts jobs.
    """
    states = {job.id: _state(job) for job in jobs}
    ended = [moment for job in jobs if job.folder and (moment := stage_time(job.folder, "exit"))]
    is_over = all(state in _FINISHED for state in states.values())
    return {
        "evaluation_id": jobs[0].invocation_id,
        "state": _whole(states.values()),
        "model": ", ".join(dict.fromkeys(job.model for job in jobs if job.model)),
        "tasks": [job.task for job in jobs if job.task],
        "started_at": _started(jobs),
        "ended_at": max(ended).isoformat() if ended and is_over else None,
        "out": _out(jobs),
        "progress": {"done": sum(state in _FINISHED for state in states.values()), "total": len(jobs)},
        "errors": [error for job in jobs for error in _errors(job, states[job.id])],
        "source": "nemo-evaluator-launcher",
        "jobs": [
            {"job_id": job.id, "state": states[job.id], "task": job.task, "folder": str(job.folder or "")}
            for job in jobs
        ],
    }


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


def job_log(jobs: Sequence[Job]) -> Path:
    """The log of one job.

    Raises:
        InputError: several jobs are named, or there is no log.
    """
    if len(jobs) > 1:
        more = f" and {len(jobs) - _NAMED} more" if len(jobs) > _NAMED else ""
        names = ", ".join(job.id for job in jobs[:_NAMED]) + more
        raise InputError(
            f"invocation {jobs[0].invocation_id} has {len(jobs)} jobs", code="ambiguous_id", hint=f"name one: {names}"
        )
    folder = jobs[0].folder
    found = [] if folder is None else [folder / "logs" / name for name in _LOGS]
    logs = [file for file in found if file.is_file()]
    if not logs:
        raise InputError(
            f"job {jobs[0].id} has no log here",
            code="no_log",
            where=str(folder or ""),
            hint=f"`evaltrail status {jobs[0].id}` tells how far it is",
        )
    return next((file for file in logs if file.stat().st_size), logs[0])


def _state(job: Job) -> JobState:
    if job.folder is None or not job.folder.is_dir():
        return "killed" if job.was_killed else "pending"
    return job_state(job.folder, job.was_killed)


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


def _out(jobs: Sequence[Job]) -> str:
    """The folder of one job, or the one that those of several lie in."""
    folders = dict.fromkeys(job.folder for job in jobs if job.folder)
    if len(folders) > 1:
        return ", ".join(dict.fromkeys(str(folder.parent) for folder in folders))
    return "".join(map(str, folders))


def _errors(job: Job, state: JobState) -> list[dict[str, str]]:
    where = str(job.folder or "")
    if state in _FINISHED and state != "success":
        code = exit_code(job.folder) if job.folder else None
        how = "was killed" if state == "killed" else "failed" + ("" if code is None else f" with exit code {code}")
        hint = f"`evaltrail logs {job.id}` shows its log"
        return [{"code": f"job_{state}", "message": f"job {job.id} {how}", "hint": hint, "where": where}]
    if job.folder is not None and not job.folder.is_dir():
        hint = "it was moved or removed, or the job ran on another machine"
        message = f"the folder of job {job.id} is not here"
        return [{"code": "no_folder", "message": message, "hint": hint, "where": where}]
    return []

"""Resume: jobs that were cut short, or have failed, go on; what was not delivered is delivered."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

from evaltrail.bundle.folders import is_locked
from evaltrail.config.composition.env_values import resolve_values
from evaltrail.config.settings import Settings
from evaltrail.core.errors import InputError
from evaltrail.core.job import JobSpec
from evaltrail.core.progress import ProgressSink
from evaltrail.executors.slurm import submit
from evaltrail.service.history.job_states import job_states
from evaltrail.service.launching.ending_jobs import own_folder
from evaltrail.service.launching.following import (
    Followed,
    Launched,
    deliver_left,
    launching,
    outcome_of,
    watch_jobs,
)
from evaltrail.service.launching.job_scaffold import JobFolder, child_environ
from evaltrail.store.execution_lines import amend_jobs
from evaltrail.store.executions import Job, database_file
from evaltrail.store.job_files import read_outcome, read_spec
from evaltrail.store.job_folders import RUNNING
from evaltrail.store.stages import clear_stages, take_back


def resume_jobs(
    jobs: Sequence[Job],
    settings: Settings,
    *,
    progress: ProgressSink = lambda _: None,
    notice: Callable[[str], None] = lambda _: None,
) -> list[Launched]:
    """What became of the jobs, an invocation each: what has not ended well is started again and goes on.

    What a native job had been answered is not asked again; a harness's job begins anew. What ended well and was not
    delivered is delivered.

    Args:
        jobs: of the execution database.
        settings: of this process.
        progress: told a few times a second.
        notice: told, in one sentence, what a person watching wants to know.

    Raises:
        InputError: a job was launched by another program, a variable that it needs is not set, or Slurm refuses;
            nothing was started.
        BusyError: a launcher is still at an invocation.
        StorageError: the disk refuses.
    """
    by_invocation: dict[Path, list[Job]] = defaultdict(list)
    for job in jobs:
        by_invocation[own_folder(job).parent].append(job)
    return [
        _resume(folder, members, settings, progress=progress, notice=notice)
        for folder, members in by_invocation.items()
    ]


def _resume(
    folder: Path,
    members: Sequence[Job],
    settings: Settings,
    *,
    progress: ProgressSink,
    notice: Callable[[str], None],
) -> Launched:
    whole = tuple((read_spec(place), place) for place in map(own_folder, members))
    invocation = members[0].invocation_id
    with launching(folder):
        again = _to_start(members, settings, notice)
        jobs = tuple((read_spec(place), place) for place in map(own_folder, again))
        for spec, _ in jobs:
            _check(spec, settings)
        _wake(again, settings)
        if again and again[0].slurm_id:
            ids = submit([place for _, place in jobs], mode=jobs[0][0].mode, environ=child_environ(settings))
            changes = {job.id: {"slurm_job_id": each} for job, each in zip(again, ids, strict=True)}
            amend_jobs(database_file(settings.environ), changes)
            return Launched(invocation_id=invocation, folder=folder, jobs=jobs, followed=None)
        if not again:
            notice(f"invocation {invocation}: every job has ended well, so none is started")
            deliver_left(whole, settings, retries=True)
            return _told(invocation, folder, whole, is_interrupted=False)
        followed = watch_jobs(jobs, settings, progress=progress)
    return _told(invocation, folder, whole, is_interrupted=followed.is_interrupted)


def _told(invocation: str, folder: Path, jobs: tuple[JobFolder, ...], *, is_interrupted: bool) -> Launched:
    followed = Followed(outcomes=tuple(map(outcome_of, jobs)), is_interrupted=is_interrupted)
    return Launched(invocation_id=invocation, folder=folder, jobs=jobs, followed=followed)


def _to_start(members: Sequence[Job], settings: Settings, notice: Callable[[str], None]) -> list[Job]:
    """The jobs that have not ended well, and that nothing of runs or waits in a queue."""
    states = job_states(members, settings.environ)
    found = []
    for job in members:
        state, folder = states[job.id], own_folder(job)
        is_queued = state == "pending" and bool(job.slurm_id)
        if state == "running" or is_queued or (not job.slurm_id and is_locked(folder / RUNNING)):
            notice(f"job {job.id} is {state if is_queued else 'running'}; it is left alone")
        elif state != "success" or _has_failed(folder):
            found.append(job)
    return found


def _has_failed(folder: Path) -> bool:
    """Whether a job that came to its end left something undone: samples that could not be asked or scored."""
    outcome = read_outcome(folder)
    return outcome is not None and outcome.task_code != 0


def _check(spec: JobSpec, settings: Settings) -> None:
    missing = resolve_values(spec.env_vars, settings.environ).missing
    if missing:
        raise InputError(
            f"the variables {', '.join(missing)} are not set",
            code="missing_variable",
            where=spec.task,
            hint="export them, or name the file that holds them with --env-file, then resume again",
        )


def _wake(jobs: Sequence[Job], settings: Settings) -> None:
    """Take back that jobs were ended, and forget how far they were; what they have done is kept."""
    for job in jobs:
        folder = own_folder(job)
        take_back(folder, job.id)
        clear_stages(folder)
    now = time.time()
    amend_jobs(database_file(settings.environ), {job.id: {"killed": None, "resumed_at": now} for job in jobs})

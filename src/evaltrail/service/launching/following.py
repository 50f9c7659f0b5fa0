"""Following: jobs on this machine are started and watched to their ends, and what they came to is told."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from evaltrail.bundle.folders import hold_lock
from evaltrail.config.settings import Settings
from evaltrail.core.progress import Progress, ProgressSink
from evaltrail.executors.local import LocalJob, run_jobs
from evaltrail.service.launching.job_scaffold import JobFolder, child_environ
from evaltrail.service.launching.silent_outcome import silent_outcome
from evaltrail.store.job_files import JobOutcome, read_outcome, samples_done, samples_total
from evaltrail.store.job_folders import LAUNCHING

_LOOK_SECONDS = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """What jobs came to."""

    outcomes: tuple[JobOutcome, ...]
    """In the order of the jobs."""
    is_interrupted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Launched:
    """What became of an invocation that was launched, or went on."""

    invocation_id: str
    folder: Path
    """Of the invocation."""
    jobs: tuple[JobFolder, ...]
    """Those that were started; where none had to be, all that were named."""
    followed: Followed | None
    """None where the jobs wait in Slurm's queue and go on without us."""


def follow_jobs(jobs: Sequence[JobFolder], settings: Settings, *, progress: ProgressSink) -> Followed:
    """What jobs on this machine came to, started and watched to their ends.

    Args:
        jobs: of one invocation.
        settings: of this process.
        progress: told a few times a second.

    Raises:
        BusyError: another launcher is at this invocation.
    """
    with launching(jobs[0][1].parent):
        return watch_jobs(jobs, settings, progress=progress)


def launching(folder: Path) -> AbstractContextManager[int]:
    """The right to start jobs of the invocation of a folder.

    Raises:
        BusyError: another launcher has it.
    """
    return hold_lock(folder / LAUNCHING, "a launcher is at this invocation: process {pid}")


def watch_jobs(jobs: Sequence[JobFolder], settings: Settings, *, progress: ProgressSink) -> Followed:
    """What jobs on this machine came to, started and watched by one who has the right to start them."""
    started = [LocalJob(id=spec.id, folder=folder) for spec, folder in jobs]
    looking = _Looking(jobs, progress)
    is_interrupted = False
    try:
        run_jobs(started, mode=jobs[0][0].mode, environ=child_environ(settings), tick=looking)
    except KeyboardInterrupt:
        is_interrupted = True
    looking(force=True)
    if not is_interrupted:
        deliver_left(jobs, settings)
    return Followed(outcomes=tuple(map(outcome_of, jobs)), is_interrupted=is_interrupted)


def outcome_of(job: JobFolder) -> JobOutcome:
    """What a job came to; one that could not put it down itself is told by its folder."""
    spec, folder = job
    return read_outcome(folder) or silent_outcome(spec, folder)


def deliver_left(jobs: Sequence[JobFolder], settings: Settings, *, retries: bool = False) -> None:
    """Deliver what no job could deliver itself, and put it down with the job that it ends with.

    Args:
        jobs: of one invocation, all of which have ended.
        settings: of this process.
        retries: whether what could not be delivered is tried again.

    Raises:
        StorageError: the disk refuses.
    """
    from evaltrail.service.launching.auto_export import auto_export, is_alone  # noqa: PLC0415  once the work is done

    for spec, folder in jobs if is_alone(jobs[0][0]) else jobs[-1:]:
        auto_export(spec, folder, settings, retries=retries)


class _Looking:
    """Looks a few times a second how far the jobs are, and tells it."""

    def __init__(self, jobs: Sequence[JobFolder], progress: ProgressSink) -> None:
        self._jobs = tuple(jobs)
        self._progress = progress
        self._told: dict[Path, int] = {}
        self._looked_at = 0.0

    def __call__(self, *, force: bool = False) -> None:
        now = time.monotonic()
        if not force and now - self._looked_at < _LOOK_SECONDS:
            return
        self._looked_at = now
        for spec, folder in self._jobs:
            done = samples_done(folder)
            if done is not None and done != self._told.get(folder):
                self._told[folder] = done
                self._progress(Progress(task=spec.task, done=done, total=samples_total(folder)))

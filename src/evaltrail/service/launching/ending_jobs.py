"""Kill: jobs that we have launched are told to end; those that wait are called off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from evaltrail.bundle.folders import is_locked
from evaltrail.config.settings import Settings
from evaltrail.core.errors import EvaltrailError, InputError
from evaltrail.executors.ending import end_owners
from evaltrail.executors.slurm import cancel
from evaltrail.service.history.evaluations import again_words, describe, find_known
from evaltrail.service.history.invocations import known_executions
from evaltrail.service.history.job_states import job_states
from evaltrail.service.launching.following import deliver_left
from evaltrail.store.execution_lines import amend_jobs
from evaltrail.store.executions import Job, database_file, find_jobs
from evaltrail.store.job_files import SPEC, read_spec
from evaltrail.store.job_folders import LAUNCHING, OVER, RUNNING, JobState
from evaltrail.store.ledger import Entry, is_generation
from evaltrail.store.stages import call_off


@dataclass(frozen=True, slots=True, kw_only=True)
class Killed:
    """What became of a job that was to be ended."""

    job_id: str
    was: JobState | Literal["delivering"]
    """How far it was: running, pending, delivering what it had come to, or how it had ended before."""


def named_jobs(ids: Sequence[str], settings: Settings) -> tuple[Job, ...]:
    """The jobs that beginnings of ids name.

    Raises:
        InputError: nothing has such an id, several have, or it is an evaluation or a generation of one command.
    """
    jobs = known_executions(settings.environ).jobs
    try:
        return find_jobs(jobs, ids)
    except InputError as error:
        for wanted in ids if error.code == "unknown_id" else ():
            found = find_known(settings, wanted, jobs)
            if isinstance(found, Entry):
                raise _of_one_command(found) from None
        raise


def _of_one_command(entry: Entry) -> InputError:
    """That what an id names is no job: the process that it was asked of does it."""
    what = "a generation of `evaltrail generate`" if is_generation(entry.tasks) else "an evaluation of `evaltrail run`"
    match describe(entry)["state"]:
        case "running":
            hint = f"Ctrl-C or a SIGTERM ends it, and {again_words(entry)} goes on"
        case "completed":
            hint = f"it is completed: `evaltrail info {entry.id}` shows it"
        case _:
            hint = f"nothing of it runs; {again_words(entry)} goes on"
    return InputError(f"{entry.id} is {what}", code="no_invocation", hint=hint)


def own_folder(job: Job) -> Path:
    """The folder of a job that we have launched.

    Raises:
        InputError: it is not here, or another program has launched it.
    """
    if job.folder is None or not job.folder.is_dir():
        raise InputError(
            f"the folder of job {job.id} is not here",
            code="no_folder",
            where=str(job.folder or ""),
            hint="it was moved or removed, or the job ran on another machine",
        )
    if not (job.folder / SPEC).is_file():
        raise InputError(
            f"job {job.id} was launched by another program",
            code="foreign_job",
            where=str(job.folder),
            hint="`nemo-evaluator-launcher` ends and resumes its own jobs",
        )
    return job.folder


def kill_jobs(jobs: Sequence[Job], settings: Settings) -> list[Killed]:
    """What became of each job: one that runs is told to end, and killed when it does not; one that waits is called off.

    Where no launcher is left to do it, what the other jobs of the invocation came to is delivered.

    Args:
        jobs: of the execution database.
        settings: of this process.

    Raises:
        InputError: a job was launched by another program; nothing was ended.
        EvaltrailError: Slurm cannot be asked, or a process does not end.
        StorageError: the disk refuses.
    """
    folders = {job.id: own_folder(job) for job in jobs}
    states = job_states(jobs, settings.environ)
    meant = [job for job in jobs if states[job.id] not in OVER]
    delivering = [job for job in jobs if states[job.id] in OVER and is_locked(folders[job.id] / RUNNING)]
    for job in meant:
        call_off(folders[job.id], job.id)  # first: a job that begins meanwhile looks here
    queued = [job.slurm_id for job in meant if job.slurm_id]
    if queued:
        cancel(queued, settings.environ)
    here = [folders[job.id] for job in (*meant, *delivering) if not job.slurm_id]
    left = [folder for folder in here if not end_owners(folder / RUNNING)]
    amend_jobs(database_file(settings.environ), {job.id: {"killed": True} for job in meant})
    if left:
        raise EvaltrailError("a process of this job does not end", code="not_ended", where=str(left[0]))
    for folder in {folders[job.id].parent: folders[job.id] for job in meant}.values():
        if not is_locked(folder.parent / LAUNCHING):
            deliver_left([(read_spec(folder), folder)], settings)
    ended = {job.id for job in delivering}
    return [Killed(job_id=job.id, was="delivering" if job.id in ended else states[job.id]) for job in jobs]

"""How far jobs truly are: what their folders say, and what Slurm says of those that have not put down their end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evaltrail.core.errors import EvaltrailError
from evaltrail.executors.slurm import job_word, slurm_states
from evaltrail.store.executions import Job
from evaltrail.store.job_folders import JobState, has_ended, job_state


def job_states(jobs: Sequence[Job], environ: Mapping[str, str]) -> dict[str, JobState]:
    """Job id to how far it is.

    Slurm is asked once for all its jobs that have not put down their end; one that it does not know any more was
    killed. Where it cannot be asked, the folder's word stands.

    Args:
        jobs: of the execution database.
        environ: where Slurm's commands and its configuration are found.
    """
    states = {job.id: folder_state(job) for job in jobs}
    open_jobs = [job for job in jobs if job.slurm_id and not job.was_killed and not _has_ended(job)]
    if not open_jobs:
        return states
    try:
        asked = slurm_states([job.slurm_id for job in open_jobs], environ)
    except EvaltrailError:  # no Slurm here, or it does not answer: then nobody knows better than the folder
        return states
    for job in open_jobs:
        states[job.id] = job_word(asked[job.slurm_id]) if job.slurm_id in asked else "killed"
    return states


def folder_state(job: Job) -> JobState:
    """How far a job is, as its folder tells; one whose folder is not here is taken to wait."""
    if job.folder is None or not job.folder.is_dir():
        return "killed" if job.was_killed else "pending"
    return job_state(job.folder, job.was_killed)


def _has_ended(job: Job) -> bool:
    return job.folder is not None and has_ended(job.folder)

"""Work folders that nobody goes on from: of evaluations that a process did itself, and of jobs that workers did.

What was answered is paid for, so a doubt keeps it. A job that another queue may know is such a doubt.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import msgspec

from evaltrail.core.errors import EvaltrailError
from evaltrail.jobs.failure import Failure
from evaltrail.jobs.forgetting import EndedJob
from evaltrail.service.clearing.home import Home
from evaltrail.service.clearing.leftover import QUIET_S, Leftover, children_of, rid_of, size_of
from evaltrail.service.clearing.queue_view import QueueView
from evaltrail.service.record import failure_object
from evaltrail.service.working.dataset_reference import FETCHING
from evaltrail.service.working.places import jobs_folder
from evaltrail.store.ledger import Ledger
from evaltrail.store.work import discard, is_running, read_state

OVER = "work of an evaluation that is over"
UNKNOWN = "work that nobody knows, without an answer"
FETCHED = "questions that were being fetched"
GIVEN_UP = "work given up by --older-than"
ENDED_JOB = "job that is over, its events and its work"
_LOCK = "lock"
_BARE = {_LOCK, "state.json", "run.log", "done"}
"""What lies in a work folder before the first answer."""


def find_work(home: Home) -> Iterator[Leftover]:
    """The work folders of evaluations that a process did itself, as far as they are needless."""
    for folder in home.work:
        if folder.name.startswith(FETCHING):
            yield from _fetched(folder, home)
            continue
        what = "" if is_running(folder) else _why(folder, home)
        if what:
            yield Leftover(
                what=what,
                name=f"work/{folder.name}",
                size_bytes=size_of(folder),
                remove=partial(discard, folder, partial(_is_still_needless, folder, home)),
            )


def find_job_work(home: Home) -> Iterator[Leftover]:
    """The work folders of jobs that are done, and of those that nobody knows."""
    for folder in home.job_work:
        what = _why_of_job(folder, home)
        if what:
            yield Leftover(
                what=what, name=f"work/jobs/{folder.name}", size_bytes=size_of(folder), remove=partial(rid_of, folder)
            )


def find_jobs(home: Home, queue: QueueView, ended: Sequence[EndedJob]) -> Iterator[Leftover]:
    """The jobs that the queue is to forget, each with its work folder: nobody can have them tried again then."""
    for job in ended:
        folder = jobs_folder(home.folder) / job.id
        yield Leftover(
            what=ENDED_JOB,
            name=f"{job.id} ({job.state}, {job.name})",
            size_bytes=size_of(folder),
            remove=partial(_forget, job, folder, queue, home),
        )


def _fetched(folder: Path, home: Home) -> Iterator[Leftover]:
    """The folder, unless an evaluation may still be fetching into it, which has no lock."""
    if home.quiet_for(folder) >= QUIET_S:
        size_bytes, remove = size_of(folder), partial(rid_of, folder)
        yield Leftover(what=FETCHED, name=f"work/{folder.name}", size_bytes=size_bytes, remove=remove)


def _why(folder: Path, home: Home) -> str:
    """What makes a work folder needless; nothing where it is not."""
    found, state = children_of(folder), read_state(folder)
    known = home.evaluations.get(state.evaluation_id, "") if state is not None else ""
    if known in {"running", "failed", "cancelled"}:
        return ""  # the same command goes on
    if state is not None and known and home.has_bundle(state.evaluation_id):
        return OVER
    if all(child.name == _LOCK for child in found) or (state is not None and not known and _is_bare(found)):
        return UNKNOWN
    # what programs left that failed, from which the same command goes on; answers that no ledger tells of
    return GIVEN_UP if home.is_given_up(*(child for child in found if child.name != _LOCK)) else ""


def _is_still_needless(folder: Path, home: Home) -> bool:
    """The same, once the folder is ours alone."""
    return bool(_why(folder, replace(home, evaluations=Ledger(home.folder).states())))


def _why_of_job(folder: Path, home: Home) -> str:
    job_id = folder.name
    if job_id in home.jobs:
        return OVER if home.jobs[job_id] == "completed" else ""  # all others can be tried again
    known = home.evaluations.get(job_id, "")
    if known == "running":
        return ""
    if known == "completed" and home.has_bundle(job_id):
        return OVER
    if not known and _is_bare(children_of(folder)) and home.quiet_for(folder) >= QUIET_S:
        return UNKNOWN
    return GIVEN_UP if home.is_given_up(folder) else ""


def _is_bare(found: Sequence[Path]) -> bool:
    return all(child.name in _BARE for child in found)


def _forget(job: EndedJob, folder: Path, queue: QueueView, home: Home) -> bool:
    """Whether a job is gone; the queue first, so that nobody can begin it again while its work goes."""
    if not queue.forget(job.id, home.older_than_s or 0.0):
        return False
    if home.evaluations.get(job.id) == "running":
        _note_end(job, Ledger(home.folder))
    return rid_of(folder)


def _note_end(job: EndedJob, ledger: Ledger) -> None:
    """Tell the ledger how a job ended where no worker lived to do so: nobody else knows it any more."""
    if ledger.find(job.id).state != "running":
        return
    told = job.error or Failure(code=job.state, message="its workers did not live to tell how it ended")
    error = EvaltrailError(told.message, code=told.code, where=told.where, hint=told.hint or "submit it anew")
    error.evaluation_id = job.id
    ledger.end(job.id, job.state, msgspec.json.encode(failure_object(error)))

"""Watching a run until it has ended: what happens to it, as the queue's events or what `status` reads tell it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from evaltrail.bundle.folders import is_locked
from evaltrail.config.settings import Settings
from evaltrail.core.decoding import decoded
from evaltrail.core.errors import DestinationUnreachableError, InterruptError
from evaltrail.core.progress import Progress
from evaltrail.core.values import Json
from evaltrail.service.history.evaluations import describe, find_known
from evaltrail.service.history.happening import LONGEST_S, SHORTEST_S, TICK, Happening, label
from evaltrail.service.history.invocations import describe_invocation, known_executions
from evaltrail.service.history.queued import is_queued
from evaltrail.store.executions import Job
from evaltrail.store.job_folders import EXPORTING, LAUNCHING, RUNNING
from evaltrail.store.ledger import Entry, Ledger

_SLURM_S = 5.0
"""Slurm is not asked more often."""
_COST = 10
"""A look may take this part of the time between two."""
_OPEN_STATES = frozenset({"pending", "running", "cancelling"})


def watch(settings: Settings, wanted: str) -> Iterator[Happening]:
    """What happens to a run until it has ended; a few times a second, whether something did or not.

    Args:
        settings: where ledger, queue and execution database are.
        wanted: what its id alone begins with.

    Raises:
        InputError: nothing has such an id, or several have; or the queue does not know it.
        StorageError: the database of jobs cannot be used, and waiting does not help.
    """
    known = find_known(settings, wanted)
    if not isinstance(known, Entry):
        return _watch_invocation(known, settings)
    if known.state != "running" or not is_queued(known):  # of what has ended the queue may know no more
        return _watch_process(known, settings)
    from evaltrail.service.history.queue_watching import watch_queued  # noqa: PLC0415  SQLAlchemy, no need of it else

    return watch_queued(known, settings)


def exit_code_of(settings: Settings, found: Mapping[str, Any]) -> int:
    """How a run that has ended came out, as ``run`` would have said it.

    Args:
        settings: where the ledger is.
        found: the run, as ``describe`` tells it.

    Returns:
        0 all is done and delivered; 3 the results wait in the outbox; 130 it was called off, and can be gone on with;
        1 some or all of it failed, or is unscored.
    """
    if found["state"] == "cancelled":
        return InterruptError.exit_code
    if "jobs" in found:
        codes = {job["exit_code"] or 0 for job in found["jobs"]}
    else:
        result = Ledger(settings.home).find(found["evaluation_id"]).result
        codes = {decoded(result, dict[str, Any])["exit_code"]} if result else set()
    if codes - {0} == {DestinationUnreachableError.exit_code}:
        return DestinationUnreachableError.exit_code
    return 0 if found["state"] == "completed" and not codes - {0} and not found["errors"] else 1


def is_open(state: str) -> bool:
    """Whether a run in this state goes on."""
    return state in _OPEN_STATES


def _watch_process(entry: Entry, settings: Settings) -> Iterator[Happening]:
    """An evaluation that another process does, as its ledger entry, journals and lock tell it."""
    ledger, told, pause_s = Ledger(settings.home), -1, SHORTEST_S
    was_open = False
    while True:
        began = time.monotonic()
        found = describe(ledger.find(entry.id))
        progress = _progress(label(found["tasks"]), found["progress"])
        kind = TICK if progress.done == told else "progress"
        told = progress.done
        yield Happening(kind=kind, at=_now(), state=found["state"], progress=progress)
        if not is_open(found["state"]):
            if was_open:
                yield _ended(found, progress)
            return
        was_open = True
        pause_s = SHORTEST_S if kind != TICK else min(1.5 * pause_s, LONGEST_S)
        time.sleep(max(pause_s, _COST * (time.monotonic() - began)))


def _watch_invocation(jobs: tuple[Job, ...], settings: Settings) -> Iterator[Happening]:
    """An invocation, or some of its jobs, as folders, locks and Slurm tell it."""
    ids = {job.id for job in jobs}
    least_s = _SLURM_S if any(job.slurm_id for job in jobs) else SHORTEST_S
    states: dict[str, str] = {}
    told, pause_s, was_open = -1, least_s, False
    while True:
        began = time.monotonic()
        known = [job for job in known_executions(settings.environ).jobs if job.invocation_id == jobs[0].invocation_id]
        mine = [job for job in known if job.id in ids]
        found = describe_invocation(mine, settings)
        progress = _samples_or_jobs(found)
        for job in found["jobs"]:
            if job["state"] != states.get(job["job_id"], job["state"]):
                data = {"state": job["state"], "exit_code": job["exit_code"]}
                yield Happening(
                    kind="job", at=_now(), state=found["state"], progress=progress, unit_id=job["job_id"], data=data
                )
        states = {job["job_id"]: job["state"] for job in found["jobs"]}
        kind = TICK if progress.done == told else "progress"
        told = progress.done
        yield Happening(kind=kind, at=_now(), state=found["state"], progress=progress)
        if not is_open(found["state"]) and not _is_busy(mine, is_whole=len(mine) == len(known)):
            if was_open:
                yield _ended(found, progress)
            return
        was_open = True
        pause_s = least_s if kind != TICK else max(least_s, min(1.5 * pause_s, LONGEST_S))
        time.sleep(max(pause_s, _COST * (time.monotonic() - began)))


def _is_busy(jobs: Sequence[Job], *, is_whole: bool) -> bool:
    """Whether somebody still delivers what jobs came to that are over.

    Args:
        jobs: of one invocation.
        is_whole: whether these are all of it; else its launcher may be at others.
    """
    folders = [job.folder for job in jobs if job.folder is not None]
    own = any(is_locked(folder / name) for folder in folders for name in (RUNNING, EXPORTING))
    return own or (
        is_whole and any(is_locked(folder.parent / name) for folder in folders for name in (LAUNCHING, EXPORTING))
    )


def _samples_or_jobs(found: Mapping[str, Any]) -> Progress:
    """How far an invocation is: in samples where every job tells how many it has, else in jobs."""
    each = [job["progress"] for job in found["jobs"]]
    if all(one is not None and one["total"] is not None for one in each):
        counts = {"done": sum(one["done"] for one in each), "total": sum(one["total"] for one in each)}
        return _progress(label(found["tasks"]), counts)
    return _progress("jobs", found["progress"])


def _progress(name: str, counts: Mapping[str, int]) -> Progress:
    return Progress(task=name, done=counts["done"], total=counts["total"])


def _ended(found: Mapping[str, Any], progress: Progress) -> Happening:
    data: dict[str, Json] = {"state": found["state"]}
    return Happening(kind="ended", at=_now(), state=found["state"], progress=progress, data=data)


def _now() -> datetime:
    return datetime.now(UTC)

"""Accounts of jobs: how far each truly is, and what it came to, from its folder, its locks, Slurm and the outbox."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from evaltrail.bundle.folders import is_locked
from evaltrail.config.settings import Settings
from evaltrail.core.errors import DestinationUnreachableError, InputError, InterruptError
from evaltrail.destinations.mlflow.port import ANSWER_LOST
from evaltrail.service.history.job_states import job_states
from evaltrail.service.history.waiting_deliveries import WaitingDeliveries, waiting_deliveries
from evaltrail.store.executions import Job
from evaltrail.store.job_files import SPEC, JobOutcome, read_outcome, read_spec, samples_done, samples_total
from evaltrail.store.job_folders import (
    EXPORTING,
    INTERRUPTED,
    LAUNCHING,
    OVER,
    JobState,
    exit_code,
    is_abandoned,
    is_called_off,
    job_state,
    jobs_below,
)

DeliveryWord = Literal["", "delivered", "delivered_since", "waiting", "forgotten", "refused", "interrupted", "missing"]
"""What became of what a job was to deliver; empty = nothing was, or it is not known yet; missing = nobody did."""

_BEGINS_SECONDS = 5.0
"""Longer than a launcher takes from writing its jobs down to holding its lock."""
_AWAY = frozenset({DestinationUnreachableError.default_code, "destination_failing", ANSWER_LOST})
"""Errors that say no more than that a delivery waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobAccount:
    """What is to be told of one job."""

    job: Job
    state: JobState
    """``killed`` also where the job's process is gone without a word."""
    is_left_behind: bool = False
    """Whether it is pending, and nobody will start it unless it is resumed."""
    exit_code: int | None = None
    """Of the whole job, delivery included; None while it has none."""
    done: int | None = None
    """Samples; None where nothing says it."""
    total: int | None = None
    delivery: DeliveryWord = ""
    receipts: tuple[Mapping[str, Any], ...] = ()
    """Each with ``dest`` and what that destination tells."""
    errors: tuple[Mapping[str, str], ...] = ()
    """Each with code, message, hint and where."""
    outcome: JobOutcome | None = None
    """None while it is open, and of jobs that another program has launched."""

    @property
    def is_over(self) -> bool:
        """Whether it goes no further by itself."""
        return self.state in OVER or self.is_left_behind


def job_accounts(jobs: Sequence[Job], settings: Settings) -> dict[str, JobAccount]:
    """Job id to what is to be told of it; Slurm and the outbox are asked once for all.

    Args:
        jobs: of the execution database.
        settings: where Slurm's commands and the outbox are.
    """
    states = job_states(jobs, settings.environ)
    outcomes = {job.id: _outcome(job) for job in jobs if states[job.id] in OVER}
    is_asked = any(outcome and _is_left(outcome) for outcome in outcomes.values())
    waiting = waiting_deliveries(settings) if is_asked else WaitingDeliveries(is_known=False)
    accounts = {job.id: _account(job, states[job.id], outcomes.get(job.id), waiting) for job in jobs}
    return {**accounts, **_shared(accounts), **_undelivered(accounts)}


def _shared(accounts: Mapping[str, JobAccount]) -> dict[str, JobAccount]:
    """The jobs that another one of their invocation has delivered with its own."""
    found: dict[str, JobAccount] = {}
    for account in accounts.values():
        delivery = account.outcome.delivery if account.outcome else None
        for job_id in delivery.jobs if delivery else ():
            other = accounts.get(job_id)
            if other is not None and other is not account and not other.delivery and other.is_over:
                found[job_id] = replace(other, delivery=account.delivery)
    return found


def _undelivered(accounts: Mapping[str, JobAccount]) -> dict[str, JobAccount]:
    """The last job of each invocation that is over, was to be delivered, and was not: nobody lived to do it."""
    last = {account.job.invocation_id: account for account in accounts.values()}
    open_ones = {
        account.job.invocation_id
        for account in accounts.values()
        if not account.is_over or account.is_left_behind or account.state == "killed"  # these are told to be resumed
    }
    told = {account.job.invocation_id for account in accounts.values() if account.delivery}
    found: dict[str, JobAccount] = {}
    for invocation, account in last.items():
        folder = account.job.folder
        if invocation in open_ones | told or folder is None or not is_own(account.job):
            continue
        is_busy = any(is_locked(place / EXPORTING) for place in (folder, folder.parent))
        if not is_busy and _is_to_be_delivered(folder) and not _is_covered(folder, account.job.id):
            errors = (*account.errors, _missing(account.job))
            found[account.job.id] = replace(account, delivery="missing", errors=errors)
    return found


def _is_to_be_delivered(folder: Path) -> bool:
    try:
        return bool(read_spec(folder).destinations)
    except InputError:
        return False


def _is_covered(folder: Path, job_id: str) -> bool:
    """Whether a job that nobody asked after has delivered this one, or is not over yet, so that nothing is due."""
    for other in jobs_below(folder.parent):
        outcome = read_outcome(other)
        if outcome is not None and outcome.delivery is not None and job_id in outcome.delivery.jobs:
            return True
        if job_state(other) not in OVER:
            return True
    return False


def _missing(job: Job) -> Mapping[str, str]:
    return {
        "code": "not_delivered",
        "message": "what the jobs came to was not delivered",
        "hint": f"`evaltrail resume {job.invocation_id[:8]}` delivers it",
        "where": str(job.folder or ""),
    }


def _forgotten(job: Job) -> Mapping[str, str]:
    return {
        "code": "forgotten",
        "message": "the delivery of what the jobs came to was given up",
        "hint": f"`evaltrail resume {job.invocation_id[:8]}` delivers it after all",
        "where": str(job.folder or ""),
    }


def is_own(job: Job) -> bool:
    """Whether evaltrail has launched a job whose folder is here."""
    return job.folder is not None and (job.folder / SPEC).is_file()


def is_left_behind(job: Job) -> bool:
    """Whether a job of ours that has not begun waits for a launcher that is gone."""
    if job.folder is None or job.slurm_id or not is_own(job):
        return False
    lock = job.folder.parent / LAUNCHING
    if lock.is_file():
        return not is_locked(lock)
    return job.started_at is None or time.time() - job.started_at.timestamp() > _BEGINS_SECONDS


def _account(job: Job, state: JobState, outcome: JobOutcome | None, waiting: WaitingDeliveries) -> JobAccount:
    folder = job.folder
    if folder is None or not folder.is_dir():
        return JobAccount(job=job, state=state, errors=_gone(job, state))
    if state == "pending":
        if not is_left_behind(job):
            return JobAccount(job=job, state=state)
        return JobAccount(job=job, state=state, is_left_behind=True, errors=(_never_started(job),))
    done, total = _samples(folder, outcome)
    if state == "running":
        return JobAccount(job=job, state=state, done=done, total=total)
    if outcome is None:
        code = exit_code(folder)
        errors = () if state == "success" else (_ended(job, state, code),)
        return JobAccount(job=job, state=state, exit_code=code, done=done, total=total, errors=errors)
    word = _delivery_word(job, outcome, waiting)
    is_late, is_forgotten = word == "delivered_since", word == "forgotten"
    told = tuple(error for error in outcome.errors if not (is_late or is_forgotten) or error.get("code") not in _AWAY)
    if is_forgotten:
        told = (*told, _forgotten(job))
    return JobAccount(
        job=job,
        state=state,
        exit_code=outcome.task_code or int(is_forgotten) if is_late or is_forgotten else outcome.exit_code,
        done=done,
        total=total,
        delivery=word,
        receipts=outcome.delivery.receipts if outcome.delivery else (),
        errors=told or (() if state == "success" else (_ended(job, state, exit_code(folder)),)),
        outcome=outcome,
    )


def _outcome(job: Job) -> JobOutcome | None:
    return read_outcome(job.folder) if job.folder else None


def _is_left(outcome: JobOutcome) -> bool:
    """Whether a delivery went into the outbox."""
    return outcome.delivery is not None and outcome.delivery.exit_code == DestinationUnreachableError.exit_code


def _delivery_word(job: Job, outcome: JobOutcome, waiting: WaitingDeliveries) -> DeliveryWord:
    delivery = outcome.delivery
    if delivery is None:
        return ""
    if _is_left(outcome):
        jobs = (job.id, *delivery.jobs)
        if not waiting.is_known or waiting.waiting.has_any(job.invocation_id, jobs):
            return "waiting"
        return "forgotten" if waiting.forgotten.has_any(job.invocation_id, jobs) else "delivered_since"
    if delivery.exit_code == InterruptError.exit_code:
        return "interrupted"
    return "refused" if delivery.exit_code else "delivered"


def _samples(folder: Path, outcome: JobOutcome | None) -> tuple[int | None, int | None]:
    """Samples done, and samples there are."""
    counted = [count["total"] for count in outcome.counts.values()] if outcome else []
    if counted:
        return sum(counted), sum(counted)
    done = samples_done(folder)
    return done, None if done is None else samples_total(folder)


def _ended(job: Job, state: JobState, code: int | None) -> Mapping[str, str]:
    """Why a job that put down nothing is over."""
    where = str(job.folder or "")
    own = is_own(job)
    resume = f"`evaltrail resume {job.id}` goes on"
    log = f"`evaltrail logs {job.id}` shows its log"
    if own and state == "killed" and _is_silent(job):
        message = f"job {job.id}: its process ended without a word"
        return {"code": "job_killed", "message": message, "hint": resume, "where": where}
    how = "was killed" if state == "killed" else "failed" + ("" if code is None else f" with exit code {code}")
    hint = resume if own and state == "killed" else log
    return {"code": f"job_{state}", "message": f"job {job.id} {how}", "hint": hint, "where": where}


def _is_silent(job: Job) -> bool:
    """Whether nobody asked a job to end, and it put down no end."""
    folder = job.folder
    if folder is None or job.was_killed or is_called_off(folder, job.id):
        return False
    return is_abandoned(folder) and not (folder / "artifacts" / INTERRUPTED).is_file()


def _never_started(job: Job) -> Mapping[str, str]:
    return {
        "code": "not_started",
        "message": f"job {job.id} was not started: its launcher is gone",
        "hint": f"`evaltrail resume {job.id}` starts it",
        "where": str(job.folder or ""),
    }


def _gone(job: Job, state: JobState) -> tuple[Mapping[str, str], ...]:
    """What there is to say of a job without a folder here."""
    if state in OVER and state != "success":
        return (_ended(job, state, None),)
    if job.folder is None:
        return ()
    return (
        {
            "code": "no_folder",
            "message": f"the folder of job {job.id} is not here",
            "hint": "it was moved or removed, or the job ran on another machine",
            "where": str(job.folder),
        },
    )

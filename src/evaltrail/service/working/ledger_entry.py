"""The ledger's entry of a queued evaluation: begun when it is accepted, ended when it has landed or is given up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from evaltrail.config.settings import Settings
from evaltrail.core.errors import EvaltrailError, InputError, InterruptError
from evaltrail.service.record import failure_object
from evaltrail.service.working.places import jobs_folder
from evaltrail.store.ledger import Entry, Ledger
from evaltrail.store.work import Work


def accept_entry(settings: Settings, job_id: str, model: str, tasks: Sequence[str]) -> None:
    """Note the evaluation of a job that was accepted.

    Args:
        settings: where the ledger is.
        job_id: of the job.
        model: under test.
        tasks: their names.
    """
    work = jobs_folder(settings.home) / job_id
    Ledger(settings.home).accept(_entry(settings, job_id, (work, datetime.now(UTC)), model, tasks))


def begin_entry(settings: Settings, work: Work, model: str, tasks: Sequence[str]) -> None:
    """Note the evaluation of a job that a worker begins, or goes on with.

    Args:
        settings: where the ledger is.
        work: of the job.
        model: under test.
        tasks: their names.
    """
    entry = _entry(settings, work.state.evaluation_id, (work.folder, work.state.started_at), model, tasks)
    Ledger(settings.home).begin(entry)


def find_entry(settings: Settings, job_id: str) -> Entry | None:
    """The evaluation of a job; None where this home does not know it."""
    try:
        return Ledger(settings.home).find(job_id)
    except InputError:
        return None


def end_failed(settings: Settings, job_id: str, error: EvaltrailError) -> None:
    """Note that nothing came of a job, and why."""
    error.evaluation_id = job_id
    Ledger(settings.home).end(job_id, "failed", msgspec.json.encode(failure_object(error)))


def end_cancelled(settings: Settings, job_id: str) -> None:
    """Note that a job was called off."""
    error = InterruptError("it was cancelled", code="cancelled", hint=f"`evaltrail jobs retry {job_id}` goes on")
    error.evaluation_id = job_id
    Ledger(settings.home).end(job_id, "cancelled", msgspec.json.encode(failure_object(error)))


def _entry(settings: Settings, job_id: str, facts: tuple[Path, datetime], model: str, tasks: Sequence[str]) -> Entry:
    folder, started_at = facts
    return Entry(
        id=job_id,
        state="running",
        model=model,
        tasks=tuple(tasks),
        out=settings.home / "runs" / job_id,
        work=folder,
        started_at=started_at,
    )

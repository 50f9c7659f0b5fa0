"""What a person does to a queued evaluation: call it off, or have what failed of it done again."""

from __future__ import annotations

from collections.abc import Callable

from evaltrail.config.settings import Settings
from evaltrail.jobs.hints import open_hints
from evaltrail.jobs.lease import LeaseQueue
from evaltrail.jobs.states import JobState
from evaltrail.service.working.ledger_entry import end_cancelled, find_entry
from evaltrail.store.ledger import Ledger


def cancel_job(prefix: str, settings: Settings, queue: LeaseQueue) -> tuple[str, JobState]:
    """The job's whole id and its state now: ``cancelling`` until those who work at it have let go.

    Args:
        prefix: what its id alone begins with.
        settings: where the ledger is.
        queue: that it lies in.

    Raises:
        InputError: no job's id begins so, or several do.
    """
    job = queue.show(prefix).job
    state = queue.cancel(job.id)
    if state == "cancelled" and job.state != "cancelled":
        end_cancelled(settings, job.id)
    return job.id, state


def retry_job(
    prefix: str, settings: Settings, queue: LeaseQueue, *, notice: Callable[[str], None] = lambda _: None
) -> tuple[str, int]:
    """The job's whole id, and how many of its units wait again.

    Args:
        prefix: what its id alone begins with.
        settings: where the ledger is.
        queue: that it lies in.
        notice: told, in one sentence, that workers could not be told.

    Raises:
        InputError: no job's id begins so, or several do; it has not ended, or all of it was done.
    """
    job = queue.show(prefix).job
    ended = find_entry(settings, job.id)
    units = queue.retry(job.id)
    if ended is not None:
        Ledger(settings.home).reopen(ended)
    with open_hints(settings, notice=notice) as hints:
        hints.send(job.queue, units)
    return job.id, units

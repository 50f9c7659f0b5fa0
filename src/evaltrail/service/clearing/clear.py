"""Clear: EVALTRAIL_HOME and the queue rid of what nothing refers to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evaltrail.bundle.folders import disk_now, storage_error
from evaltrail.config.settings import Settings
from evaltrail.core.errors import EvaltrailError, StorageError
from evaltrail.service.clearing.halves import find_half_uploads, find_halves
from evaltrail.service.clearing.home import Home
from evaltrail.service.clearing.leftover import DAY_S, Leftover, folder_names
from evaltrail.service.clearing.outbox_files import find_in_outbox
from evaltrail.service.clearing.queue_view import QueueView, view_queue
from evaltrail.service.clearing.work_folders import find_job_work, find_jobs, find_work
from evaltrail.service.working.places import jobs_folder
from evaltrail.store.ledger import Ledger

_MOST_DAYS = 36_500
"""Nothing is older, and clocks can tell it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleared:
    """What was removed, or would be."""

    leftovers: tuple[Leftover, ...]
    notes: tuple[str, ...] = ()
    """What was kept though it looks needless."""
    errors: tuple[EvaltrailError, ...] = ()
    """What could not be removed."""

    @property
    def size_bytes(self) -> int:
        """What the disk gets back."""
        return sum(leftover.size_bytes for leftover in self.leftovers)


def clear(settings: Settings, *, older_than_days: int | None = None, dry_run: bool = False) -> Cleared:
    """What was removed of the home and the queue: only what nothing refers to, and nobody has in hand.

    Bundles, ledger, documents, data sets and what waits in the outbox always stay.

    Args:
        settings: where home and queue are.
        older_than_days: jobs that have been over for so long are forgotten, with the work from which they could be
            tried again; so is work untouched for so long that no ledger tells of; None = nothing of that.
        dry_run: only tell what would go.

    Raises:
        InputError, StorageError: the home cannot be read, or queue or ledger not be asked; nothing was removed.
    """
    older_than_s = None if older_than_days is None else min(older_than_days, _MOST_DAYS) * DAY_S
    errors: tuple[EvaltrailError, ...] = ()
    try:
        with view_queue(settings) as queue:
            home = _home(settings, queue, older_than_s)
            found = _find(settings, home, queue)
            if not dry_run:
                found, errors = _remove(found, settings)
    except OSError as error:
        where = str(error.filename or settings.home)
        hint = "run it as the user whose home this is"
        raise StorageError(f"cannot be read: {error.strerror or error}", where=where, hint=hint) from error
    return Cleared(leftovers=found, notes=_notes(home), errors=errors)


def _home(settings: Settings, queue: QueueView, older_than_s: float | None) -> Home:
    ledger = Ledger(settings.home)
    job_ids = folder_names(jobs_folder(settings.home))
    # the queue first: a job that ends meanwhile is taken for one that has not
    jobs = queue.states(job_ids)
    evaluations = ledger.states() if ledger.is_there else {}
    now_s = disk_now(settings.home)
    return Home(folder=settings.home, evaluations=evaluations, jobs=jobs, now_s=now_s, older_than_s=older_than_s)


def _find(settings: Settings, home: Home, queue: QueueView) -> tuple[Leftover, ...]:
    ended = () if home.older_than_s is None else queue.ended_for(home.older_than_s)
    forgotten = {f"work/jobs/{job.id}" for job in ended}
    return (
        *find_jobs(home, queue, ended),
        *(leftover for leftover in find_job_work(home) if leftover.name not in forgotten),
        *find_work(home),
        *find_halves(home),
        *find_half_uploads(home, settings),
        *find_in_outbox(settings, home.older_than_s, home.now_s),
    )


def _remove(found: Sequence[Leftover], settings: Settings) -> tuple[tuple[Leftover, ...], tuple[EvaltrailError, ...]]:
    removed: list[Leftover] = []
    errors: list[EvaltrailError] = []
    for leftover in found:
        try:
            if leftover.remove():
                removed.append(leftover)
        except FileNotFoundError:  # somebody else has removed it
            continue
        except OSError as error:
            errors.append(storage_error(error, settings.home / leftover.name))
        except EvaltrailError as error:
            errors.append(error)
    return tuple(removed), tuple(errors)


def _notes(home: Home) -> tuple[str, ...]:
    strange = home.strange_jobs()
    if not strange:
        return ()
    shown = ", ".join(strange[:3]) + (f" and {len(strange) - 3:,} more" if len(strange) > 3 else "")
    told = f"kept the work of jobs that this queue does not know: {shown}"
    return (f"{told}; is EVALTRAIL_DATABASE_URL what their workers use?",)

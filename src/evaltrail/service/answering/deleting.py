"""Calling an evaluation off, and forgetting one for good."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from evaltrail.bundle.folders import storage_error
from evaltrail.config.settings import Settings
from evaltrail.core.errors import BusyError, InputError
from evaltrail.jobs.account import JobAccount
from evaltrail.jobs.lease import LeaseQueue
from evaltrail.jobs.states import ENDED
from evaltrail.service.answering.bundles import bundle_folder
from evaltrail.service.waiting import forget_evaluation
from evaltrail.service.working.calling_off import cancel_job
from evaltrail.service.working.places import jobs_folder
from evaltrail.service.working.submit import EVALUATION
from evaltrail.store.ledger import Ledger


def call_off(settings: Settings, queue: LeaseQueue, job: JobAccount) -> None:
    """Cancel an evaluation or a generation that is not over: its workers are told, and what was answered is kept.

    Args:
        settings: where the ledger is.
        queue: that it lies in.
        job: read just now.

    Raises:
        InputError: it is over already.
    """
    if job.state in ENDED:
        forgets = f"; DELETE /api/v1/evaluations/jobs/{job.id}?hard_delete=true forgets it for good"
        further = forgets if job.kind == EVALUATION else ""
        raise InputError(
            f"{job.kind} {job.id} is over: {job.state}",
            code="already_ended",
            hint=f"nothing is left to cancel{further}",
        )
    cancel_job(job.id, settings, queue)


def delete_evaluation(settings: Settings, queue: LeaseQueue, job: JobAccount, family: Sequence[JobAccount]) -> None:
    """Forget an evaluation that is over: its jobs, its bundle, the work of its units, and its entry in the ledger.

    Runs in MLflow stay. A delivery or a callback that had not ended is called off first.

    Args:
        settings: where the home is.
        queue: that it lies in.
        job: of the evaluation.
        family: the jobs that belong to it.

    Raises:
        InputError: it is not over, or a process is delivering it just now.
        StorageError: the disk refuses; what is left can be deleted by asking again.
    """
    if job.state not in ENDED:
        raise InputError(
            f"evaluation {job.id} is not over: {job.state}",
            code="not_ended",
            hint="cancel it first, or wait for its end",
        )
    busy = [each for each in family if each.state not in ENDED and queue.cancel(each.id) not in ENDED]
    if busy:
        raise _in_hand(busy[0].kind, job.id)
    try:
        forget_evaluation(job.id, settings)
    except BusyError as error:
        raise _in_hand("delivery", job.id) from error
    for folder in (bundle_folder(settings.home, job.id), jobs_folder(settings.home) / job.id):
        _remove(folder)
    ledger = Ledger(settings.home)
    if ledger.is_there:
        ledger.forget(job.id)
    for each in family:
        queue.delete(each.id)
    queue.delete(job.id)  # last: until then the same request finds the rest


def _in_hand(what: str, evaluation_id: str) -> InputError:
    return InputError(
        f"the {what} of evaluation {evaluation_id} is in hand", code="not_ended", hint="try again in a moment"
    )


def _remove(folder: Path) -> None:
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return
    except OSError as error:
        raise storage_error(error, folder) from error

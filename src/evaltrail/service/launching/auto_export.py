"""Auto-export: what a run configuration's jobs came to is delivered in the process that ends them, and seen.

A job that has a run of its own (``runs: job``) is delivered at its own end. Jobs that share one run are delivered once,
by whoever finds that all of them have ended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, chdir, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from evaltrail.bundle.folders import hold_lock
from evaltrail.config.composition.env_values import resolve_values
from evaltrail.config.settings import Settings, with_variables
from evaltrail.core.errors import BusyError, EvaltrailError, InputError, PartialError
from evaltrail.core.job import JobSpec
from evaltrail.service.exporting.export_config import read_options
from evaltrail.service.history.job_states import job_states
from evaltrail.service.launching.silent_outcome import silent_outcome
from evaltrail.service.record import error_object
from evaltrail.store.executions import database_file, read_executions
from evaltrail.store.job_files import JobDelivery, read_outcome, read_spec, write_outcome
from evaltrail.store.job_folders import EXPORTING, OVER, end_mark, job_state, jobs_below

_WAIT_SECONDS = 120.0


def auto_export(spec: JobSpec, folder: Path, settings: Settings, *, retries: bool = False) -> JobDelivery | None:
    """Deliver what is due now that the job of a folder has ended; None when nothing is.

    What does not go as it should is in the answer; nothing is raised for it.

    Args:
        spec: of the job.
        folder: the job's.
        settings: of this process.
        retries: whether what was refused, or waits, is tried again.
    """
    if not spec.destinations:
        return None
    folders = (folder,) if is_alone(spec) else jobs_below(folder.parent)
    place = folder if is_alone(spec) else folder.parent
    try:
        with hold_lock(place / EXPORTING, "process {pid} exports this", wait_s=_WAIT_SECONDS):
            ends = _ends(folders, settings)
            if not ends or any(_is_delivered(each, ends, retries=retries) for each in folders):
                return None
            delivery = _carried_out(spec, ends, settings)
            _put_down(folder, folders, delivery)
            return delivery
    except BusyError:  # who holds the lock delivers the same
        return None
    except EvaltrailError as error:  # a job's folder that cannot be read, a disk that refuses
        return _told({}, [error], [])


def _carried_out(spec: JobSpec, ends: Mapping[str, str], settings: Settings) -> JobDelivery:
    try:
        with _launched_from(spec):
            return _deliver(spec, ends, export_settings(spec, settings))
    except EvaltrailError as error:
        return _told(ends, [error], [])


def _put_down(folder: Path, folders: Sequence[Path], delivery: JobDelivery) -> None:
    """Put a delivery down with the job that made it; what was put down with others before is over."""
    for each in folders:
        outcome = read_outcome(each)
        if outcome is not None and outcome.delivery is not None and each != folder:
            write_outcome(each, replace(outcome, delivery=None))
    outcome = read_outcome(folder) or silent_outcome(read_spec(folder), folder)
    write_outcome(folder, replace(outcome, delivery=delivery))


def _launched_from(spec: JobSpec) -> AbstractContextManager[None]:
    """The folder that relative addresses are meant from, where it is still there."""
    return chdir(spec.cwd) if Path(spec.cwd).is_dir() and spec.cwd else nullcontext()


def is_alone(spec: JobSpec) -> bool:
    """Whether the job gets a run of its own."""
    return spec.export.get("mlflow", {}).get("runs") == "job" and spec.destinations == ("mlflow",)


def export_settings(spec: JobSpec, settings: Settings) -> Settings:
    """The settings while results are exported: with the variables of ``env_vars.export``."""
    return with_variables(settings, resolve_values(spec.export_env, settings.environ).values)


def _ends(folders: Sequence[Path], settings: Settings) -> dict[str, str]:
    """Job id to the mark of its end; nothing while one of them has not ended."""
    ids = {folder: read_spec(folder).id for folder in folders}
    known = [job for job in read_executions(database_file(settings.environ)).jobs if job.id in ids.values()]
    states = job_states(known, settings.environ)
    if any(states.get(ids[folder], job_state(folder)) not in OVER for folder in folders):
        return {}
    return {ids[folder]: end_mark(folder) for folder in folders}


def _is_delivered(folder: Path, ends: Mapping[str, str], *, retries: bool) -> bool:
    """Whether the job of a folder has delivered these ends; unless it is tried again, an attempt will do."""
    outcome = read_outcome(folder)
    if outcome is None or outcome.delivery is None or dict(outcome.delivery.ends) != dict(ends):
        return False
    return not retries or outcome.delivery.exit_code == 0


def _deliver(spec: JobSpec, ends: Mapping[str, str], settings: Settings) -> JobDelivery:
    from evaltrail.service.exporting.export import export_invocations, told_receipts  # noqa: PLC0415  0.1 s after the work is done

    receipts: list[Mapping[str, Any]] = []
    errors: list[EvaltrailError] = []
    for destination in spec.destinations:
        try:
            options = read_options(spec.export.get(destination, {}), dest=destination, where=f"export.{destination}")
            named = list(ends) if is_alone(spec) else [spec.invocation_id]
            done = export_invocations(named, options, settings, dest=destination)
        except EvaltrailError as error:
            errors += error.errors if isinstance(error, PartialError) else [error]
            continue
        receipts += [{"dest": destination, **receipt} for receipt in told_receipts(done)]
        errors += done.errors
    return _told(ends, errors, receipts)


def _told(
    ends: Mapping[str, str], errors: Sequence[EvaltrailError], receipts: Sequence[Mapping[str, Any]]
) -> JobDelivery:
    """Once results are there, what is wrong with the request for their delivery is no bad input any more."""
    codes = (1 if isinstance(error, InputError) else error.exit_code for error in errors)
    return JobDelivery(
        jobs=tuple(ends),
        ends=dict(ends),
        exit_code=max(codes, default=0),
        errors=tuple(map(error_object, errors)),
        receipts=tuple(receipts),
    )

"""Export: finished invocations, the launcher's or ours, resolved by id and delivered to MLflow or files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, overload

import msgspec

from evaltrail.config.settings import Settings, load_settings
from evaltrail.core.delivery import Receipt, Skipped
from evaltrail.core.errors import EvaltrailError, InputError
from evaltrail.core.ports import Reader
from evaltrail.core.progress import ProgressSink
from evaltrail.core.values import Json
from evaltrail.destinations.files.options import FileOptions
from evaltrail.destinations.mlflow.points import metric_names
from evaltrail.destinations.mlflow.tracking_uri import public_uri
from evaltrail.service.exporting.export_config import ExportOptions, export_uri, read_options, table_of
from evaltrail.service.exporting.export_files import ExportedFiles, check_names, export_files, told_files
from evaltrail.service.exporting.export_jobs import LAUNCHER, JobReader, place_of, resolve_ids
from evaltrail.service.gathering.land import Outcome, exit_code_of, land_units, plan_units, read_unit
from evaltrail.service.gathering.survey import Unit, load_readers
from evaltrail.store.executions import Job, database_file, read_executions


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What became of the invocations and jobs of an export."""

    units: tuple[tuple[Unit, tuple[Job, ...]], ...]
    """Each delivery with the jobs in it; no jobs for evaluations of ours."""
    outcomes: tuple[Outcome, ...]
    tracking_uri: str
    """Without a login."""
    notes: tuple[Skipped, ...] = ()
    """Lines of the execution database that hold no job."""

    @property
    def receipts(self) -> tuple[Receipt, ...]:
        """Of every run."""
        return tuple(receipt for outcome in self.outcomes for receipt in outcome.receipts)

    @property
    def errors(self) -> tuple[EvaltrailError, ...]:
        """Everything that did not go as it should; an MLflow that is away stands once."""
        return tuple(dict.fromkeys(error for outcome in self.outcomes for error in outcome.errors))

    @property
    def exit_code(self) -> int:
        """0 all landed, 1 some did not, 2 nothing was sent as it cannot be, 3 MLflow is away and the rest waits."""
        return exit_code_of(self.outcomes, self.errors)


@overload
def export_invocations(
    ids: Sequence[str],
    options: ExportOptions,
    settings: Settings,
    *,
    dest: str = ...,
    dry_run: bool = ...,
    progress: ProgressSink = ...,
) -> Exported: ...


@overload
def export_invocations(
    ids: Sequence[str],
    options: FileOptions,
    settings: Settings,
    *,
    dest: str = ...,
    dry_run: bool = ...,
    progress: ProgressSink = ...,
) -> ExportedFiles: ...


@overload
def export_invocations(
    ids: Sequence[str],
    options: ExportOptions | FileOptions,
    settings: Settings,
    *,
    dest: str = ...,
    dry_run: bool = ...,
    progress: ProgressSink = ...,
) -> Exported | ExportedFiles: ...


def export_invocations(
    ids: Sequence[str],
    options: ExportOptions | FileOptions,
    settings: Settings,
    *,
    dest: str = "",
    dry_run: bool = False,
    progress: ProgressSink = lambda _: None,
) -> Exported | ExportedFiles:
    """What became of every invocation and job that the ids name, each job delivered once.

    Args:
        ids: beginnings of invocation ids, job ids ``<invocation>.<n>``, or ids of our own evaluations.
        options: of MLflow or of files, as ``read_options`` gives them.
        settings: fill what the options leave open.
        dest: ``mlflow`` or ``local``; empty = the one that the options are of.
        dry_run: only say what would land.
        progress: told after each delivery.

    Raises:
        InputError: an id is unknown or ambiguous, no tracking URI is named, no metric is named like those asked for,
            a folder or an option cannot be used; nothing was sent or written.
        StorageError: the outbox or a file cannot be written.
        InterruptError: interrupted; the same command goes on.
    """
    own = "local" if isinstance(options, FileOptions) else "mlflow"
    if dest and table_of(dest).dest != own:
        raise InputError(f"the options are of {own!r}, not of {dest!r}", code="usage", hint="read them for it")
    if isinstance(options, FileOptions):
        return export_files(ids, options, settings, dry_run=dry_run, progress=progress)
    delivery = replace(options.delivery(), tracking_uri=export_uri(options, settings))
    executions = read_executions(database_file(settings.environ))
    found = resolve_ids(ids, executions.jobs, options, settings)
    units = tuple(unit for unit, _ in found)
    jobs = [job for _, known in found for job in known]
    readers: dict[str, Reader] = {LAUNCHER: JobReader(jobs, options), **load_readers("bundle")}
    _check_metrics(units, readers, options)
    if dry_run:
        outcomes = list(plan_units(units, readers, delivery, settings))
    else:
        outcomes = land_units(units, readers, delivery, settings, progress=progress, title="export")
    return Exported(
        units=found,
        outcomes=tuple(outcomes),
        tracking_uri=public_uri(delivery.tracking_uri),
        notes=executions.skipped,
    )


def export_results(
    invocation_ids: Sequence[str] | str, dest: str = "mlflow", config: Mapping[str, Json] | None = None
) -> dict[str, Any]:
    """What became of the export, in the launcher's words.

    Args:
        invocation_ids: beginnings of invocation ids, job ids ``<invocation>.<n>``, or ids of our own evaluations.
        dest: ``mlflow`` or ``local``.
        config: option to value, as the destination's table has them.

    Returns:
        For one id ``{success, invocation_id, jobs: {id: {success, message, metadata}}, metadata}``, for several
        ``{success, invocations: {id: {...}}, metadata: {total_invocations, successful_invocations}}``. Metadata names
        run_id, experiment_id, tracking_uri, run_url, metrics_logged, params_logged, artifacts_logged, status, skipped;
        that of files output_dir, files, metrics, status, skipped.
        What could not even begin is ``{success: False, error, code, hint}``; nothing is raised for it.

    Source: seed 002, launcher 0.1.31.
    """
    ids = [invocation_ids] if isinstance(invocation_ids, str) else list(invocation_ids)
    try:
        done = export_invocations(ids, read_options(config or {}, dest=dest), load_settings(), dest=dest)
    except EvaltrailError as error:
        return {"success": False, "error": str(error), "code": error.code, "hint": error.hint, "metadata": {}}
    return told(done, is_single=len(ids) == 1)


def told(done: Exported | ExportedFiles, *, is_single: bool) -> dict[str, Any]:
    """An export in the launcher's words; see ``export_results``."""
    invocations = _told_runs(done) if isinstance(done, Exported) else told_files(done)
    if is_single and len(invocations) == 1:
        return next(iter(invocations.values()))
    good = sum(entry["success"] for entry in invocations.values())
    return {
        "success": good == len(invocations),
        "invocations": invocations,
        "metadata": {"total_invocations": len(invocations), "successful_invocations": good},
    }


def told_receipts(done: Exported | ExportedFiles) -> list[dict[str, Any]]:
    """The receipts of an export, for programs."""
    receipts: list[dict[str, Any]] = msgspec.to_builtins(done.receipts)
    return receipts


def _told_runs(done: Exported) -> dict[str, dict[str, Any]]:
    invocations: dict[str, dict[str, Any]] = {}
    for (unit, jobs), outcome in zip(done.units, done.outcomes, strict=True):
        name = jobs[0].invocation_id if jobs else outcome.bundle_id or unit.label
        entry = invocations.setdefault(
            name, {"success": True, "invocation_id": name, "jobs": {}, "metadata": _metadata(_receipt(outcome), done)}
        )
        entry["jobs"] |= _jobs_told(jobs, outcome, done)
        if outcome.errors:
            entry["success"] = False
            entry["error"] = "; ".join(str(error) for error in outcome.errors)
    return invocations


def _jobs_told(jobs: Sequence[Job], outcome: Outcome, done: Exported) -> dict[str, dict[str, Any]]:
    """What became of each job: one that could not be read has an error of its own, the others are in the run."""
    own = {job.id: [error for error in outcome.errors if _is_about(error, job)] for job in jobs}
    shared = [error for error in outcome.errors if not any(error in errors for errors in own.values())]
    places = {job_id: place for place, job_id in enumerate(job_id for job_id, errors in own.items() if not errors)}
    told_jobs = {}
    for job_id, errors in own.items():
        failures = [*errors, *shared]
        receipt = _receipt(outcome, places[job_id]) if job_id in places else None
        told_jobs[job_id] = {
            "success": not failures,
            "message": "; ".join(map(str, failures)) or _message(receipt),
            "metadata": _metadata(receipt, done),
        }
    return told_jobs


def _is_about(error: EvaltrailError, job: Job) -> bool:
    return bool(error.where) and Path(error.where).is_relative_to(place_of(job))


def _check_metrics(units: Sequence[Unit], readers: Mapping[str, Reader], options: ExportOptions) -> None:
    """Find out before anything is sent that no metric at all is named like those asked for."""
    if not options.log_metrics:
        return
    names: dict[str, None] = {}
    for unit in units:
        try:
            bundle, _ = read_unit(unit, readers)
        except InputError:
            continue  # told when it is delivered
        names |= dict.fromkeys(metric_names(bundle.tasks))
    check_names(names, options.log_metrics)


def _receipt(outcome: Outcome, place: int | None = None) -> Receipt | None:
    """The receipt of the run of all; with layout nested, that of the job at this place."""
    receipts = outcome.receipts
    if place is not None and len(receipts) > place + 1:
        return receipts[place + 1]
    return receipts[0] if receipts else None


def _message(receipt: Receipt | None) -> str:
    if receipt is None:
        return "nothing was sent"
    if receipt.is_existing:
        return f"run {receipt.run_id} was complete already"
    return f"landed in run {receipt.run_id}" + ("" if receipt.status == "FINISHED" else f", which is {receipt.status}")


def _metadata(receipt: Receipt | None, done: Exported) -> dict[str, Any]:
    if receipt is None:
        return {}
    return {
        "run_id": receipt.run_id,
        "experiment_id": receipt.experiment_id,
        "experiment_name": receipt.experiment_name,
        "tracking_uri": done.tracking_uri,
        "run_url": receipt.run_url,
        "status": receipt.status,
        "metrics_logged": receipt.metrics_logged,
        "params_logged": receipt.params_logged,
        "artifacts_logged": receipt.artifacts_logged,
        "traces_logged": receipt.traces_logged,
        "skipped": [{"what": item.what, "why": item.why} for item in receipt.skipped],
        "is_existing": receipt.is_existing,
    }

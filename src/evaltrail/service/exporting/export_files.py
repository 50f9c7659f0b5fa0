"""Export to files: jobs and evaluations of ours, each read once, checked together, then written."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evaltrail.bundle.layout import SAMPLES
from evaltrail.config.file_choice import FileChoice, choose_files
from evaltrail.config.settings import Settings
from evaltrail.core.artifact import Artifact
from evaltrail.core.delivery import Skipped
from evaltrail.core.errors import EvaltrailError, InputError
from evaltrail.core.ports import Reader
from evaltrail.core.progress import Progress, ProgressSink
from evaltrail.core.result import ResultBundle
from evaltrail.destinations.files.destination import FilesDestination
from evaltrail.destinations.files.entry import JobFacts, entries_of
from evaltrail.destinations.files.options import FileOptions
from evaltrail.destinations.files.parcel import Parcel
from evaltrail.destinations.files.receipt import FilesReceipt
from evaltrail.destinations.mlflow.points import is_wanted, metric_names
from evaltrail.service.exporting.export_config import ExportOptions
from evaltrail.service.exporting.export_jobs import LAUNCHER, JobReader, place_of, resolve_ids
from evaltrail.service.gathering.land import NO_METRIC, read_unit
from evaltrail.service.gathering.survey import Unit, load_readers
from evaltrail.store.executions import Job, database_file, read_executions

_MOST_NAMED = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesOutcome:
    """What became of one job, or of one evaluation of ours."""

    unit: Unit
    job: Job | None
    """None for an evaluation of ours."""
    bundle: ResultBundle | None = None
    """None where it cannot be read."""
    parcel: Parcel | None = None
    """What goes to disk."""
    files: tuple[Path, ...] = ()
    """Where it goes."""
    receipt: FilesReceipt | None = None
    errors: tuple[EvaltrailError, ...] = ()

    @property
    def invocation(self) -> str:
        """The id that people know it by."""
        return self.job.invocation_id if self.job else self.unit.label if self.bundle is None else self.bundle.id


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedFiles:
    """What became of the jobs and evaluations of an export to files."""

    output_dir: Path
    outcomes: tuple[FilesOutcome, ...]
    notes: tuple[Skipped, ...] = ()
    """Lines of the execution database that hold no job."""

    @property
    def receipts(self) -> tuple[FilesReceipt, ...]:
        """Of what was written."""
        return tuple(outcome.receipt for outcome in self.outcomes if outcome.receipt is not None)

    @property
    def errors(self) -> tuple[EvaltrailError, ...]:
        """Everything that did not go as it should."""
        return tuple(error for outcome in self.outcomes for error in outcome.errors)

    @property
    def exit_code(self) -> int:
        """0 all were written (or would be), 1 some were not, 2 nothing was, as nothing can be."""
        if not self.errors:
            return 0
        return 1 if any(outcome.parcel and not outcome.errors for outcome in self.outcomes) else InputError.exit_code


def export_files(
    ids: Sequence[str],
    options: FileOptions,
    settings: Settings,
    *,
    dry_run: bool = False,
    progress: ProgressSink = lambda _: None,
) -> ExportedFiles:
    """What became of every job that the ids name; see ``export_invocations``."""
    destination = FilesDestination(options)
    executions = read_executions(database_file(settings.environ))
    each = ExportOptions(runs="job", job_dirs=options.job_dirs)
    found = resolve_ids(ids, executions.jobs, each, settings)
    readers: dict[str, Reader] = {
        LAUNCHER: JobReader([job for _, jobs in found for job in jobs]),
        **load_readers("bundle"),
    }
    outcomes = [_read(unit, jobs, readers) for unit, jobs in found]
    read = [outcome.bundle for outcome in outcomes if outcome.bundle is not None]
    check_names(metric_names(task for bundle in read for task in bundle.tasks), options.log_metrics)
    outcomes = [_packed(outcome, options, destination) for outcome in outcomes]
    destination.check(_parcels(outcomes))
    if not dry_run and _parcels(outcomes):
        outcomes = _written(outcomes, destination, progress)
    return ExportedFiles(output_dir=destination.folder, outcomes=tuple(outcomes), notes=executions.skipped)


def check_names(names: Collection[str], wanted: Sequence[str]) -> None:
    """Refuse a choice of metrics that none is named like.

    Raises:
        InputError: no metric is named like those asked for.
    """
    if wanted and names and not any(is_wanted(name, wanted) for name in names):
        raise InputError(
            f"no metric is named like {', '.join(wanted)}",
            code=NO_METRIC,
            hint=f"there are {', '.join(list(names)[:_MOST_NAMED])}",
        )


def told_files(done: ExportedFiles) -> dict[str, dict[str, Any]]:
    """An export to files in the launcher's words, by invocation; see ``export_results``."""
    invocations: dict[str, dict[str, Any]] = {}
    for outcome in done.outcomes:
        name = outcome.invocation
        entry = invocations.setdefault(name, {"success": True, "invocation_id": name, "jobs": {}, "metadata": {}})
        if outcome.receipt is not None:
            entry["metadata"] = _joined(entry["metadata"], _metadata(outcome.receipt))
        if outcome.job is not None:
            entry["jobs"][outcome.job.id] = _job_told(outcome)
        if outcome.errors:
            entry["success"] = False
            reasons = [entry["error"]] if "error" in entry else []
            entry["error"] = "; ".join([*reasons, *map(str, outcome.errors)])
    return invocations


def _read(unit: Unit, jobs: Sequence[Job], readers: Mapping[str, Reader]) -> FilesOutcome:
    outcome = FilesOutcome(unit=unit, job=jobs[0] if jobs else None)
    try:
        bundle, errors = read_unit(unit, readers)
    except InputError as error:
        return replace(outcome, errors=(error,))
    return replace(outcome, bundle=bundle, errors=errors)


def _packed(outcome: FilesOutcome, options: FileOptions, destination: FilesDestination) -> FilesOutcome:
    """The outcome with everything that goes to disk."""
    bundle = outcome.bundle
    if bundle is None:
        return outcome
    wanted = tuple(options.log_metrics)
    entries = entries_of(bundle, _facts(outcome, bundle), lambda name: not wanted or is_wanted(name, wanted))
    choice = _files(outcome, bundle, options)
    parcel = Parcel(
        job=_facts(outcome, bundle),
        status=bundle.status,
        entries=entries,
        artifacts=choice.chosen,
        skipped=(*(item for entry in entries for item in entry.skipped), *choice.skipped),
        secrets=bundle.secrets,
    )
    return replace(outcome, parcel=parcel, files=destination.files_of(parcel))


def _facts(outcome: FilesOutcome, bundle: ResultBundle) -> JobFacts:
    job = outcome.job
    if job is None:
        return JobFacts(
            invocation_id=bundle.id,
            executor="local",
            results_dir=str(outcome.unit.heads[0].source.path),
            timestamp=bundle.started_at.timestamp(),
        )
    return JobFacts(
        invocation_id=job.invocation_id,
        job_id=job.id,
        executor=job.executor or bundle.tags.get("executor", ""),
        container=job.container,
        results_dir=str(place_of(job)),
        timestamp=(job.started_at or bundle.started_at).timestamp(),
    )


def _files(outcome: FilesOutcome, bundle: ResultBundle, options: FileOptions) -> FileChoice:
    """The files to be copied; the samples of an evaluation of ours are one of them."""
    artifacts = list(bundle.artifacts)
    samples = outcome.unit.heads[0].source.path / SAMPLES
    if outcome.job is None and samples.is_file():
        artifacts.append(Artifact(path=SAMPLES, file=samples, role="required"))
    return choose_files(artifacts, options.roles, tuple(options.exclude_patterns))


def _written(
    outcomes: Sequence[FilesOutcome], destination: FilesDestination, progress: ProgressSink
) -> list[FilesOutcome]:
    """The outcomes once files and summaries are on disk; a job whose files cannot be read is in no summary."""
    destination.open()
    copied: list[FilesOutcome] = []
    for number, outcome in enumerate(outcomes):
        progress(Progress(task="export", done=number, total=len(outcomes)))
        copied.append(_copied(outcome, destination))
    receipts = destination.summarize(_parcels(copied))
    progress(Progress(task="export", done=len(outcomes), total=len(outcomes)))
    known = {(receipt.invocation_id, receipt.job_id): receipt for receipt in receipts}
    return [replace(one, receipt=known.get(one.parcel.job.key) if one.parcel else None) for one in copied]


def _copied(outcome: FilesOutcome, destination: FilesDestination) -> FilesOutcome:
    if outcome.parcel is None:
        return outcome
    try:
        destination.copy(outcome.parcel)
    except InputError as error:
        return replace(outcome, parcel=None, files=(), errors=(*outcome.errors, error))
    return outcome


def _parcels(outcomes: Sequence[FilesOutcome]) -> list[Parcel]:
    return [outcome.parcel for outcome in outcomes if outcome.parcel is not None]


def _job_told(outcome: FilesOutcome) -> dict[str, Any]:
    receipt = outcome.receipt
    message = "nothing was written" if receipt is None else f"{len(receipt.files):,} files in {receipt.output_dir}"
    return {
        "success": not outcome.errors,
        "message": "; ".join(map(str, outcome.errors)) or message,
        "metadata": {} if receipt is None else _metadata(receipt),
    }


def _metadata(receipt: FilesReceipt) -> dict[str, Any]:
    return {
        "output_dir": receipt.output_dir,
        "files": list(receipt.files),
        "metrics": receipt.metrics,
        "status": receipt.status,
        "skipped": [{"what": item.what, "why": item.why} for item in receipt.skipped],
    }


def _joined(before: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """What is known of an invocation and of one more of its jobs."""
    if not before:
        return dict(more)
    return {
        "output_dir": more["output_dir"],
        "files": list(dict.fromkeys([*before["files"], *more["files"]])),
        "metrics": before["metrics"] + more["metrics"],
        "status": before["status"] if before["status"] == more["status"] else "partially_failed",
        "skipped": [*before["skipped"], *more["skipped"]],
    }

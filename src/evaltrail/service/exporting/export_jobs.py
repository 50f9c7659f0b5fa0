"""Ids become job folders, and job folders deliveries: from the execution database, from folders, from our ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from evaltrail.bundle.layout import MANIFEST
from evaltrail.config.redaction import without_secrets
from evaltrail.config.settings import Settings
from evaltrail.core.errors import InputError
from evaltrail.core.metric import MetricValue
from evaltrail.core.ports import Reader
from evaltrail.core.result import ResultBundle
from evaltrail.core.source import Evidence, Source
from evaltrail.core.values import Json, Scalar
from evaltrail.readers.detect import Found
from evaltrail.readers.leaves import leaves
from evaltrail.readers.nemo_launcher.reader import NemoLauncherReader, read_job
from evaltrail.readers.notes import Notes
from evaltrail.readers.tables import read_yaml
from evaltrail.service.exporting.export_config import ExportOptions
from evaltrail.service.gathering.land import read_unit
from evaltrail.service.gathering.survey import Unit
from evaltrail.service.history.evaluations import find_known
from evaltrail.store.executions import Job, find_job_folders
from evaltrail.store.job_folders import job_place, job_state
from evaltrail.store.ledger import Entry

LAUNCHER = "nemo_launcher"
"""The name of the reader of jobs."""
_MOST_CONFIG_PARAMS = 500


def resolve_ids(
    ids: Sequence[str], known: Sequence[Job], options: ExportOptions, settings: Settings
) -> tuple[tuple[Unit, tuple[Job, ...]], ...]:
    """What is delivered together, each job once: the jobs of an invocation, or a job that is named itself.

    Args:
        ids: beginnings of ids.
        known: the jobs of the execution database.
        options: ``runs`` and ``job_dirs`` count.
        settings: where our own evaluations are.

    Returns:
        Each delivery with the jobs in it; no jobs for evaluations of ours. Whether a job's folder is there, and whether
        it can be read, is found out later, so that one of them does not stop the others.

    Raises:
        InputError: an id is unknown or ambiguous, or an evaluation of ours has not finished.
    """
    if not ids:
        raise InputError("no invocation is named", code="usage", hint="give an id; `evaltrail ls runs` shows them")
    folders = [Path(folder).expanduser() for folder in options.job_dirs]
    grouped: dict[str, dict[str, Job]] = {}
    alone: dict[str, Job] = {}
    own: dict[str, Path] = {}
    for wanted in dict.fromkeys(str(each).strip() for each in ids):
        found = _found(wanted, known, folders, settings)
        if isinstance(found, Entry):
            own[found.id] = found.out
        elif options.runs == "job" or (len(found) == 1 and _names_job(wanted, found[0])):
            alone |= {job.id: job for job in found}
        else:
            for job in found:
                grouped.setdefault(job.invocation_id, {})[job.id] = job
    taken = {job_id for jobs in grouped.values() for job_id in jobs}
    units = [_unit(list(jobs.values()), group=invocation) for invocation, jobs in grouped.items()]
    units += [_unit([job], group="") for job_id, job in alone.items() if job_id not in taken]
    units += [(_own_unit(folder), ()) for folder in own.values()]
    return tuple(units)


def place_of(job: Job) -> Path:
    """Where a job's folder is, or what stands for it where nobody says."""
    return job.folder or Path(job.id)


class JobReader:
    """The launcher's reader, with what the execution database knows of each job."""

    def __init__(self, jobs: Sequence[Job], options: ExportOptions | None = None) -> None:
        self._jobs = {place_of(job): job for job in jobs}
        self._depth = options.log_config_params_max_depth if options and options.log_config_params else 0

    def sniff(self, source: Source) -> Evidence | None:
        """As for any folder."""
        return NemoLauncherReader().sniff(source)

    def read(self, source: Source) -> ResultBundle:
        """The job's result, under the ids that the execution database gives it.

        Raises:
            InputError: its folder is not here, it has not ended, or its results cannot be read.
        """
        job = self._jobs[source.path]
        if not source.path.is_dir():
            raise InputError(
                f"the folder of job {job.id} is not here",
                code="no_folder",
                where=str(source.path),
                hint="copy it to this machine and name the folder above it with --job-dirs",
            )
        state = job_state(source.path, job.was_killed)
        if state in {"pending", "running"}:
            raise InputError(
                f"job {job.id} is {state}", code="not_finished", where=str(source.path), hint="export it once it ended"
            )
        bundle = read_job(source, job)
        return replace(bundle, params={**bundle.params, **_config_params(source.path, self._depth)})


def metrics_of_jobs(jobs: Sequence[Job]) -> tuple[dict[str, dict[str, MetricValue]], list[InputError]]:
    """Job id to its metrics by name; and why some of those that ended have none."""
    readers: dict[str, Reader] = {LAUNCHER: JobReader(jobs)}
    found: dict[str, dict[str, MetricValue]] = {}
    errors: list[InputError] = []
    for job in jobs:
        unit, _ = _unit([job], group="")
        try:
            bundle, _ = read_unit(unit, readers)
        except InputError as error:
            if error.code != "not_finished":
                errors.append(error)
            continue
        found[job.id] = {
            "/".join((*([] if task.prefix == "" else [task.prefix or task.name]), *metric.group, metric.name)): metric
            for task in bundle.tasks
            for metric in task.metrics
        }
    return found, errors


def job_results(jobs: Sequence[Job]) -> tuple[dict[str, dict[str, float]], list[InputError]]:
    """Job id to its metrics, name to value; and why some of those that ended have none."""
    found, errors = metrics_of_jobs(jobs)
    results = {
        job_id: {
            name + ending: value
            for name, metric in metrics.items()
            for ending, value in (("", metric.value), ("_stderr", metric.stderr), ("_n", metric.n))
            if value is not None
        }
        for job_id, metrics in found.items()
    }
    return results, errors


def _config_params(folder: Path, depth: int) -> dict[str, Scalar]:
    """The resolved run configuration as params, without secrets; what lies deeper than asked for stays one text."""
    file = folder / "artifacts" / "metadata.yaml"
    if depth < 1 or not file.is_file():
        return {}
    try:
        found = read_yaml(file, Notes())
    except InputError:
        return {}  # the reader itself has told that this file is broken
    config = found.get("launcher_resolved_config") if isinstance(found, Mapping) else None
    cleaned, _ = without_secrets(config)
    params = {f"config.{'.'.join(path)}": value for path, value in leaves(_cut(cleaned, depth)) if path}
    return dict(list(params.items())[:_MOST_CONFIG_PARAMS])


def _cut(value: Json, depth: int) -> Json:
    """The value with everything below a depth as one text."""
    if isinstance(value, str | int | float | None):
        return value
    if depth < 1:
        return str(dict(value) if isinstance(value, Mapping) else list(value))
    if isinstance(value, Mapping):
        return {name: _cut(inner, depth - 1) for name, inner in value.items()}
    return [_cut(inner, depth - 1) for inner in value]


def _found(wanted: str, known: Sequence[Job], folders: Sequence[Path], settings: Settings) -> Sequence[Job] | Entry:
    """The jobs of an id, or the evaluation of ours that has it."""
    try:
        found = find_known(settings, wanted, known)
    except InputError as error:
        if error.code != "unknown_id":
            raise
        jobs = [_job(folder, wanted) for folder in find_job_folders(folders, wanted)] if folders else []
        if jobs:
            return jobs
        where = f"below {', '.join(map(str, folders))} no folder bears it" if folders else "--job-dirs DIR looks there"
        raise InputError(error.message, code=error.code, hint=f"{error.hint}; {where}") from None
    if not isinstance(found, Entry):
        return _brought(found, folders)
    if not (found.out / MANIFEST).is_file():
        raise InputError(
            f"evaluation {found.id} has no finished bundle", code="no_bundle", hint=f"`evaltrail status {found.id}`"
        )
    return found


def _brought(jobs: Sequence[Job], folders: Sequence[Path]) -> Sequence[Job]:
    """The jobs, with folders found below the given ones where theirs are not here."""
    if not folders or all(place_of(job).is_dir() for job in jobs):
        return jobs
    invocation = jobs[0].invocation_id
    here = {job_place(folder).number: folder for folder in find_job_folders(folders, invocation)}
    return [job if place_of(job).is_dir() else replace(job, folder=here.get(job.number, job.folder)) for job in jobs]


def _job(folder: Path, wanted: str) -> Job:
    place = job_place(folder)
    invocation = place.invocation or wanted.partition(".")[0]
    number = place.number or 0
    return Job(
        id=place.job_id or f"{invocation}.{number}",
        invocation_id=invocation,
        number=number,
        folder=folder,
        task=place.task,
    )


def _names_job(wanted: str, job: Job) -> bool:
    return wanted == job.id or ("." in wanted and not job.invocation_id.startswith(wanted))


def _unit(jobs: Sequence[Job], *, group: str) -> tuple[Unit, tuple[Job, ...]]:
    evidence = Evidence(confidence=1.0, why="its id was given", group=group)
    heads = tuple(
        Found(source=Source(path=place, root=place, is_folder=True), reader=LAUNCHER, evidence=evidence)
        for place in dict.fromkeys(map(place_of, jobs))
    )
    label = group or jobs[0].id
    return Unit(label=label, heads=heads, group=group, name=f"eval-{group}" if group else ""), tuple(jobs)


def _own_unit(folder: Path) -> Unit:
    source = Source(path=folder, root=folder, is_folder=True)
    evidence = Evidence(confidence=1.0, why="its id was given")
    return Unit(label=folder.name, heads=(Found(source=source, reader="bundle", evidence=evidence),))

"""Jobs of the NeMo Evaluator Launcher (0.1.27 to 0.2.6), local and Slurm; also a bare output folder or results file.

One job is one result, a failed one too. What ran is told by its documents, how it went by ``logs/stage.*``.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from evaltrail.core.errors import InputError
from evaltrail.core.result import Origin, ResultBundle, Status, TaskResult
from evaltrail.core.source import HEAD_BYTES, Evidence, Source
from evaltrail.readers.leaves import settings
from evaltrail.readers.nemo_launcher.documents import Documents, at, job_labels, job_settings, read_documents
from evaltrail.readers.nemo_launcher.files import JobFiles, job_files
from evaltrail.readers.nemo_launcher.own_task import own_bundle, with_own_files
from evaltrail.readers.nemo_launcher.results import Measured, moment, read_results, read_runtime
from evaltrail.readers.notes import Notes
from evaltrail.store.executions import Job
from evaltrail.store.job_folders import (
    RESULTS,
    JobState,
    exit_code,
    has_stages,
    is_job_folder,
    job_place,
    job_state,
    stage_time,
)

PRODUCER = "nemo-evaluator-launcher"

_TOP_KEY = re.compile(rb"^(command|config|git_hash|metadata|results|target):", re.MULTILINE)
_PART = re.compile(rb"^ +(?:groups|tasks):", re.MULTILINE)
_COMPANIONS = ("run_config.yml", "eval_factory_metrics.json", "metadata.yaml")
_ASKED = frozenset({b"command", b"config", b"target"})


class NemoLauncherReader:
    """Reads one job: its folder, its ``artifacts`` folder, or its results file."""

    def sniff(self, source: Source) -> Evidence | None:
        """Why the source is a job of the launcher, or None."""
        path = source.path
        if not source.is_folder:
            if path.suffix.lower() in {".yml", ".yaml"} and _holds_results(source.head, path.name in RESULTS):
                return _evidence(source, 0.9, 'keys "results" and "config", "target" or "command"')
        elif has_stages(path):
            return _evidence(source, 0.97, "logs/stage.* of a launcher job")
        elif is_job_folder(path):
            is_sure = any(_holds_results(_head(path / "artifacts" / name), is_named=True) for name in RESULTS)
            return _evidence(source, 0.92 if is_sure else 0.5, "artifacts/ with results.yml or run_config.yml")
        elif _is_output(path) and any(_holds_results(_head(path / name), is_named=True) for name in RESULTS):
            return _evidence(source, 0.9, "results.yml of an evaluation and what lies beside it")
        return None

    def read(self, source: Source) -> ResultBundle:
        """The job's result.

        Raises:
            InputError: the job has not finished, or its results cannot be read.
        """
        return read_job(source)


def _is_output(folder: Path) -> bool:
    """Whether a folder is an evaluation's own, and not one in which a results file lies among others."""
    return folder.name == "artifacts" or any((folder / name).is_file() for name in _COMPANIONS)


def read_job(source: Source, known: Job | None = None) -> ResultBundle:
    """The result of one job.

    Args:
        source: what the reader was shown.
        known: what the execution database says of the job; it outweighs the names of folders.

    Raises:
        InputError: the job has not finished, or its results cannot be read.
    """
    files = job_files(source)
    state = _finished(files, known)
    notes = Notes()
    documents = read_documents(files, state, notes)
    labels = job_labels(files, documents, known)
    secrets = documents.secrets()
    secrets |= files.encoded_secrets(secrets)
    own = None if files.is_alone else own_bundle(files.folder, notes)
    if own is None:
        task = _task(files, documents, state, notes, name=labels.task, harness=labels.harness, secrets=secrets)
    else:
        task = _own_task(own, files, documents, state, notes)
    started_at, ended_at = _times(files, documents, known)
    digest = files.digest()
    artifacts = with_own_files(files.artifacts(labels.task, notes), own, labels.task)
    return ResultBundle(
        id=labels.job_id or digest,
        digest=digest if labels.job_id else "",
        name=f"eval-{labels.invocation}-{labels.task}" if labels.invocation else "",
        origin=Origin(
            producer=PRODUCER,
            version=str(at(documents.versions, "nemo_evaluator_launcher") or ""),
            folder=files.folder.name,
            invocation=labels.invocation,
        ),
        model=labels.model,
        tasks=(task,),
        params={**(own.params if own else {}), **labels.params()},
        tags=labels.tags(),
        artifacts=artifacts,
        status=task.status,
        started_at=started_at,
        ended_at=ended_at,
        skipped=notes.skipped,
        secrets=secrets,
    )


def _finished(files: JobFiles, known: Job | None) -> JobState:
    """The state of a job that has come to an end, well or not."""
    if files.is_alone:
        return "success"
    if not files.folder.is_dir():
        raise InputError("the job's folder is not there", code="no_results", where=str(files.folder))
    state = job_state(files.folder, known.was_killed if known else False)
    if state in {"pending", "running"}:
        raise InputError(
            f"the job is {state}",
            code="not_finished",
            where=str(files.folder),
            hint="wait for its end; `evaltrail status` shows it",
        )
    return state


def _task(
    files: JobFiles,
    documents: Documents,
    state: JobState,
    notes: Notes,
    *,
    name: str,
    harness: str,
    secrets: frozenset[str],
) -> TaskResult:
    scores, runtime = Measured(), Measured()
    if "results" in documents.results:
        where = files.results.name if files.results else ""
        scores = read_results(documents.results["results"], notes, where=where)
        if not scores.metrics and state == "success":
            notes.skip(where, "there is no score in it")
    if documents.runtime is not None:
        runtime = read_runtime(documents.runtime, notes, where="eval_factory_metrics.json")
    status, error = _outcome(files, state, secrets)
    texts = settings({**scores.texts, **runtime.texts}, notes, where="texts among the results")
    return TaskResult(
        name=name,
        provider=harness or "nemo-evaluator",
        prefix="",
        config=job_settings(documents, notes) | texts,
        metrics=(*scores.metrics, *runtime.metrics),
        status=status,
        error=error,
    )


def _own_task(own: ResultBundle, files: JobFiles, documents: Documents, state: JobState, notes: Notes) -> TaskResult:
    """The task of a job of ours, as its bundle has it; how the job ended outweighs it."""
    (task,) = own.tasks
    status, error = (
        (task.status, task.error) if files.results and state != "killed" else _outcome(files, state, frozenset())
    )
    return replace(task, config={**job_settings(documents, notes), **task.config}, status=status, error=error)


def _outcome(files: JobFiles, state: JobState, secrets: frozenset[str]) -> tuple[Status, str]:
    if state == "killed":
        return "cancelled", "it was killed"
    if state == "success":
        return ("completed", "") if files.results else ("failed", "it ended with exit code 0 and left no results.yml")
    code = exit_code(files.folder)
    reason = "no exit code" if code is None else f"exit code {code}"
    words = files.last_words(secrets)
    return "failed", f"{reason}: {words}" if words else reason


def _times(files: JobFiles, documents: Documents, known: Job | None) -> tuple[datetime, datetime]:
    """Begin and end: as the evaluation measured them, else its stages, else when its head was written."""
    folder = files.folder
    staged = not files.is_alone
    began = (
        moment(at(documents.runtime, "evaluation", "start_time")),
        stage_time(folder, "running") if staged else None,
        stage_time(folder, "pre-start") if staged else None,
        known.started_at if known else None,
    )
    ended = (
        moment(at(documents.runtime, "evaluation", "end_time")),
        stage_time(folder, "exit") if staged else None,
        _written(files.results or folder),
    )
    end = next(time for time in ended if time is not None)
    start = next((time for time in began if time is not None), end)
    return start, max(start, end)


def _written(path: Path) -> datetime:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError:
        return datetime.fromtimestamp(0, UTC)


def _evidence(source: Source, confidence: float, why: str) -> Evidence:
    files = job_files(source)
    invocation = "" if files.is_alone else job_place(files.folder).invocation
    return Evidence(
        confidence=confidence, why=why, group=invocation, group_name=f"eval-{invocation}" if invocation else ""
    )


def _holds_results(head: bytes, is_named: bool) -> bool:
    """Whether a file begins as evaluation results do; with the usual name, less of it is asked for."""
    keys = set(_TOP_KEY.findall(head))
    has_parts = b"results" in keys and bool(_PART.search(head))
    if not is_named:
        return has_parts and not keys.isdisjoint(_ASKED)
    is_cut = len(head) >= HEAD_BYTES and len(keys) > 1
    return has_parts or is_cut or (b"results" in keys and not keys.isdisjoint(_ASKED))


def _head(file: Path) -> bytes:
    try:
        if not file.is_file():
            return b""
        with file.open("rb") as data:
            return data.read(HEAD_BYTES)
    except OSError:
        return b""

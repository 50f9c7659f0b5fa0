"""Reader `inspect`: logs of Inspect AI, ``.eval`` (a zip) and ``.json``, one evaluation of one task each.

Source: ``EvalLog`` of Inspect's log format 2; format 1's results are read too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from evaltrail.config.redaction import redact_text, without_secrets
from evaltrail.core.artifact import Artifact
from evaltrail.core.dataset import Dataset
from evaltrail.core.ids import digest
from evaltrail.core.result import Counts, Origin, ResultBundle, Status, TaskResult
from evaltrail.core.sample import SampleStream
from evaltrail.core.source import Evidence, Source
from evaltrail.core.values import Json
from evaltrail.readers.heads import artifact_of, content_id, head_text, mapping, modified_at, moment, top_keys, word
from evaltrail.readers.inspect.archive import MAGIC, Archive, is_log
from evaltrail.readers.inspect.rows import ArchiveRows, JsonLogRows, sample_members
from evaltrail.readers.inspect.scores import metrics_of, settings_of, usage_of
from evaltrail.readers.leaves import number, settings
from evaltrail.readers.notes import Notes
from evaltrail.readers.rows import whole_of
from evaltrail.readers.tables import read_json, unreadable

_HARNESS = "inspect_ai"
_STATUS: Mapping[str, tuple[Status, str]] = MappingProxyType(
    {
        "success": ("completed", ""),
        "error": ("failed", "the evaluation ended with an error"),
        "cancelled": ("cancelled", "the evaluation was cancelled"),
        "started": ("failed", "the log ends before its evaluation does"),
    }
)
_LABELS = ("eval_set_id", "eval_id", "run_id", "task_id", "created")
_READ = frozenset({*_LABELS, "task", "model", "dataset", "tags", "task_args_passed", "solver_args_passed"})
_ERROR_CHARACTERS = 2000


class InspectReader:
    """Reads one log; the samples are read when they are iterated."""

    def sniff(self, source: Source) -> Evidence | None:
        """Why a file is a log: a zip with a log's members, or JSON with ``eval`` and ``status``."""
        if source.is_folder:
            return None
        if source.head.startswith(MAGIC):
            return _evidence_of_zip(source)
        text = head_text(source.head)
        keys = top_keys(text) if '"eval"' in text and '"status"' in text else {}
        if keys.get("eval") != "{" or keys.get("status") != "":
            return None
        is_sure = '"task"' in text and '"model"' in text
        return Evidence(confidence=0.95 if is_sure else 0.6, why='keys "eval" and "status"')

    def read(self, source: Source) -> ResultBundle:
        """The evaluation as one task.

        Raises:
            InputError: it cannot be read, or has no ``eval``.
        """
        log = _opened(source.path, Notes())
        if not mapping(log.header.get("eval")):
            raise unreadable(source.path, 'it has no "eval"')
        return log.bundle()


def _evidence_of_zip(source: Source) -> Evidence | None:
    if is_log(source.path):
        return Evidence(confidence=0.98, why="a zip with the header of an Inspect log")
    if source.name.endswith(".eval"):  # cut short, it is still to be told rather than passed over
        return Evidence(confidence=0.6, why="begins as a zip and is named .eval")
    return None


@dataclass(frozen=True, slots=True)
class _Log:
    """One log without its samples."""

    file: Path
    header: Mapping[str, Json]
    samples: SampleStream | None
    is_archive: bool
    notes: Notes

    def bundle(self) -> ResultBundle:
        """Everything in it."""
        told, stats = self._part("eval"), self._part("stats")
        status, _ = self._status()
        started_at = moment(stats.get("started_at")) or moment(told.get("created"))
        ended_at = moment(stats.get("completed_at")) or modified_at(self.file)
        started_at = started_at or ended_at
        _, secrets = without_secrets(self.header)
        if (number(mapping(told.get("config")).get("epochs")) or 1) > 1:
            self.notes.skip("reductions", "the scores of repeats put together; each repeat is a sample of its own here")
        digest_of_file = content_id([self.file])
        own_id = word(told.get("eval_id"))
        task = self._task(started_at if moment(stats.get("started_at")) else None, moment(stats.get("completed_at")))
        return ResultBundle(
            id=own_id or digest_of_file,
            digest=digest_of_file if own_id else "",
            origin=Origin(
                producer=_HARNESS,
                version=word(mapping(told.get("packages")).get("inspect_ai")),
                folder=self.file.parent.name,
            ),
            model=word(told.get("model")),
            tasks=(task,),
            params=settings(self._settings(), self.notes, where=self.file.name),
            tags=self._tags(),
            artifacts=(self._artifact(secrets),),
            status=status,
            started_at=started_at,
            ended_at=max(started_at, ended_at),
            skipped=self.notes.skipped,
            secrets=secrets,
        )

    def _part(self, section: str) -> Mapping[str, Json]:
        return mapping(self.header.get(section))

    def _task(self, started_at: datetime | None, completed_at: datetime | None) -> TaskResult:
        told, results = self._part("eval"), self._part("results")
        status, error = self._status()
        seconds = (completed_at - started_at).total_seconds() if started_at and completed_at else -1.0
        name = word(told.get("task")) or self.file.stem
        return TaskResult(
            name=name,
            provider=_HARNESS,
            provider_version=word(mapping(told.get("packages")).get("inspect_ai")),
            config=settings(settings_of(results), self.notes, where="results"),
            metrics=tuple(metrics_of(results, self.notes)),
            counts=self._counts(),
            dataset=_dataset(mapping(told.get("dataset")), name),
            samples=self.samples,
            status=status,
            error=error,
            usage={
                **({"runtime_seconds": seconds} if seconds >= 0 else {}),
                **usage_of(self._part("stats"), self.notes),
            },
        )

    def _counts(self) -> Counts:
        results = self._part("results")
        total = whole_of(results.get("total_samples"), 0)
        completed = min(total, whole_of(results.get("completed_samples"), total))
        unscored = {"not_completed": total - completed} if completed < total else {}
        return Counts(total=total, scored=completed, unscored=unscored)

    def _status(self) -> tuple[Status, str]:
        said = word(self.header.get("status")) or "started"
        status, error = _STATUS.get(said, ("failed", f"the log's status is {said[:80]!r}"))
        message = word(self._part("error").get("message"))
        return status, message[:_ERROR_CHARACTERS] if message and status != "completed" else error

    def _settings(self) -> Mapping[str, Json]:
        """What was asked for: the task's arguments first, the plan last, as there may be too many."""
        told = self._part("eval")
        task_file = word(told.get("task_file"))
        if PurePosixPath(task_file).is_absolute():
            told = {**told, "task_file": PurePosixPath(task_file).name}
        first = {
            key: told[key] for key in ("task_args", "config", "model_generate_config", "model_args") if key in told
        }
        rest = {key: value for key, value in told.items() if key not in _READ and key not in first}
        edited = {"metadata": self._part("metadata")} if self._part("metadata") else {}
        return {**first, **rest, **edited, "plan": self._part("plan")}

    def _tags(self) -> dict[str, str]:
        told = self._part("eval")
        tags = {"harness": _HARNESS}
        tags |= {f"inspect.{key}": value for key in _LABELS if (value := word(told.get(key)))}
        given = (*_items(told.get("tags")), *_items(self.header.get("tags")))
        words = dict.fromkeys(text for each in given if (text := word(each)))
        if words:
            tags["inspect.tags"] = ",".join(words)
        if self.header.get("invalidated") is True:
            tags["inspect.invalidated"] = "true"
        return tags

    def _artifact(self, secrets: frozenset[str]) -> Artifact:
        """The log; a zip with secrets in its settings stays here, as they cannot be taken out of it."""
        if not self.is_archive:
            return artifact_of(self.file, "required", may_hold_secrets=True)
        if secrets:
            self.notes.skip(self.file.name, "its settings hold secrets, so the log itself is not uploaded")
        return artifact_of(self.file, "samples" if secrets else "required", "application/zip")


def _opened(file: Path, notes: Notes) -> _Log:
    try:
        with file.open("rb") as data:
            is_archive = data.read(len(MAGIC)) == MAGIC
    except OSError as error:
        raise unreadable(file, error.strerror or str(error)) from error
    if not is_archive:
        header = mapping(read_json(file, notes))
        samples = JsonLogRows(file) if header.get("samples") else None
        header = {key: value for key, value in header.items() if key not in {"samples", "reductions"}}
        return _Log(file, header, samples, is_archive=False, notes=notes)
    with Archive(file) as archive:
        is_finished = "header.json" in archive.members
        header = mapping(archive.read("header.json" if is_finished else "_journal/start.json"))
        rows = ArchiveRows(file) if sample_members(archive) else None
    return _Log(file, header, rows, is_archive=True, notes=notes)


def _dataset(told: Mapping[str, Json], task: str) -> Dataset | None:
    """The data set by name; Inspect keeps no digest of its records, so what it says of it stands for one."""
    if not told:
        return None
    location = word(told.get("location"))
    is_address = "://" in location
    place = PurePosixPath(location.replace("\\", "/")).name
    size = number(told.get("samples"))
    return Dataset(
        name=word(told.get("name")) or place or task,
        digest=digest([word(told.get("name")), place, told.get("samples"), told.get("sample_ids")]),
        source=redact_text(location) if is_address and not location.startswith("file:") else place,
        size=int(size) if size is not None and size >= 0 else None,
    )


def _items(value: Json) -> list[Json]:
    return list(value) if isinstance(value, list) else []

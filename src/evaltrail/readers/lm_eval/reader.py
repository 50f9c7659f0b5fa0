"""Reader `lm_eval`: what ``lm_eval --output_path`` writes, ``results_<date>.json`` and ``samples_<task>_<date>.jsonl``.

Source: EleutherAI's lm-evaluation-harness, results of 0.4.0 to 0.4.13; a metric's name is ``<metric>,<filter>``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath

from evaltrail.config.redaction import without_secrets
from evaltrail.core.artifact import Artifact
from evaltrail.core.dataset import Dataset
from evaltrail.core.ids import digest
from evaltrail.core.metric import MetricValue
from evaltrail.core.result import Counts, Origin, ResultBundle, TaskResult
from evaltrail.core.source import Evidence, Source
from evaltrail.core.values import Json
from evaltrail.readers.heads import (
    artifact_of,
    companions,
    content_id,
    count_of,
    head_text,
    mapping,
    modified_at,
    moment,
    top_keys,
    word,
)
from evaltrail.readers.leaves import number, settings
from evaltrail.readers.lm_eval.entries import COUNTS, metrics_of, says_something
from evaltrail.readers.lm_eval.rows import UNANSWERED, LmEvalRows
from evaltrail.readers.notes import Notes
from evaltrail.readers.tables import read_json, unreadable

_HARNESS = "lm-evaluation-harness"
_MARKS = ("n-shot", "configs", "versions", "higher_is_better", "config", "group_subtasks", "n-samples")
_FILTERED = re.compile(r'"[^",\\]+,[^",\\]+"\s*:\s*(?:-?\d|"N/A"|null|NaN)')
_SERVICE_FOLDERS = frozenset({"lm_eval_harness", "lm_harness"})
_DATE = re.compile(r"_(\d{4}-\d\d-\d\dT[\d.-]+)$")
_PER_TASK = frozenset(
    {"results", "groups", "group_subtasks", "configs", "versions", "n-shot", "higher_is_better", "n-samples", "samples"}
)
_READ = frozenset({*_PER_TASK, "model_name", "task_hashes", UNANSWERED})
_MODEL_KEYS = ("peft", "delta", "pretrained", "model", "path", "engine")
"""Where a model's name stands among its arguments; the first one counts, as in the harness."""
_LOADERS = frozenset({"json", "csv", "parquet", "text", "arrow", "pandas", "xml"})
"""Data sets by these names are files of the user's."""
_SETTINGS_OF_ALL_TASKS = 100
_SETTINGS_OF_A_TASK = 40
_LEAST_SETTINGS = 4


class LmEvalReader:
    """Reads a results file with the samples files of the same date beside it."""

    def sniff(self, source: Source) -> Evidence | None:
        """Why a file is the results of a run: tasks below ``results`` and what the harness tells of them."""
        text = "" if source.is_folder else head_text(source.head)
        if '"results"' not in text:
            return None
        keys = top_keys(text)
        marks = [mark for mark in _MARKS if mark in keys]
        has_filters = bool(_FILTERED.search(text))
        is_old = "versions" in marks and ("config" in marks or "configs" in marks)
        if keys.get("results") != "{" or "eval" in keys or not (has_filters or is_old):
            return None
        confidence = (0.95 if marks else 0.7) if has_filters else 0.6
        if source.name.startswith("lm-harness") or _SERVICE_FOLDERS.intersection(source.path.parent.parts):
            confidence = 0.5
        told = ", ".join(f'"{key}"' for key in ("results", *marks[:2]))
        return Evidence(confidence=confidence, why=f"keys {told}" + (", metrics with filters" if has_filters else ""))

    def read(self, source: Source) -> ResultBundle:
        """The run: one task for every entry of ``results`` and ``groups``.

        Raises:
            InputError: it cannot be read, or has no ``results``.
        """
        notes = Notes()
        whole = mapping(read_json(source.path, notes))
        if not mapping(whole.get("results")):
            raise unreadable(source.path, 'it has no "results"')
        return _Run(source, whole, notes).bundle()


@dataclass(frozen=True, slots=True)
class _Run:
    """One results file."""

    source: Source
    whole: Mapping[str, Json]
    notes: Notes

    def bundle(self) -> ResultBundle:
        """Everything in it."""
        file = self.source.path
        files = dict(self._samples_files())
        tasks = tuple(self._tasks(files))
        started_at = moment(self.whole.get("date")) or modified_at(file)
        params = settings(
            {"config": self._part("config"), **{key: self.whole[key] for key in self.whole if key not in _READ}},
            self.notes,
            where=file.name,
        )
        artifacts = [artifact_of(file, "required", may_hold_secrets=True)]
        artifacts += [_samples_artifact(file, task) for task, file in files.items()]
        return ResultBundle(
            id=content_id([file, *files.values()]),
            origin=Origin(producer=_HARNESS, version=word(self.whole.get("lm_eval_version")), folder=file.parent.name),
            model=self._model(),
            tasks=tasks,
            params=params,
            tags={"harness": _HARNESS},
            artifacts=tuple(artifacts),
            started_at=started_at,
            ended_at=_later(started_at, number(self.whole.get("total_evaluation_time_seconds"))),
            skipped=self.notes.skipped,
            secrets=self._secrets(),
        )

    def _part(self, section: str, name: str | None = None) -> Mapping[str, Json]:
        found = mapping(self.whole.get(section))
        return found if name is None else mapping(found.get(name))

    def _names(self, files: Mapping[str, Path]) -> list[str]:
        """Tasks and groups that have metrics or samples, in the order of the file."""
        entries = [(section, *each) for section in ("results", "groups") for each in self._part(section).items()]
        known = {*files, *self._part("samples"), *(name for _, name, entry in entries if says_something(entry))}
        for section, name, entry in entries:
            for key in () if name in known else COUNTS:
                if key in mapping(entry):
                    self.notes.skip(f"{section}.{name}.{key}", "it counts samples where no metric is")
        return [name for name in dict.fromkeys([*(name for _, name, _ in entries), *files]) if name in known]

    def _tasks(self, files: Mapping[str, Path]) -> Iterator[TaskResult]:
        names = self._names(files)
        usage = self._usage(names)
        left_out = Notes()
        most = max(_LEAST_SETTINGS, min(_SETTINGS_OF_A_TASK, _SETTINGS_OF_ALL_TASKS // max(1, len(names))))
        for name in names:
            n = count_of(self._part("n-samples", name).get("effective"))
            unscored = self._unanswered(name)
            failed = sum(unscored.values())
            yield TaskResult(
                name=name,
                provider=_HARNESS,
                provider_version=word(self.whole.get("lm_eval_version")),
                config=settings(self._settings(name), left_out, where=name, most=most),
                metrics=tuple(replace(metric, unscored=unscored) for metric in self._metrics(name, n)),
                counts=Counts(total=(n or 0) + failed, scored=n or 0, unscored=unscored, failed=failed),
                dataset=self._dataset(name),
                samples=self._samples(name, files.get(name)),
                usage=usage.get(name, {}),
            )
        if left_out.skipped:
            what = f"configs: settings of {len(left_out.skipped)} of {len(names)} tasks"
            self.notes.skip(what, "too many or too long for params; they are in the file")

    def _unanswered(self, name: str) -> Mapping[str, int]:
        """Reason to number of documents without an answer, which our own provider adds; they are in no metric."""
        reasons = self._part(UNANSWERED, name)
        return {reason: found for reason, count in reasons.items() if (found := count_of(count))}

    def _samples(self, name: str, file: Path | None) -> LmEvalRows | None:
        if file is not None:
            return LmEvalRows(file)
        return LmEvalRows(self.source.path, name) if _listed(self._part("samples").get(name)) else None

    def _metrics(self, name: str, n: int | None) -> tuple[MetricValue, ...]:
        """Those of ``results``, then what ``groups`` says otherwise."""
        better = self._part("higher_is_better", name)
        entry, again = (self._part(section).get(name) for section in ("results", "groups"))
        found = metrics_of(entry, better, n, self.notes, where=f"results.{name}")
        if isinstance(entry, Mapping) and isinstance(again, Mapping):
            again = {key: value for key, value in again.items() if key not in entry or entry[key] != value}
            for key in again.keys() & entry.keys() & set(COUNTS):
                self.notes.skip(f"groups.{name}.{key}", "it counts samples, and results count others")
        group = () if entry is None else ("groups",)
        return (*found, *metrics_of(again, better, n, self.notes, where=f"groups.{name}", group=group))

    def _settings(self, name: str) -> Mapping[str, Json]:
        entry = {**self._part("groups", name), **self._part("results", name)}
        own: dict[str, Json] = {
            "version": self._part("versions").get(name),
            "num_fewshot": self._part("n-shot").get(name),
            "n_samples": self._part("n-samples").get(name),
            "subtasks": ", ".join(map(str, _listed(self._part("group_subtasks").get(name)))) or None,
            **{key: entry.get(key) for key in COUNTS},
        }
        alias = entry.get("alias")
        if isinstance(alias, str) and alias.strip(" -") not in {"", name}:  # signs before it show the place in a table
            own["alias"] = alias.strip(" -")
        return own | {key: value for key, value in self._part("configs", name).items() if own.get(key) is None}

    def _dataset(self, name: str) -> Dataset | None:
        config = self._part("configs", name)
        path = word(config.get("dataset_path"))
        if not path:
            return None
        parts = {key: word(config.get(key)) for key in ("dataset_name", "test_split")}
        is_on_hub = path not in _LOADERS and not path.startswith((".", "/", "~")) and "\\" not in path
        query = "&".join(
            f"{key}={value}"
            for key, value in (("split", parts["test_split"]), ("config", parts["dataset_name"]))
            if value
        )
        return Dataset(
            name=path if is_on_hub else PurePosixPath(path).name or name,
            digest=word(self._part("task_hashes").get(name)) or digest([path, *parts.values()]),
            source=(f"hf://{path}?{query}" if query else f"hf://{path}") if is_on_hub else "",
            size=count_of(self._part("n-samples", name).get("original")),
        )

    def _usage(self, names: Sequence[str]) -> Mapping[str, Mapping[str, float]]:
        """The run's time for the task that is all of it: the only one, or the group that all others are below."""
        below = {str(each) for inner in self._part("group_subtasks").values() for each in _listed(inner)}
        above = [name for name in names if name not in below]
        seconds = number(self.whole.get("total_evaluation_time_seconds"))
        return {above[0]: {"runtime_seconds": seconds}} if seconds is not None and len(above) == 1 else {}

    def _model(self) -> str:
        config = self._part("config")
        arguments = _arguments(config.get("model_args"))
        named = next((word(arguments[key]) for key in _MODEL_KEYS if arguments.get(key)), "")
        return word(self.whole.get("model_name")) or named or word(config.get("model"))

    def _secrets(self) -> frozenset[str]:
        config = self._part("config")
        parsed: list[Json] = [_arguments(config.get(key)) for key in ("model_args", "gen_kwargs")]
        told = {key: value for key, value in self.whole.items() if key not in {"results", "groups", "samples"}}
        _, met = without_secrets([told, *parsed])
        return met

    def _samples_files(self) -> Iterator[tuple[str, Path]]:
        """Task and samples file of this run's date, or without a date where the results have none."""
        dated = _DATE.search(self.source.path.stem)
        ending = f"{dated.group()}.jsonl" if dated else ".jsonl"
        for file in companions(self.source):
            if file.name.startswith("samples_") and file.name.endswith(ending):
                name = file.name.removeprefix("samples_").removesuffix(ending)
                if dated or name in self._part("results"):
                    yield name, file


def _samples_artifact(file: Path, task: str) -> Artifact:
    return artifact_of(file, "samples", "application/jsonl", task=task)


def _listed(value: Json) -> Sequence[Json]:
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()


def _arguments(value: Json) -> Mapping[str, Json]:
    """Arguments as names and values, from an object or from ``pretrained=x,dtype=auto``."""
    if isinstance(value, str):
        return dict(part.partition("=")[::2] for part in value.split(",") if "=" in part)
    return mapping(value)


def _later(started_at: datetime, seconds: float | None) -> datetime:
    try:
        return started_at + timedelta(seconds=max(0.0, seconds or 0.0))
    except OverflowError:
        return started_at

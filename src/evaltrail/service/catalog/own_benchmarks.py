"""Benchmarks that a request adds, data only: a task file below the data root, or a task in the request itself."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import yaml

from evaltrail.bundle.folders import beside, make_private, place_folder, write_whole
from evaltrail.config.yaml_document import YamlLimitError, first_document
from evaltrail.core.decoding import converted
from evaltrail.core.errors import InputError
from evaltrail.core.ids import digest, nearest
from evaltrail.core.values import Json
from evaltrail.providers.datasets import SUFFIXES, Record, is_hub_name, is_there
from evaltrail.providers.rendering import TaskTemplates
from evaltrail.providers.tasks import MetricSpec, TaskFile, read_task
from evaltrail.scoring.catalog import METRICS
from evaltrail.service.catalog.entries import BenchmarkEntry
from evaltrail.service.catalog.fields import Fields, joined
from evaltrail.service.catalog.reading import NATIVE, read_primary
from evaltrail.service.catalog.task_folder import benchmark_of
from evaltrail.service.catalog.task_notes import MOST_BYTES, noted

_KEYS = ("id", "provider_id", "name", "description", "category", "primary_score", "tags", "task_file", "task")
_TEMPLATES = ("prompt", "messages", "system", "target", "choices", "context", "group", "id")
_TASK = (*_TEMPLATES, "metrics", "generation", "extract", "repeats", "choose_by", "rows")
_REACHING_OUT = frozenset({"model", "embeddings", "classifier", "tokenizer", "words"})
"""Options of metrics that name a model to be asked or a file to be read."""
_MOST_ROWS = 100_000
_LONGEST_CHECK_S = 10.0
"""One rendering is bounded, and rows are many."""
MADE = Path("catalog") / "benchmarks"
"""In EVALTRAIL_HOME: tasks that requests held."""


def made_benchmark(body: Json, place: str, *, home: Path, data_root: Path) -> BenchmarkEntry:
    """The benchmark that a body describes; a task that the body holds is on disk then, below ``home``.

    Args:
        body: of a request.
        place: where it stands, for errors.
        home: EVALTRAIL_HOME; a task is written below ``catalog/benchmarks/ID``, each content in a folder of its own,
            so that what was accepted with an earlier one still finds it.
        data_root: that a task file, and the data set it names, have to lie below.

    Raises:
        InputError: a key is unknown, a value wrong, a path leads elsewhere, or a metric is none of the built-in ones.
        StorageError: the disk refuses.
    """
    fields = Fields.of(body, place, _KEYS)
    benchmark_id = fields.name("id")
    if fields.text("provider_id", NATIVE) != NATIVE:
        message = "a request adds benchmarks of `native` alone"
        raise InputError(message, code="bad_value", where=fields.at("provider_id"), hint=f"write {NATIVE}")
    if ("task" in fields.values) == ("task_file" in fields.values):
        message = "a benchmark has either 'task_file' or 'task'"
        raise InputError(message, code="missing_key", where=fields.at("task_file"), hint="keep one")
    if "task" in fields.values:
        entry = _written(benchmark_id, Fields.of(fields.values["task"], fields.at("task"), _TASK), home)
    else:
        entry = _found(fields.text("task_file"), fields.at("task_file"), data_root)
    return replace(
        entry,
        id=benchmark_id,
        name=fields.text("name") or benchmark_id,
        description=fields.text("description") or entry.description,
        category=fields.text("category"),
        primary_score=read_primary(fields, entry.metrics) or entry.primary_score,
        tags=fields.words("tags"),
    )


def stored_form(entry: BenchmarkEntry, home: Path) -> Mapping[str, Json]:
    """The entry as a document; a task below the home is told from there, so that the home may be moved."""
    task = Path(entry.task)
    inside = str(task.relative_to(home)) if task.is_relative_to(home / MADE) else entry.task
    made: Mapping[str, Json] = msgspec.to_builtins(replace(entry, task=inside))
    return made


def stored_benchmark(document: Mapping[str, Json], home: Path) -> BenchmarkEntry:
    """The entry of such a document.

    Raises:
        InputError: the document is none of this version's.
    """
    try:
        entry = converted(document, BenchmarkEntry)
    except msgspec.ValidationError as error:
        hint = "add the benchmark again"
        raise InputError(f"the stored benchmark cannot be read: {error}", code="bad_value", hint=hint) from error
    return replace(entry, task=str(home / entry.task), source="rest")


def _found(text: str, place: str, root: Path) -> BenchmarkEntry:
    """The benchmark of a task file that lies below the data root, as does its data."""
    file = confined(text, root, root, place)
    task = checked_task(file, root, place)
    return replace(benchmark_of(noted(task), "rest"), task=str(file))


def checked_task(file: Path, root: Path, place: str) -> TaskFile:
    """The task of a file that a request named, once all that it names may be named by a request.

    Args:
        file: below the data root.
        root: the data root.
        place: where it stands, for errors.

    Raises:
        InputError: it is no task, its data lie elsewhere, or a metric is none of the built-in ones.
    """
    try:
        _check_bounds(file, place)
        task = read_task(file)
        _check_metrics(task.metrics, joined(place, "metrics"))
        TaskTemplates(task)
    except InputError as error:
        raise _told(error, file, place) from error
    for key, name in (("dataset", task.dataset), ("fewshot", task.fewshot.dataset if task.fewshot else "")):
        if name and not is_hub_name(name):
            data = confined(name, file.parent, root, joined(place, key))
            if data.suffix.lower() not in SUFFIXES:
                message = f"the data set {name[:80]!r} has no known ending"
                hint = f"{', '.join(SUFFIXES)} are read"
                raise InputError(message, code="bad_dataset", where=joined(place, key), hint=hint)
    return task


def confined(text: str, folder: Path, root: Path, where: str) -> Path:
    """The file that a path means, once it lies below the data root, wherever links lead.

    What lies elsewhere is refused in the same words whether it is there or not.

    Args:
        text: the path.
        folder: where it begins.
        root: the data root.
        where: it stands, for errors.

    Raises:
        InputError: it leads elsewhere, or the file is not there.
    """
    hint = "write a path below EVALTRAIL_DATA_ROOT"
    if not text or "\0" in text or text.startswith("~") or ".." in Path(text).parts:
        message = f"{text[:80]!r} is no path of a file below the data root"
        raise InputError(message, code="outside_data_root", where=where, hint=hint)
    top = os.path.realpath(root)
    file = Path(os.path.realpath(folder / text))
    if not file.is_relative_to(top):
        message = f"{text[:80]!r} leads out of the data root"
        raise InputError(message, code="outside_data_root", where=where, hint=hint)
    if not is_there(file):
        message = f"the file {text[:80]!r} is not there"
        raise InputError(message, code="missing_file", where=where, hint=f"put it there; {hint}")
    return file


def _check_bounds(file: Path, where: str) -> None:
    """Refuse a file that the readers of operators' files would spend too much on."""
    hint = "put the records into a data set beside it"
    try:
        if file.stat().st_size > MOST_BYTES:
            raise InputError("the task file is too large", code="bad_task", where=where, hint=hint)
        first_document(file.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, YamlLimitError, yaml.YAMLError) as error:
        told = getattr(error, "problem", None) or error
        raise InputError(f"the file is no YAML: {told}", code="broken_yaml", where=where, hint="mend it") from error


def _written(benchmark_id: str, fields: Fields, home: Path) -> BenchmarkEntry:
    """The benchmark of a task that a request holds, as a task file with its data beside it."""
    rows = _rows(fields)
    content = {key: value for key, value in fields.values.items() if key != "rows"}
    content |= {"name": benchmark_id, "dataset": "rows.jsonl"}
    folder = home / MADE / benchmark_id / digest([content, rows])[:16]
    for above in reversed(folder.relative_to(home).parents):
        make_private(home / above)
    made = make_private(beside(folder))
    try:
        file = made / "task.yaml"
        text = yaml.dump(msgspec.to_builtins(content), Dumper=_Dumper, sort_keys=False, allow_unicode=True)
        write_whole(file, text.encode())
        write_whole(made / "rows.jsonl", b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
        try:
            task = read_task(file)
            _check_metrics(task.metrics, fields.at("metrics"))
            _check_rows(task, rows)
        except InputError as error:
            raise _told(error, file, fields.place) from error
        if not folder.is_dir():
            place_folder(made, folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    entry = benchmark_of(noted(task), "rest")
    return replace(entry, task=str(folder / "task.yaml"), dataset_size=len(rows))


def _rows(fields: Fields) -> Sequence[Mapping[str, Json]]:
    rows: list[Mapping[str, Json]] = []
    for at, row in fields.items("rows"):
        if not isinstance(row, Mapping) or not row:
            hint = 'write {"question": ..., "answer": ...}'
            raise InputError("a row is an object of named values", code="bad_value", where=at, hint=hint)
        rows.append(row)
    if not 1 <= len(rows) <= _MOST_ROWS:
        message = f"a task has 1 to {_MOST_ROWS:,} rows, not {len(rows):,}"
        hint = "put many into a file below EVALTRAIL_DATA_ROOT, and name a task_file there"
        raise InputError(message, code="bad_value", where=fields.at("rows"), hint=hint)
    return rows


def _check_rows(task: TaskFile, rows: Sequence[Mapping[str, Json]], *, longest_s: float = _LONGEST_CHECK_S) -> None:
    templates = TaskTemplates(task)
    ends = time.monotonic() + longest_s
    for number, row in enumerate(rows):
        if time.monotonic() > ends:
            message = f"the templates take longer than {longest_s:g} s over the rows"
            hint = "send fewer rows, or simpler templates"
            raise InputError(message, code="bad_template", where=f"rows.{number}", hint=hint)
        templates.check(Record(f"rows.{number}", row))


def _check_metrics(specs: Sequence[MetricSpec], place: str) -> None:
    """Refuse a metric that is not built in, and an option that would have a model asked or a file read."""
    for number, spec in enumerate(specs):
        at = joined(place, str(number))
        name, options = (spec, {}) if isinstance(spec, str) else next(iter(spec.items()))
        bare = name.partition("@")[0]
        if bare not in METRICS.builtin:
            hint = nearest(bare, METRICS.builtin) or "`evaltrail ls metrics` lists them"
            raise InputError(f"{name[:80]!r} is no built-in metric", code="unknown_metric", where=at, hint=hint)
        refused = _REACHING_OUT & options.keys() or ({"schema"} if isinstance(options.get("schema"), str) else set())
        if refused:
            option = min(refused)
            hint = "leave it out, or let the operator put the task into EVALTRAIL_HOME/tasks"
            message = f"a request does not set the option {option!r} of a metric"
            raise InputError(message, code="not_allowed", where=joined(at, option), hint=hint)


def _told(error: InputError, file: Path, place: str) -> InputError:
    """The error with the place of the request in place of the file's path, which is nobody's business there."""
    where = error.where.replace(str(file), place).replace(f"{place}: ", f"{place}.")
    return InputError(error.message.replace(str(file), file.name), code=error.code, hint=error.hint, where=where)


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]  # libyaml's where it is built in
    """Writes every value out, where it stands: what a reader bounds is not made here."""

    def ignore_aliases(self, data: object) -> bool:
        del data
        return True

"""Entries of the catalog out of documents: files of ours and of the operator's, and bodies of requests alike."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from evaltrail.core.errors import InputError
from evaltrail.core.submission import Benchmark, PrimaryScore
from evaltrail.core.values import Json
from evaltrail.models.address import parse_address
from evaltrail.service.catalog.entries import BenchmarkEntry, CollectionEntry, ServerEntry, Source
from evaltrail.service.catalog.fields import Fields, checked_name, joined
from evaltrail.service.catalog.rules import check_apart, check_member, check_threshold, check_together
from evaltrail.service.catalog.shelf import Shelf
from evaltrail.service.catalog.task_notes import task_note

NATIVE = "native"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_SERVER = ("url", "api_key_env", "max_concurrency")
_BENCHMARK = (
    *("id", "provider_id", "name", "description", "category", "primary_score", "tags"),
    *("metrics", "shares", "num_few_shot", "dataset_size", "task_file"),
)
_COLLECTION = ("id", "name", "category", "description", "tags", "threshold", "pass_criteria", "benchmarks", "custom")
_CHOSEN = ("id", "benchmark_id", "provider_id", "config", "parameters", "weight", "primary_score")
_MEMBER = (*_CHOSEN, "threshold", "pass_criteria")
_MOST_MEMBERS = 200


@dataclass(frozen=True, slots=True)
class _Tags:
    """Tags in every form that they come in."""

    tags: Mapping[str, str]
    labels: tuple[str, ...]


def read_server(name: str, value: Json, place: str, source: Source) -> ServerEntry:
    """The server that a document describes.

    Args:
        name: it is called by.
        value: the document.
        place: where it stands, for errors.
        source: where it is from; that of a request may name no variable.

    Raises:
        InputError: a key is unknown, or a value wrong.
    """
    fields = Fields.of(value, place, _SERVER)
    variable = fields.text("api_key_env")
    if variable and source == "rest":
        raise InputError(
            "a request names no variable",
            code="not_allowed",
            where=fields.at("api_key_env"),
            hint="the operator sets it: EVALTRAIL_SERVER_<NAME>_URL and _API_KEY_ENV, or servers: in catalog.yaml",
        )
    return ServerEntry(
        name=checked_name(name, place),
        url=checked_url(fields.text("url"), fields.at("url")),
        api_key_env=checked_variable(variable, fields.at("api_key_env")) if variable else "",
        max_concurrency=fields.count("max_concurrency", 1),
        source=source,
    )


def checked_url(url: str, where: str) -> str:
    """The URL, once it can be an endpoint's.

    Raises:
        InputError: it cannot.
    """
    try:
        parse_address(url)
    except InputError as error:
        error.where = where
        raise
    return url.rstrip("/")


def checked_variable(name: str, where: str) -> str:
    """The name, once it can be a variable's; what is no name may be a key, and is not repeated.

    Raises:
        InputError: it cannot.
    """
    if not _VARIABLE.fullmatch(name):
        hint = "write its name, such as LAB_API_KEY, not the key itself"
        raise InputError("this is no variable's name", code="bad_value", where=where, hint=hint)
    return name


def read_benchmark(value: Json, place: str, source: Source, lower: Shelf, folder: Path) -> BenchmarkEntry:
    """The benchmark that a document of ours or of the operator's describes; what it leaves out is as it was below.

    Args:
        value: the document.
        place: where it stands, for errors.
        source: where it is from.
        lower: what there is without it.
        folder: where paths of task files begin.

    Raises:
        InputError: a key is unknown, a value wrong, or a task file cannot be read.
    """
    fields = Fields.of(value, place, _BENCHMARK)
    benchmark_id = fields.name("id")
    provider = lower.provider(fields.text("provider_id"), where=fields.at("provider_id")).id
    before = lower.benchmarks.get((provider, benchmark_id)) or BenchmarkEntry(id=benchmark_id, provider_id=provider)
    file = fields.text("task_file")
    if bool(file) != (provider == NATIVE):
        message = "benchmarks of `native` have a task_file, and no others" if file else "the task_file is missing"
        hint = "its provider_id is native" if file else "add task_file: FILE.yaml"
        raise InputError(message, code="missing_key", where=fields.at("task_file"), hint=hint)
    note = task_note((folder / file).absolute()) if file else None
    metrics = fields.words("metrics") or (note.metrics if note else before.metrics)
    few_shot, size = fields.count("num_few_shot", 0), fields.count("dataset_size", 1)
    return BenchmarkEntry(
        id=benchmark_id,
        provider_id=provider,
        name=fields.text("name") or before.name or benchmark_id,
        description=fields.text("description") or (note.description if note else before.description),
        category=fields.text("category") or before.category,
        metrics=metrics,
        shares=frozenset(fields.words("shares")) or (note.shares if note else before.shares),
        primary_score=read_primary(fields, metrics) or (note.primary_score if note else before.primary_score),
        num_few_shot=before.num_few_shot if few_shot is None else few_shot,
        dataset_size=before.dataset_size if size is None else size,
        tags=fields.words("tags") or before.tags,
        task=str(note.file) if note else f"{provider}/{benchmark_id}",
        source=source,
    )


def read_collection(collection_id: str, value: Json, place: str, source: Source, shelf: Shelf) -> CollectionEntry:
    """The collection that a document describes, its benchmarks looked up.

    Args:
        collection_id: it is called by.
        value: the document; an ``id`` in it says the same.
        place: where it stands, for errors.
        source: where it is from.
        shelf: where its benchmarks are looked for.

    Raises:
        InputError: a key is unknown, a value wrong, a benchmark not there, or a rule of collections broken.
    """
    fields = Fields.of(value, place, _COLLECTION)
    if fields.text("id", collection_id) != collection_id:
        message = f"the collection is called {collection_id!r}"
        raise InputError(message, code="bad_value", where=fields.at("id"), hint="leave the id out, or say the same")
    members = tuple(_member(each, at, shelf) for at, each in fields.items("benchmarks"))
    if not 1 <= len(members) <= _MOST_MEMBERS:
        message = f"a collection has 1 to {_MOST_MEMBERS} benchmarks, not {len(members)}"
        hint = "write benchmarks: [{provider_id: ..., id: ...}]"
        raise InputError(message, code="bad_value", where=fields.at("benchmarks"), hint=hint)
    check_apart(members, fields.at("benchmarks"))
    threshold, at = _threshold(fields)
    check_together(members, threshold, shelf, at)
    found = _tags(fields)
    return CollectionEntry(
        id=checked_name(collection_id, place),
        name=fields.text("name") or collection_id,
        category=fields.text("category"),
        description=fields.text("description"),
        tags=found.tags,
        labels=found.labels,
        threshold=threshold,
        custom=fields.mapping("custom"),
        benchmarks=members,
        source=source,
    )


def read_primary(fields: Fields, metrics: tuple[str, ...]) -> PrimaryScore | None:
    """The primary score of a document, as ``{metric, lower_is_better}`` or by the metric's name; None = it has none.

    Raises:
        InputError: it is neither, or the benchmark has no such metric.
    """
    value = fields.values.get("primary_score")
    if value is None:
        return None
    form = {"metric": value} if isinstance(value, str) else value
    inner = Fields.of(form, fields.at("primary_score"), ("metric", "lower_is_better"))
    is_lower = inner.values.get("lower_is_better") or False
    if not isinstance(is_lower, bool):
        hint = "write it without quotes"
        raise InputError("true or false is wanted", code="bad_value", where=inner.at("lower_is_better"), hint=hint)
    name = inner.text("metric")
    if not name:
        hint = "write primary_score: {metric: acc}"
        raise InputError("'metric' is missing", code="missing_key", where=inner.at("metric"), hint=hint)
    return check_member(PrimaryScore(metric=name, lower_is_better=is_lower), metrics, inner.at("metric"))


def _member(value: Json, place: str, shelf: Shelf) -> Benchmark:
    fields = Fields.of(value, place, _MEMBER)
    named = fields.spelled("id", "benchmark_id")
    entry = shelf.benchmark(fields.text("provider_id"), fields.name(named), where=fields.at(named))
    shelf.require_offered(entry.provider_id, where=fields.at(named))
    weight = fields.number("weight")
    if weight is not None and weight <= 0:
        hint = "leave it out for 1, or take the benchmark out"
        raise InputError("a weight is above 0", code="bad_value", where=fields.at("weight"), hint=hint)
    primary = read_primary(fields, entry.metrics) or entry.primary_score
    threshold, at = _threshold(fields)
    check_threshold(threshold, primary, entry, at)
    return Benchmark(
        id=entry.id,
        provider_id=entry.provider_id,
        config=fields.mapping(fields.spelled("config", "parameters")),
        weight=1.0 if weight is None else weight,
        primary_score=primary,
        threshold=threshold,
        task=entry.task,
    )


def _threshold(fields: Fields) -> tuple[float | None, str]:
    """The threshold of a document, and where it stands."""
    if fields.spelled("threshold", "pass_criteria") == "threshold":
        return fields.number("threshold"), fields.at("threshold")
    inner = Fields.of(fields.values["pass_criteria"], fields.at("pass_criteria"), ("threshold",))
    return inner.number("threshold"), inner.at("threshold")


def _tags(fields: Fields) -> _Tags:
    """Tags as a mapping, as a list of ``{key, value}``, or as words without values."""
    value = fields.values.get("tags")
    if value is None or isinstance(value, Mapping):
        pairs = {key: _tag(each, joined(fields.at("tags"), key)) for key, each in fields.mapping("tags").items()}
        return _Tags(pairs, ())
    found: dict[str, str] = {}
    labels: list[str] = []
    for place, each in fields.items("tags"):
        if isinstance(each, str):
            labels.append(each)
        else:
            pair = Fields.of(each, place, ("key", "value"))
            found[pair.text("key")] = _tag(pair.values.get("value"), pair.at("value"))
    return _Tags(found, tuple(labels))


def _tag(value: Json, place: str) -> str:
    if isinstance(value, str):
        return value
    hint = "put it in quotes: an experiment's tags are texts too"
    raise InputError(f"a text is wanted, not {value!r:.60}", code="bad_value", where=place, hint=hint)

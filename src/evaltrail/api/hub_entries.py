"""Entries of the catalog as today's Eval Hub clients read them, and the documents that they send."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from evaltrail.api.accounts import Wire
from evaltrail.core.errors import InputError
from evaltrail.core.submission import Benchmark, PrimaryScore
from evaltrail.core.values import Json
from evaltrail.service.catalog.entries import BenchmarkEntry, CollectionEntry, ProviderEntry

_SYSTEM = "system"
"""Owner of what no request can change."""


def hub_provider(entry: ProviderEntry) -> Wire:
    """One provider with the benchmarks that are listed."""
    return {
        "resource": _resource(entry.id, _SYSTEM),
        "name": entry.name,
        "title": entry.title,
        "description": entry.description,
        "tags": entry.tags,
        "benchmarks": [_benchmark(each) for each in entry.benchmarks],
        "is_offered": entry.is_offered,
        "is_installed": entry.is_installed,
        "needs": entry.needs or None,
        "install": entry.install or None,
    }


def hub_collection(entry: CollectionEntry) -> Wire:
    """One collection; tags that have a value stand as ``key:value`` among those that have none."""
    owner = "" if entry.is_users else _SYSTEM
    return {
        "resource": _resource(entry.id, owner, entry.created_at, entry.updated_at),
        "name": entry.name,
        "description": entry.description,
        "category": entry.category,
        "tags": _words(entry),
        "custom": entry.custom,
        "benchmarks": [_member(each) for each in entry.benchmarks],
        "pass_criteria": _criteria(entry.threshold),
    }


def document_of(entry: CollectionEntry) -> Mapping[str, Json]:
    """A collection as the document that makes it, in the words of these clients."""
    return {
        "name": entry.name,
        "description": entry.description,
        "category": entry.category,
        "tags": _words(entry),
        "custom": dict(entry.custom),
        "benchmarks": [_stored(each) for each in entry.benchmarks],
        "pass_criteria": None if entry.threshold is None else {"threshold": entry.threshold},
    }


def merged(document: Mapping[str, Json], changes: Json) -> Mapping[str, Json]:
    """A document with the fields that a request changes; null takes one away (RFC 7396).

    Args:
        document: as it is.
        changes: an object.

    Raises:
        InputError: it is another patch, such as the list of RFC 6902.
    """
    if not isinstance(changes, Mapping):
        raise InputError(
            "this is no object of the fields that change",
            code="bad_patch",
            hint='send {"FIELD": VALUE}; lists of operations (JSON Patch) are not understood yet',
        )
    found = dict(document)
    for key, value in changes.items():
        before = found.get(key)
        if value is None:
            found.pop(key, None)
        else:
            is_object = isinstance(value, Mapping)
            found[key] = merged(before if isinstance(before, Mapping) else {}, value) if is_object else value
    return found


def with_tags(document: Json, before: CollectionEntry | None) -> Json:
    """A document whose words ``key:value`` that the collection has as tags with a value are such tags again.

    Args:
        document: as it was sent.
        before: the collection as it is; None = there is none.
    """
    tags = document.get("tags") if isinstance(document, Mapping) else None
    if before is None or not isinstance(document, Mapping) or not isinstance(tags, Sequence) or isinstance(tags, str):
        return document
    pairs = {f"{key}:{value}": (key, value) for key, value in before.tags.items()}
    told: list[Json] = []
    for each in tags:
        pair = pairs.get(each) if isinstance(each, str) else None
        told.append({"key": pair[0], "value": pair[1]} if pair else each)
    return {**document, "tags": told}


def _benchmark(entry: BenchmarkEntry) -> Wire:
    told: Wire = {
        "id": entry.id,
        "name": entry.name or entry.id,
        "description": entry.description,
        "category": entry.category,
        "metrics": entry.metrics,
        "tags": entry.tags,
        "primary_score": entry.primary_score,
    }
    numbers = {"num_few_shot": entry.num_few_shot, "dataset_size": entry.dataset_size}
    return told | {name: number for name, number in numbers.items() if number is not None}


def _member(benchmark: Benchmark) -> Wire:
    return {
        "id": benchmark.id,
        "provider_id": benchmark.provider_id,
        "weight": benchmark.weight,
        "parameters": benchmark.config,
        "primary_score": benchmark.primary_score,
        "pass_criteria": _criteria(benchmark.threshold),
    }


def _stored(benchmark: Benchmark) -> Mapping[str, Json]:
    primary = benchmark.primary_score
    return {
        "id": benchmark.id,
        "provider_id": benchmark.provider_id,
        "weight": benchmark.weight,
        "parameters": dict(benchmark.config),
        "primary_score": None if primary is None else _primary(primary),
        "pass_criteria": None if benchmark.threshold is None else {"threshold": benchmark.threshold},
    }


def _primary(score: PrimaryScore) -> Mapping[str, Json]:
    return {"metric": score.metric, "lower_is_better": score.lower_is_better}


def _words(entry: CollectionEntry) -> list[Json]:
    return [*entry.labels, *(f"{key}:{value}" for key, value in entry.tags.items())]


def _resource(name: str, owner: str, created_at: datetime | None = None, updated_at: datetime | None = None) -> Wire:
    return {"id": name, "owner": owner or None, "created_at": created_at, "updated_at": updated_at}


def _criteria(threshold: float | None) -> Wire | None:
    return None if threshold is None else {"threshold": threshold}

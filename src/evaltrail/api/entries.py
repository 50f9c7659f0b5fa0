"""Entries of the catalog as JSON: what may be named, without paths of this machine and without names of variables."""

from __future__ import annotations

from collections.abc import Sequence

from evaltrail.api.accounts import Wire
from evaltrail.config.secrets import public_url
from evaltrail.core.submission import Benchmark
from evaltrail.service.catalog.entries import BenchmarkEntry, CollectionEntry, ProviderEntry, ServerEntry


def provider_object(entry: ProviderEntry) -> Wire:
    """One provider, with the benchmarks that are listed."""
    return {
        "id": entry.id,
        "name": entry.name,
        "title": entry.title,
        "description": entry.description,
        "tags": entry.tags,
        "is_offered": entry.is_offered,
        "is_installed": entry.is_installed,
        "needs": entry.needs or None,
        "install": entry.install or None,
        "benchmarks": [benchmark_object(each) for each in entry.benchmarks],
    }


def benchmark_object(entry: BenchmarkEntry) -> Wire:
    """One benchmark."""
    return {
        "id": entry.id,
        "benchmark_id": entry.id,
        "provider_id": entry.provider_id,
        "name": entry.name or entry.id,
        "description": entry.description,
        "category": entry.category,
        "metrics": entry.metrics,
        "primary_score": entry.primary_score,
        "num_few_shot": entry.num_few_shot,
        "dataset_size": entry.dataset_size,
        "tags": entry.tags,
        "source": entry.source,
    }


def collection_object(entry: CollectionEntry) -> Wire:
    """One collection."""
    return {
        "id": entry.id,
        "name": entry.name,
        "category": entry.category,
        "description": entry.description,
        "tags": entry.tags,
        "labels": entry.labels,
        "pass_criteria": _criteria(entry.threshold),
        "benchmarks": [_member(each) for each in entry.benchmarks],
        "source": entry.source,
        "created_at": entry.created_at,
        "updated_at": entry.updated_at,
    }


def server_object(entry: ServerEntry) -> Wire:
    """One server of models."""
    return {
        "id": entry.name,
        "name": entry.name,
        "url": public_url(entry.url),
        "has_key": bool(entry.api_key_env),
        "max_concurrency": entry.max_concurrency,
        "source": entry.source,
    }


def list_object(items: Sequence[Wire]) -> Wire:
    """All of a kind; they are few, and come on one page."""
    return {"items": items, "total_count": len(items)}


def _member(benchmark: Benchmark) -> Wire:
    return {
        "id": benchmark.id,
        "benchmark_id": benchmark.id,
        "provider_id": benchmark.provider_id,
        "config": benchmark.config,
        "weight": benchmark.weight,
        "primary_score": benchmark.primary_score,
        "pass_criteria": _criteria(benchmark.threshold),
    }


def _criteria(threshold: float | None) -> Wire | None:
    return None if threshold is None else {"threshold": threshold}

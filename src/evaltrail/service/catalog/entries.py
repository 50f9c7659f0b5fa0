"""The catalog's nouns: providers, their benchmarks, collections of benchmarks, and servers of models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from evaltrail.core.submission import Benchmark, PrimaryScore
from evaltrail.core.values import Json

Source = Literal["shipped", "file", "environment", "rest"]
"""Where an entry is from: this package, files of the operator, variables, or a request to the service."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkEntry:
    """One benchmark that can be named."""

    id: str
    provider_id: str
    name: str = ""
    description: str = ""
    category: str = ""
    metrics: tuple[str, ...] = ()
    """As results name them; empty = not known before it has run."""
    shares: frozenset[str] = frozenset()
    """Those of the metrics whose values lie in [0, 1]."""
    primary_score: PrimaryScore | None = None
    num_few_shot: int | None = None
    """Examples before each question where nobody says; None = not known."""
    dataset_size: int | None = None
    """Records that are asked where no limit is set; None = not known."""
    tags: tuple[str, ...] = ()
    task: str = ""
    """What ``evaltrail run`` calls it: ``provider/task``, or the absolute path of a task file."""
    source: Source = "shipped"

    @property
    def is_users(self) -> bool:
        """Whether a request to the service made it, so that another one may change it."""
        return self.source == "rest"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderEntry:
    """Who runs benchmarks."""

    id: str
    name: str
    title: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    is_offered: bool = True
    """False = its benchmarks are listed, and nothing here runs them."""
    is_installed: bool = True
    """Whether all that it needs of this machine is there; where not, its benchmarks fail and say what to install."""
    needs: str = ""
    """What it needs beside a model."""
    install: str = ""
    """What to do where it is not installed; empty = nothing."""
    benchmarks: tuple[BenchmarkEntry, ...] = ()
    """Those that are listed; lm_evaluation_harness has thousands more, which can be named as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionEntry:
    """Benchmarks that are run together and judged by one score."""

    id: str
    name: str
    benchmarks: tuple[Benchmark, ...]
    """Resolved: with the task, and with the primary score that counts."""
    category: str = ""
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    """An experiment that bears all of them, and names no benchmarks, means this collection."""
    labels: tuple[str, ...] = ()
    """Words without a value, which today's clients call its tags."""
    threshold: float | None = None
    """Of the weighted score of all, in the unit of the primary metrics."""
    custom: Mapping[str, Json] = field(default_factory=dict)
    """What a user keeps with it; nothing here reads it."""
    source: Source = "shipped"
    created_at: datetime | None = None
    updated_at: datetime | None = None

    @property
    def is_users(self) -> bool:
        """Whether a request to the service made it, so that another one may change it."""
        return self.source == "rest"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerEntry:
    """A server of models that requests call by its name."""

    name: str
    url: str
    api_key_env: str = ""
    """The variable that holds its key; a request cannot say one."""
    max_concurrency: int | None = None
    """Requests that it is sent at once, at most; None = as the workers have it."""
    source: Source = "shipped"

    @property
    def is_users(self) -> bool:
        """Whether a request to the service made it: its URL is then none that the operator vouches for."""
        return self.source == "rest"

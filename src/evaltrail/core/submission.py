"""What the service is asked for, and the submission that it accepts: everything resolved that a name there meant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from evaltrail.core.values import Json

Layout = Literal["per_bundle", "nested"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PrimaryScore:
    """Which metric of a benchmark counts for a collection's score."""

    metric: str
    lower_is_better: bool = False
    """A threshold is then an upper bound; the score itself is never turned round."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChoice:
    """The model as a request names it: by an entry of the server registry, or by a URL."""

    name: str
    server: str = ""
    url: str = ""
    configuration: Mapping[str, Json] = field(default_factory=dict)
    secret_ref: str = ""
    """``auth.secret_ref`` of today's clients: the name of a server's entry whose key is meant; never a key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkChoice:
    """A benchmark as a request names it; what is None is as the collection or the catalog says."""

    id: str
    provider_id: str = ""
    config: Mapping[str, Json] = field(default_factory=dict)
    weight: float | None = None
    primary_score: PrimaryScore | None = None
    threshold: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionRequest:
    """An evaluation as it was asked for, whichever face it came in by."""

    model: ModelChoice
    benchmarks: tuple[BenchmarkChoice, ...] = ()
    collection: str = ""
    """Its benchmarks are run; with ``benchmarks``, those of them that are named there."""
    threshold: float | None = None
    experiment: str = ""
    """Without the prefix; empty = a name is made."""
    tags: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    description: str = ""
    labels: tuple[str, ...] = ()
    tenant: str = ""
    """Whose it is said to be, in the header ``X-Tenant`` of today's clients."""
    layout: Layout | Literal[""] = ""
    callback_url: str = ""
    timeout_minutes: float = 60.0
    retry_attempts: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """One benchmark of an evaluation."""

    id: str
    provider_id: str
    config: Mapping[str, Json] = field(default_factory=dict)
    """The benchmark's own settings: the provider's parameters, generation settings, ``limit`` and the like."""
    weight: float = 1.0
    primary_score: PrimaryScore | None = None
    threshold: float | None = None
    """That its primary score has to reach, in the metric's own unit; None = nothing is asked of it."""
    task: str = ""
    """What is run, as ``evaltrail run`` calls it: ``provider/task``, or the absolute path of a task file."""
    is_confined: bool = False
    """A request named its task file or its data: they lie below the data root, also when they are opened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmittedModel:
    """The model under test."""

    name: str
    server: str = ""
    """Entry of the server registry that the URL is from; empty = the request gave the URL itself."""
    url: str = ""
    api_key_env: str = ""
    """Variable that holds the key, of the server's entry; a request cannot name one."""
    configuration: Mapping[str, Json] = field(default_factory=dict)
    """Generation settings for all benchmarks; a benchmark's own win."""
    concurrency: int = 32
    """Requests in flight at most."""
    is_outside: bool = False
    """The URL stood in the request: only addresses that the operator lets requests reach are asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What an evaluation job of the service is made of; its JSON is the job's spec."""

    version: int = 1
    model: SubmittedModel
    benchmarks: tuple[Benchmark, ...]
    name: str = ""
    description: str = ""
    collection: str = ""
    """Id of the collection that the benchmarks are from; empty = the request named them."""
    threshold: float | None = None
    """Of the weighted score of all; None = there is none to reach."""
    experiment: str = ""
    """Whole name of MLflow's experiment, with the prefix."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Of the experiment, under the user's names."""
    labels: tuple[str, ...] = ()
    """Words without a value that today's clients call the job's tags."""
    tenant: str = ""
    """Whose it is said to be; lists are filtered by it."""
    layout: Layout | Literal[""] = ""
    """Empty = as the worker's settings say."""
    timeout_s: float = 3600.0
    """Seconds from the first unit's begin until what is not done has failed."""
    retry_attempts: int = 3
    """How often a unit that failed is begun again."""
    callback_url: str = ""
    judge_api_key_env: str = ""
    """Variable that holds the judge's key, of the server's entry that the benchmarks name as their judge."""
    data_root: str = ""
    """Absolute: data sets of the request are relative to it, and lie below it."""
    warnings: tuple[str, ...] = ()
    """What was understood otherwise than written, such as a tag under another name."""

"""The account of an evaluation, as every face of the service tells it: values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from evaltrail.core.submission import PrimaryScore
from evaltrail.core.values import Json

State = Literal["pending", "running", "completed", "partially_failed", "failed", "cancelled"]
STATES: tuple[State, ...] = ("pending", "running", "completed", "partially_failed", "failed", "cancelled")
OVER: frozenset[State] = frozenset({"completed", "partially_failed", "failed", "cancelled"})
Phase = Literal[
    "initializing", "loading_data", "running_evaluation", "post_processing", "persisting_artifacts", "completed"
]
MlflowSync = Literal["off", "pending", "synced", "failed"]
"""Off = nothing is to be delivered; failed = it was given up."""
CallbackState = Literal["pending", "sent", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One sentence about a state, and its word for programs."""

    message: str
    message_code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why something failed; without secrets."""

    code: str
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleCount:
    """How far something is."""

    done: int = 0
    """Samples that are finished."""
    total: int | None = None
    """None = not known yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAccount:
    """The model under test."""

    name: str
    server: str = ""
    url: str = ""
    """Without login and query."""
    configuration: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentAccount:
    """Where the results land in MLflow."""

    name: str = ""
    """With the prefix; empty = the default of the workers' settings."""
    id: str = ""
    """Empty until something has landed."""
    tags: Mapping[str, str] = field(default_factory=dict)
    url: str = ""
    """Empty where no server shows it, or its id is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunAccount:
    """One run in MLflow."""

    run_id: str
    task: str = ""
    """Of a child run; empty for the run of the whole evaluation."""
    url: str = ""
    """Empty where no server shows it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackAccount:
    """Who is told of the end."""

    url: str
    """Without login and query."""
    state: CallbackState


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkAccount:
    """One benchmark of an evaluation: how far it is."""

    index: int
    """Position among the benchmarks of the evaluation, from 0."""
    id: str
    provider_id: str
    state: State
    phase: Phase
    """Of one that failed or was cancelled: how far it came."""
    progress: SampleCount = SampleCount()
    attempts: int = 0
    """How often its most tried part was begun."""
    tokens: int = 0
    started_at: datetime | None = None
    ended_at: datetime | None = None
    error: Problem | None = None
    """Why it failed; while it is not over: why its latest attempt failed."""
    config: Mapping[str, Json] = field(default_factory=dict)
    weight: float = 1.0
    primary_score: PrimaryScore | None = None
    threshold: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationAccount:
    """One evaluation. Times are aware, in UTC."""

    id: str
    name: str = ""
    description: str = ""
    state: State
    message: Message
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    model: ModelAccount
    experiment: ExperimentAccount
    collection: str = ""
    """Empty = the request named the benchmarks."""
    threshold: float | None = None
    """Of the weighted score of all benchmarks; None = there is none to reach."""
    labels: tuple[str, ...] = ()
    tenant: str = ""
    """Empty = it was submitted without one."""
    benchmarks: tuple[BenchmarkAccount, ...] = ()
    progress: SampleCount = SampleCount()
    tokens: int = 0
    runs: tuple[RunAccount, ...] = ()
    mlflow_sync: MlflowSync
    callback: CallbackAccount | None = None
    """None = nobody asked for one."""
    error: Problem | None = None
    """Of the first thing that failed for good."""
    timeout_s: float | None = None
    retry_attempts: int | None = None
    priority: int = 0
    queue: str = "default"
    warnings: tuple[str, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    """What else is told of it: word to path on this service."""

    @property
    def is_over(self) -> bool:
        """Whether it goes no further by itself."""
        return self.state in OVER


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountPage:
    """Some evaluations, newest first."""

    items: tuple[EvaluationAccount, ...]
    total_count: int
    """On all pages."""
    next_cursor: str = ""
    """Gives the next page; empty = this is the last one."""


def links_of(evaluation_id: str) -> Mapping[str, str]:
    """What else is told of an evaluation: word to path on this service."""
    own = f"/api/v1/evaluations/{evaluation_id}"
    words = ("summary", "results", "samples", "logs", "events")
    return {"self": own, **{word: f"{own}/{word}" for word in words}}

"""The account of a generation, or of edited questions, as the service tells it: values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from evaltrail.core.values import Json
from evaltrail.service.answering.account import Message, MlflowSync, Problem, SampleCount, State

SENTENCES: Mapping[str, str] = MappingProxyType(
    {
        "pending": "it waits for a worker",
        "running": "it is being done",
        "cancelling": "it is being cancelled",
        "completed": "all of it is done",
        "partially_failed": "not all of it could be done",
        "failed": "nothing came of it",
        "cancelled": "it was cancelled",
    }
)
"""What a state of a job that makes questions means."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedDocument:
    """A document of a generation."""

    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionJob:
    """What every job that makes questions tells. Times are aware, in UTC."""

    id: str
    name: str
    state: State
    message: Message
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    run_id: str = ""
    """Of its run in MLflow; empty = it has not landed."""
    run_page: str = ""
    """Where people see that; empty = it has not landed, or no server shows it."""
    mlflow_sync: MlflowSync
    dataset_id: str = ""
    """Empty = there is none yet, or not one question was accepted."""
    dataset_version: int = 0
    error: Problem | None = None
    outcome: Mapping[str, Json] = field(default_factory=dict)
    """What it came to, in figures; empty before its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationAccount:
    """One generation."""

    job: QuestionJob

    documents: tuple[NamedDocument, ...] = ()
    model: str = ""
    """Who writes: a model, or the generator that needs none."""
    server: str = ""
    plan: Mapping[str, Json] = field(default_factory=dict)
    progress: SampleCount = field(default_factory=SampleCount)
    """Questions."""
    tokens: int = 0
    has_rejects: bool = False

    @property
    def id(self) -> str:
        """16 hex digits."""
        return self.job.id


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationPage:
    """Some generations, newest first."""

    items: tuple[GenerationAccount, ...]
    total_count: int
    next_cursor: str = ""

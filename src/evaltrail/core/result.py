"""ResultBundle and TaskResult: the waist that every road passes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from evaltrail.core.artifact import Artifact
from evaltrail.core.dataset import Dataset
from evaltrail.core.delivery import Skipped
from evaltrail.core.metric import MetricValue
from evaltrail.core.sample import SampleStream
from evaltrail.core.values import Scalar

Status = Literal["completed", "partially_failed", "failed", "cancelled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What became of every sample of a task: total = scored + sum of unscored."""

    total: int = 0
    scored: int = 0
    """Samples that every grading metric scored."""
    unscored: Mapping[str, int] = field(default_factory=dict)
    """Reason to number of samples."""
    failed: int = 0
    """Those among the unscored whose request failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskResult:
    """One task of a result: its metrics, its counts, its samples."""

    name: str
    provider: str
    provider_version: str = ""
    prefix: str | None = None
    """What stands before the names of its metrics, with a ``/``; None = the task's name, empty = nothing (where the
    producer's own names already tell tasks apart)."""
    config: Mapping[str, Scalar] = field(default_factory=dict)
    """Settings that become params, flat, with dots: ``generation.temperature``."""
    metrics: tuple[MetricValue, ...] = ()
    counts: Counts = Counts()
    dataset: Dataset | None = None
    inputs: tuple[Dataset, ...] = ()
    """What else went into it, such as the documents that questions were made of."""
    samples: SampleStream | None = None
    """None where the producer kept no samples."""
    status: Status = "completed"
    error: str = ""
    usage: Mapping[str, float] = field(default_factory=dict)
    """Performance data, name to number: ``runtime_seconds``, ``requests``, ``tokens_in``, ``latency_p50``..."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a result came from."""

    producer: str
    version: str = ""
    folder: str = ""
    """Name of the folder it was read from, for people."""
    invocation: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultBundle:
    """A finished result, wherever it came from."""

    id: str
    """Our evaluation id, a producer's invocation id, or the content digest of a foreign source."""
    digest: str = ""
    """Content digest, where the id names a source whose content may still change; empty = the id says it all."""
    name: str = ""
    """What its run is called where the producer has a rule for that; empty = made from tasks and model."""
    kind: Literal["evaluation", "generation", "upload"] = "evaluation"
    origin: Origin
    model: str = ""
    tasks: tuple[TaskResult, ...] = ()
    params: Mapping[str, Scalar] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    artifacts: tuple[Artifact, ...] = ()
    status: Status = "completed"
    started_at: datetime
    ended_at: datetime
    skipped: tuple[Skipped, ...] = ()
    """What the reader met and could not keep as a value, and why."""
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    """Secret values met on the way; never stored, only looked for in what is about to leave the machine."""

"""What the queue tells of its jobs: values for a list, a page, a stream of events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from evaltrail.core.values import Json
from evaltrail.jobs.failure import Failure
from evaltrail.jobs.states import JobState, UnitState


@dataclass(frozen=True, slots=True, kw_only=True)
class JobAccount:
    """One job. Times are the database's, aware, in UTC."""

    id: str
    kind: str
    name: str
    state: JobState
    queue: str
    priority: int
    parent: str
    labels: Mapping[str, str]
    run_ids: Mapping[str, str]
    created_at: datetime
    started_at: datetime | None
    """When its first unit was begun."""
    ended_at: datetime | None
    error: Failure | None
    """Of the first unit that failed for good, once the job has ended."""
    units: Mapping[UnitState, int]
    """How many of its units are in each state; states without a unit are left out."""
    done: int
    """Samples that are finished."""
    total: int | None
    """Samples of all units; None where a unit does not know its own yet."""
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitAccount:
    """One unit of a job."""

    id: str
    kind: str
    place: Json
    position: int
    state: UnitState
    is_last: bool
    attempt: int
    attempts_left: int
    owner: str
    """Who works at it; empty when nobody does."""
    lease_until: datetime | None
    not_before: datetime
    """A waiting unit is not begun earlier."""
    started_at: datetime | None
    """When its present attempt, or its last one, was begun."""
    ended_at: datetime | None
    done: int
    total: int | None
    tokens: int
    endpoint: str
    error: Failure | None
    """Of its latest attempt that failed."""
    result: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDetail:
    """One job with what was asked for, and its units in their order."""

    job: JobAccount
    spec: Mapping[str, Json]
    units: tuple[UnitAccount, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPage:
    """Some jobs, newest first."""

    jobs: tuple[JobAccount, ...]
    total: int
    """How many jobs the filters let through, on all pages."""
    next_cursor: str
    """Gives the next page; empty = this is the last one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent:
    """Something that happened to a job."""

    id: int
    """Grows within a job; ask for what came after it."""
    job_id: str
    unit_id: str
    """Empty = the job as a whole."""
    at: datetime
    kind: str
    """Of the job: submitted, started, cancelling, timed_out (what waited has failed), retried, ended, released (the job
    that it comes after has ended); of a unit: claimed, progress, finished, failed, lost, handed_back, released (the
    last one, for the others have ended)."""
    data: Mapping[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueCounts:
    """How full the queue is."""

    jobs: Mapping[JobState, int]
    """Jobs that have not ended, by state."""
    units: Mapping[UnitState, int]
    """Waiting and running units; those of no unit are left out."""
    silent: int
    """Running units whose lease ran out."""
    oldest_due_at: datetime | None
    """Since when the unit that is due for the longest time waits; None = none waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingUnit:
    """A unit that anybody may take."""

    id: str
    job_id: str
    queue: str
    priority: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerAccount:
    """A worker that gave a sign of life less than a lease ago."""

    id: str
    host: str
    pid: int
    engine: str
    """What wakes it: embedded or celery."""
    version: str
    """Of evaltrail."""
    queues: tuple[str, ...]
    """It takes units of these only; none = of all."""
    concurrency: int
    """Units at a time."""
    started_at: datetime | None = None
    """By the database's clock; None = it was not noted yet."""

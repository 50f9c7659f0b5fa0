"""A unit in somebody's hands, and what a sign of life is answered with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from evaltrail.core.values import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A unit that its owner alone works at, for as long as the lease lasts."""

    unit_id: str
    attempt: int
    """Counts the claims of this unit: a write that names an older one is refused."""
    attempts_left: int
    """How often it may be begun again should this attempt fail."""
    owner: str
    lease_s: float
    asked_at: float
    """When it was asked for, on this process's monotonic clock: its lease began no earlier."""
    kind: str
    """Of the unit."""
    place: Json
    position: int
    """Which unit of the job, from 0."""
    is_last: bool
    is_cancelled: bool
    """The job was cancelled, and this unit puts things in order."""
    endpoint: str
    slots: int
    """Requests that it may send its endpoint at once: as many as were asked for, or the endpoint's cap."""
    job_id: str
    job_kind: str
    name: str
    """Of the job."""
    spec: Mapping[str, Json]
    """Of the job."""
    run_ids: Mapping[str, str]
    """MLflow runs that were announced for the job so far."""
    timeout_s: float | None = None
    """How long the job may take; None = as long as it does."""
    late_at: float | None = None
    """When the unit has to be done, on this process's monotonic clock; None = whenever it is, as of a last unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """The answer to a sign of life."""

    is_ours: bool
    """The lease is ours, and longer now; else another may have the unit: stop, and write nothing."""
    is_cancelled: bool = False
    """The job was cancelled: stop, and hand the unit back."""
    is_late: bool = False
    """The job ran out of time: stop, and let the unit fail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """Units whose owners fell silent, and jobs that ran out of time."""

    freed: tuple[str, ...] = ()
    """They wait again."""
    failed: tuple[str, ...] = ()
    """They were begun too often, and are given up."""
    late: tuple[str, ...] = ()
    """Jobs whose waiting units have failed, for their time is over."""

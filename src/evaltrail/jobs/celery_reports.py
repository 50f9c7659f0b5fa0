"""What Celery's process and its pool report to the worker that started them."""

from __future__ import annotations

from dataclasses import dataclass

from evaltrail.core.errors import EvaltrailError
from evaltrail.jobs.claim import Claim


@dataclass(frozen=True, slots=True, kw_only=True)
class Doing:
    """What a process of the pool does from now on."""

    pid: int
    is_awake: bool
    """It was woken by a hint, and takes units until none is due."""
    claim: Claim | None = None
    """The unit in its hands, without what takes many bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """Whether hints can be heard from now on."""

    error: EvaltrailError | None
    """Why not."""

"""What evaltrail keeps in a job's folder beside the launcher's files: what the job is to do, and what it came to.

``job.json``      the JobSpec; for its owner only (0600), because ``lit:`` values may be secrets
``outcome.json``  the JobOutcome, once the job has ended
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import msgspec

from evaltrail.bundle.folders import write_whole
from evaltrail.core.decoding import decoded
from evaltrail.core.errors import InputError
from evaltrail.core.job import JobSpec
from evaltrail.store.work import read_state

SPEC = "job.json"
OUTCOME = "outcome.json"
PROGRESS = Path("artifacts", "progress")
"""Samples that a running job has done, as the launcher's own status reads it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDelivery:
    """What became of the delivery that a job, or its launcher after it, has made."""

    jobs: tuple[str, ...]
    """Ids of the jobs that were to be delivered."""
    ends: Mapping[str, str] = field(default_factory=dict)
    """Job id to the mark of its end; a job that went on since has another."""
    exit_code: int = 0
    """0 delivered, 1 refused, 3 it waits in the outbox, 130 interrupted."""
    errors: tuple[Mapping[str, str], ...] = ()
    """Each with code, message, hint and where."""
    receipts: tuple[Mapping[str, Any], ...] = ()
    """Each with ``dest`` and what that destination tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOutcome:
    """What a job came to."""

    task_code: int
    """Of the task alone: 0 all done, 1 something failed or too much is unscored, 130 interrupted."""
    task_errors: tuple[Mapping[str, str], ...] = ()
    delivery: JobDelivery | None = None
    """None = it was none of this job's business."""
    metrics: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """``<task>/<metric>`` to value, n, interval, unscored; of native tasks."""
    counts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Task to total, scored, unscored, failed; of native tasks."""

    @property
    def exit_code(self) -> int:
        """Of the whole job."""
        return max(self.task_code, self.delivery.exit_code if self.delivery else 0)

    @property
    def errors(self) -> tuple[Mapping[str, str], ...]:
        """Of the task, then of the delivery."""
        return (*self.task_errors, *(self.delivery.errors if self.delivery else ()))


def write_spec(folder: Path, spec: JobSpec) -> None:
    """Put down what a job is to do, for its owner only.

    Raises:
        StorageError: the disk refuses.
    """
    write_whole(folder / SPEC, msgspec.json.encode(spec), is_private=True)


def read_spec(folder: Path) -> JobSpec:
    """What the job of a folder is to do.

    Raises:
        InputError: it does not say.
    """
    file = folder / SPEC
    try:
        found = decoded(file.read_bytes(), dict[str, Any])
        known = {each.name for each in fields(JobSpec)}
        told = {name: value for name, value in found.items() if name in known}
        return JobSpec(**{**told, "destinations": tuple(told.get("destinations", ()))})
    except (OSError, msgspec.DecodeError, TypeError) as error:
        raise InputError(
            "this is no folder of a job that evaltrail has launched",
            code="no_job",
            where=str(file),
            hint="`evaltrail ls runs` shows the invocations",
        ) from error


def write_outcome(folder: Path, outcome: JobOutcome) -> None:
    """Put down what a job came to.

    Raises:
        StorageError: the disk refuses.
    """
    write_whole(folder / OUTCOME, msgspec.json.encode(outcome))


def read_outcome(folder: Path) -> JobOutcome | None:
    """What the job of a folder came to; None while that is open, or where the launcher was another program."""
    try:
        return decoded((folder / OUTCOME).read_bytes(), JobOutcome)
    except (OSError, msgspec.DecodeError):
        return None


def samples_done(folder: Path) -> int | None:
    """Samples that a job has done, as far as it tells."""
    try:
        return int((folder / PROGRESS).read_bytes()[:20])
    except (OSError, ValueError):
        return None


def samples_total(folder: Path) -> int | None:
    """Samples that a native job has to do; None where nothing says it."""
    states = (read_state(place) for place in (folder / "work").glob("*"))
    return next((state.total for state in states if state is not None), None)

"""Parcel: everything of one job that goes to disk, as a value that can be shown before it does."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePosixPath

from evaltrail.core.artifact import Artifact
from evaltrail.core.delivery import Skipped
from evaltrail.core.ids import digest, slug
from evaltrail.destinations.files.entry import Entry, JobFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """One job, or one evaluation of ours."""

    job: JobFacts
    status: str
    entries: tuple[Entry, ...]
    """One a task."""
    artifacts: tuple[Artifact, ...] = ()
    """The files to be copied."""
    skipped: tuple[Skipped, ...] = ()
    secrets: frozenset[str] = field(default=frozenset(), repr=False)

    @property
    def folder(self) -> PurePosixPath:
        """``<invocation>/<job>``, for an evaluation of ours ``<id>``; relative, whatever the ids hold."""
        return PurePosixPath(*(_name(part) for part in self.job.key if part))

    @property
    def metrics(self) -> int:
        """Metrics that have a value."""
        return sum(each.metric.value is not None for entry in self.entries for each in entry.metrics)


def _name(text: str) -> str:
    """An id as a folder's name: itself where it can be one."""
    return text if slug(text) == text else f"{slug(text)}-{digest(text)[:8]}"

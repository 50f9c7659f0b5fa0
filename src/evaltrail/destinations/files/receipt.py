"""The receipt of an export to files."""

from __future__ import annotations

from dataclasses import dataclass

from evaltrail.core.delivery import Skipped


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesReceipt:
    """What of one job lies where."""

    invocation_id: str
    job_id: str = ""
    output_dir: str
    files: tuple[str, ...]
    """Absolute; the job's own summary and that of all jobs come last."""
    metrics: int
    status: str = ""
    """How the evaluation itself went."""
    skipped: tuple[Skipped, ...] = ()

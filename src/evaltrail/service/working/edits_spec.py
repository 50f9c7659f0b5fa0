"""Edited questions as the JSON that the queue keeps; version 1."""

from __future__ import annotations

from collections.abc import Mapping

from evaltrail.core.values import Json
from evaltrail.jobs.order import NewUnit

EDITS = "edits"
"""The kind of such jobs."""
APPLY = "apply"
"""The kind of their unit."""
EDITS_VERSION = 1
_ATTEMPTS = 60
"""A run that was named is looked up in MLflow first; with pauses of five minutes that is four hours of it away."""


def edits_to_json(upload_id: str, name: str, *, run_id: str = "", dataset_id: str = "") -> Mapping[str, Json]:
    """The spec of an edits job.

    Args:
        upload_id: of the file, which is kept like a document.
        name: of the file, as its owner calls it.
        run_id: MLflow's run to land in; empty = a new one.
        dataset_id: that was edited; empty = the questions tell.
    """
    return {"version": EDITS_VERSION, "upload": upload_id, "name": name, "run_id": run_id, "dataset_id": dataset_id}


def apply_unit() -> NewUnit:
    """The unit of such a job."""
    return NewUnit(kind=APPLY, max_attempts=_ATTEMPTS, total=0)

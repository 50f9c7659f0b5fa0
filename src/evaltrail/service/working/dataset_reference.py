"""References into MLflow in the place of a data set's id: ``dataset:runs:/...``."""

from __future__ import annotations

import re

from evaltrail.core.ids import digest

RUN_FILE = re.compile(r"runs:/(?P<run>[0-9a-f]{32})/(?P<path>.+)")
"""A reference to a file of a run; the path may be %-encoded."""
FETCHING = "fetched-"
"""Begin of the names of folders in which files are while they are fetched."""
_PREFIX = "dataset:"
_ID_DIGITS = 16


def is_reference(task: str) -> bool:
    """Whether a task is a data set that MLflow keeps: ``dataset:runs:/...``."""
    return task.startswith(_PREFIX) and ":/" in task


def local_task(task: str, evaluation_id: str) -> str:
    """The task as it is opened: of a reference the data set that is made of it, of all else the same.

    Args:
        task: as it was accepted.
        evaluation_id: each evaluation fetches anew, for what a reference leads to may change.
    """
    return f"{_PREFIX}{fetched_id(task, evaluation_id)}" if is_reference(task) else task


def reference_of(task: str) -> str:
    """What a task refers to."""
    return task.removeprefix(_PREFIX)


def fetched_id(task: str, evaluation_id: str) -> str:
    """The data set that is made of a reference for an evaluation."""
    return digest([task, evaluation_id])[:_ID_DIGITS]

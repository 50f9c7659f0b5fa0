"""Files that requests named, looked at again by who opens them: links and task files may have been changed since."""

from __future__ import annotations

import os
from pathlib import Path

from evaltrail.core.errors import InputError
from evaltrail.core.submission import Submission
from evaltrail.providers.catalog import is_task_file
from evaltrail.providers.datasets import is_hub_name
from evaltrail.service.catalog.own_benchmarks import MADE, checked_task, confined

OPERATORS = "tasks"
"""Folder of the home whose task files are the operator's."""
_DATASET_PATH = "dataset_path"


def check_confined(submission: Submission, home: Path, number: int) -> None:
    """Return where a benchmark's files still are what a request may name.

    Args:
        submission: as it was accepted.
        home: EVALTRAIL_HOME; the operator's tasks lie there, and those that requests held, which the service wrote.
        number: of the benchmark, from 0.

    Raises:
        InputError: its task file or its data lie outside the data root by now, this machine has no such root, or the
            task names what it may not.
    """
    benchmark, root = submission.benchmarks[number], Path(submission.data_root)
    if not benchmark.is_confined:
        return
    path = {**submission.model.configuration, **benchmark.config}.get(_DATASET_PATH)
    if isinstance(path, str) and not is_hub_name(path.strip()):
        where = f"{benchmark.provider_id}/{benchmark.id}: {_DATASET_PATH}"
        if not os.access(root, os.X_OK):  # a file of that name in the worker's own folder is none of the request's
            hint = "mount EVALTRAIL_DATA_ROOT there too, at the same path"
            raise InputError("the data root is not on this worker", code="missing_data_root", where=where, hint=hint)
        _inside(path.strip(), root, where)
    task = Path(benchmark.task)
    is_ours = task.is_relative_to(home / MADE) or task.is_relative_to(home / OPERATORS)
    if is_task_file(benchmark.task) and not is_ours:
        file = _inside(benchmark.task, root, benchmark.id)
        if file is not None:
            checked_task(file, root, benchmark.id)


def _inside(path: str, root: Path, where: str) -> Path | None:
    """The file that a path means; None where it is not there, of which who opens it tells more."""
    try:
        return confined(path, root, root, where)
    except InputError as error:
        if error.code == "missing_file":
            return None
        raise

"""What a program left that ran a task for us: read by the reader that its provider names."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from evaltrail.core.errors import EvaltrailError, InputError
from evaltrail.core.ports import FolderTask, Reader
from evaltrail.core.result import ResultBundle, TaskResult
from evaltrail.readers.catalog import READERS
from evaltrail.readers.detect import Found, find_results

PROGRAM_LOG = "program.log"
"""What the program of a task printed, in the task's work folder and then in the bundle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """The results of one task, and the folder that holds them."""

    folder: Path
    results: tuple[TaskResult, ...]
    """One; several where the task is a group of tasks."""


def read_left(folder: Path, task: FolderTask) -> Left:
    """The results below a folder.

    Raises:
        EvaltrailError: there are none, or they cannot be read; the folder is set aside, so that the same order makes it
            anew.
    """
    try:
        return _read(folder, task)
    except EvaltrailError as error:
        aside = folder.with_name(f"{folder.name}.unreadable")
        shutil.rmtree(aside, ignore_errors=True)
        folder.rename(aside)
        error.where = error.where.replace(str(folder), str(aside))
        raise


def _read(folder: Path, task: FolderTask) -> Left:
    bundles = list(_bundles(folder, readers_for(task)))
    results = [result for bundle in bundles for result in bundle.tasks]
    if not results:
        raise EvaltrailError(
            f"{task.provider} left no results of {task.name!r}",
            code="no_results",
            where=str(folder),
            hint=f"its log tells more: {PROGRAM_LOG} beside that folder",
        )
    named = (
        replace(result, provider=task.provider, provider_version=task.provider_version or result.provider_version)
        for result in results
    )
    return Left(folder=folder, results=tuple(named))


def readers_for(task: FolderTask) -> dict[str, Reader]:
    """Name to reader: the one that a task names, else all, the built-in ones first.

    Raises:
        InputError: there is no such reader, or one cannot be loaded.
    """
    names = (task.leaves,) if task.leaves else dict.fromkeys((*READERS.builtin, *READERS.names()))
    return {name: cast("type[Reader]", READERS.load(name))() for name in names}


def _bundles(folder: Path, readers: Mapping[str, Reader]) -> Iterator[ResultBundle]:
    for found in find_results(folder, readers):
        if isinstance(found, Found):
            try:
                yield readers[found.reader].read(found.source)
            except InputError as error:  # no mistake in the order, which was carried out
                raise EvaltrailError(
                    error.message, code=error.code, where=error.where, hint="its program left this; run it again"
                ) from error
            except EvaltrailError:
                raise
            except Exception as error:  # a reader's wall, as in gathering
                raise EvaltrailError(
                    f"reader {found.reader} stumbled over it: {type(error).__name__}: {error}",
                    code="unreadable",
                    where=str(found.source.path),
                    hint="please report it",
                ) from error

"""TaskFolder: the task files that lie in EVALTRAIL_HOME/tasks, each a benchmark of `native` by itself."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from stat import S_ISREG

from evaltrail.core.errors import InputError
from evaltrail.service.catalog.entries import BenchmarkEntry, Source
from evaltrail.service.catalog.reading import NATIVE
from evaltrail.service.catalog.task_notes import TaskNote, task_note

_ENDINGS = (".yaml", ".yml")
_MOST_FILES = 2000

Look = tuple[tuple[str, int, int], ...]
"""Name, size and time of change of each file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundTasks:
    """What a folder offers."""

    benchmarks: tuple[BenchmarkEntry, ...]
    problems: tuple[InputError, ...]
    """One a file that offers nothing."""


class TaskFolder:
    """Reads each file once, and again when it has changed.

    Args:
        folder: that the files lie in; those below it belong to their owners.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: Mapping[tuple[str, int, int], TaskNote | InputError] = {}

    def look(self) -> Look:
        """What the folder holds now, without a file being opened."""
        try:
            with os.scandir(self._folder) as entries:
                return tuple(sorted(islice(_files(entries), _MOST_FILES)))
        except OSError:  # not there, or not ours to read: then it offers nothing
            return ()

    def tasks(self, look: Look) -> FoundTasks:
        """The benchmarks of what was looked at, by file name; of two of one name the first counts."""
        self._read = {each: self._read[each] if each in self._read else self._open(each[0]) for each in look}
        found: dict[str, TaskNote] = {}
        problems: list[InputError] = []
        for note in self._read.values():
            if isinstance(note, InputError):
                problems.append(note)
            elif note.name in found:
                message = f"the task {note.name!r} is in {found[note.name].file.name} too"
                hint = "give one of them another name"
                problems.append(InputError(message, code="duplicate_task", where=str(note.file), hint=hint))
            else:
                found[note.name] = note
        return FoundTasks(
            benchmarks=tuple(benchmark_of(note) for note in found.values()),
            problems=tuple(problems),
        )

    def _open(self, name: str) -> TaskNote | InputError:
        try:
            return task_note((self._folder / name).absolute())
        except InputError as error:
            return error


def benchmark_of(note: TaskNote, source: Source = "file") -> BenchmarkEntry:
    """The benchmark that a task file is."""
    return BenchmarkEntry(
        id=note.name,
        provider_id=NATIVE,
        name=note.name,
        description=note.description,
        metrics=note.metrics,
        shares=note.shares,
        primary_score=note.primary_score,
        num_few_shot=note.num_few_shot,
        task=str(note.file),
        source=source,
    )


def _files(entries: Iterator[os.DirEntry[str]]) -> Iterator[tuple[str, int, int]]:
    for entry in entries:
        if entry.name.lower().endswith(_ENDINGS) and not entry.name.startswith("."):
            try:
                found = entry.stat()
            except OSError:  # removed meanwhile, or a link to nothing
                continue
            if S_ISREG(found.st_mode):
                yield entry.name, found.st_size, found.st_mtime_ns

"""Loader: the catalog out of its sources, made anew only when one of them has changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from evaltrail.core.errors import InputError
from evaltrail.core.values import Json
from evaltrail.service.catalog.entries import CollectionEntry, ServerEntry
from evaltrail.service.catalog.layers import FILE, operator_shelf, shipped_shelf, with_variables
from evaltrail.service.catalog.own_benchmarks import stored_benchmark
from evaltrail.service.catalog.reading import NATIVE, read_collection, read_server
from evaltrail.service.catalog.shelf import Shelf
from evaltrail.service.catalog.task_folder import Look, TaskFolder
from evaltrail.store.catalog_entries import CatalogEntries, EntriesVersion, EntryKind, StoredEntry

_Made = TypeVar("_Made")
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What the sources looked like, without one of them being read."""

    file: tuple[int, int, int] | None
    """Inode, size and time of change of the operator's file; None = there is none."""
    tasks: Look
    entries: EntriesVersion | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """One state of the catalog."""

    sources: Sources
    operator: Shelf
    """What is not of requests."""
    shelf: Shelf
    problems: tuple[InputError, ...]


class Loader:
    """Looks at the sources of one catalog; one thread at a time.

    Args:
        home: EVALTRAIL_HOME.
        environ: every variable.
        entries: what requests added; None = there are none.
    """

    def __init__(self, home: Path, environ: Mapping[str, str], entries: CatalogEntries | None) -> None:
        self._home, self._environ, self._entries = home, environ, entries
        self._tasks = TaskFolder(home / "tasks")
        self._shipped = shipped_shelf()

    def load(self, before: Loaded | None) -> Loaded:
        """The state now; the one before where nothing has changed.

        Raises:
            InputError: the operator's file is wrong, and there is no state before it.
            StorageError: the database is away.
        """
        sources = self._sources()
        if before is not None and before.sources == sources:
            return before
        problems: list[InputError] = []
        operator = self._operator(sources, before, problems)
        shelf = self._with_entries(operator, problems)
        return Loaded(sources=sources, operator=operator, shelf=shelf, problems=tuple(problems))

    def _sources(self) -> Sources:
        try:
            found = (self._home / FILE).stat()
            file = (found.st_ino, found.st_size, found.st_mtime_ns)
        except OSError:
            file = None
        version = self._entries.version() if self._entries else None
        return Sources(file=file, tasks=self._tasks.look(), entries=version)

    def _operator(self, sources: Sources, before: Loaded | None, problems: list[InputError]) -> Shelf:
        """What is not of requests; that of before where it cannot be read now."""
        tasks = self._tasks.tasks(sources.tasks)
        problems += tasks.problems
        try:
            lower = self._shipped.plus(benchmarks=tasks.benchmarks)
            return with_variables(operator_shelf(self._home, lower), self._environ)
        except InputError as error:
            if before is None:
                raise
            problems.append(error)
            return before.operator

    def _with_entries(self, operator: Shelf, problems: list[InputError]) -> Shelf:
        """What there is with the entries of requests; one that cannot be read is told, and the others stand."""
        stored = self._entries.all() if self._entries else ()

        def read(kind: EntryKind, taken: Callable[[str], bool], made: Callable[[StoredEntry], _Made]) -> list[_Made]:
            found: list[_Made] = []
            for each in stored:
                if each.kind == kind and taken(each.id):
                    message = f"the {kind} {each.id!r} that was added is hidden: the operator's files have one too"
                    hint = "give one of them another name"
                    problems.append(InputError(message, code="hidden", where=f"{kind} {each.id}", hint=hint))
                elif each.kind == kind:
                    try:
                        found.append(made(each))
                    except InputError as error:
                        error.where = error.where or f"{kind} {each.id}"
                        problems.append(error)
            return found

        shelf = operator.plus(
            benchmarks=read(
                "benchmark",
                lambda entry_id: (NATIVE, entry_id) in operator.benchmarks,
                lambda each: stored_benchmark(each.document, self._home),
            ),
            servers=read("server", lambda entry_id: entry_id in operator.servers, _server),
        )
        collections = read(
            "collection", lambda entry_id: entry_id in operator.collections, lambda each: _collection(each, shelf)
        )
        return shelf.plus(collections=collections)


def _server(stored: StoredEntry) -> ServerEntry:
    about: dict[str, Json] = dict(stored.document)
    name = str(about.pop("name", stored.id))
    return read_server(name, about, f"server {name}", "rest")


def _collection(stored: StoredEntry, shelf: Shelf) -> CollectionEntry:
    entry = read_collection(stored.id, stored.document, f"collection {stored.id}", "rest", shelf)
    return replace(entry, created_at=_moment(stored.created_at), updated_at=_moment(stored.updated_at))


def _moment(microseconds: int) -> datetime:
    return _BEGINNING + timedelta(microseconds=microseconds)

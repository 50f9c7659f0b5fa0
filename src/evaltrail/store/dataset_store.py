"""Data sets of questions, each in versions that never change.

``<id>/<n>/questions.*``   the questions, in one file format or several
``<id>/<n>/about.json``    the DatasetVersion
``.incoming/``             what is being made; swept after a day
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from evaltrail.bundle.folders import beside, hold_lock, make_private, storage_error, sync_folder, write_whole
from evaltrail.core.decoding import decoded
from evaltrail.core.errors import InputError
from evaltrail.core.ids import new_id
from evaltrail.store.id_prefix import find_id, page_of
from evaltrail.store.incoming import incoming_folder

Build = Callable[[Path], None]
"""Puts the files of a version into an empty folder."""
QUESTIONS = "questions"
"""Stem of the files that hold them."""
ORDER = "order"
"""Setting of a version: the id of the order that made it."""
_ABOUT = "about.json"
_ID = re.compile(r"[0-9a-f]{16}")
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_WAIT_SECONDS = 60.0
"""For another process that adds a version; it holds the lock for milliseconds."""
_HINT = "`evaltrail ls datasets` or /api/v1/datasets lists them"


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetFacts:
    """What the maker of a version knows about it."""

    name: str
    digest: str
    """Over the questions: two versions with the same one hold the same."""
    count: int
    """Questions."""
    upload_ids: tuple[str, ...] = ()
    """The documents that it was made of."""
    generation_id: str = ""
    """What made it; empty = somebody brought it."""
    run_id: str = ""
    """MLflow's, in which it landed."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """How it was made, as JSON can say it; never a secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetVersion:
    """One version of a data set."""

    dataset_id: str
    """16 hex digits."""
    version: int
    """From 1."""
    parent_version: int | None
    """The version that it was edited from; None for the first."""
    name: str
    digest: str
    count: int
    created_at: datetime
    """Aware UTC."""
    upload_ids: tuple[str, ...] = ()
    generation_id: str = ""
    run_id: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDataset:
    """A data set with all of its versions."""

    id: str
    versions: tuple[DatasetVersion, ...]
    """From the first to the latest; never empty."""

    @property
    def latest(self) -> DatasetVersion:
        """The version that is meant where none is named."""
        return self.versions[-1]

    @property
    def created_at(self) -> datetime:
        """When its first version was made; aware UTC."""
        return self.versions[0].created_at


class DatasetStore:
    """The data sets below one folder; several processes may use it at once.

    Args:
        folder: DATAGEN_UPLOAD_FOLDER, or one in EVALTRAIL_HOME; made when something is added.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, build: Build, facts: DatasetFacts, *, dataset_id: str = "") -> DatasetVersion:
        """Version 1 of a new data set; it is there whole or not at all.

        Args:
            build: puts its files into a folder.
            facts: what is known of it.
            dataset_id: that others were told before; one that is there is left as it is. Empty = a new one.

        Raises:
            StorageError: the disk refuses.
        """
        if dataset_id and self._numbers(dataset_id):
            return self.version(dataset_id, 1)
        with self._making() as place:
            version = _version(facts, dataset_id or new_id(), 1, None)
            first = make_private(place / "1")
            _fill(first, build)
            _describe(first, version)
            sync_folder(place)
            place.rename(self._folder / version.dataset_id)
            sync_folder(self._folder)
        return version

    def add_version(
        self, dataset_id: str, build: Build, facts: DatasetFacts, *, parent: int | None = None
    ) -> DatasetVersion:
        """The next version of a data set; two that are added at once get different numbers.

        Args:
            dataset_id: whole, or the beginning of one.
            build: puts its files into a folder.
            facts: what is known of it.
            parent: the version that it was edited from; None = the latest.

        Raises:
            InputError: there is no such data set or parent.
            StorageError: the disk refuses.
        """
        whole = self._find(dataset_id)
        known = self.version(whole, parent).version if parent is not None else None
        with self._making() as place:
            _fill(place, build)
            with self._locked(whole):
                latest = self._numbers(whole)[-1]
                version = _version(facts, whole, latest + 1, known or latest)
                _describe(place, version)
                place.rename(self.folder_of(version))
                sync_folder(self._folder / whole)
        return version

    @contextmanager
    def turn(self, name: str) -> Iterator[None]:
        """The block alone, of all those that take the same turn in any process.

        Args:
            name: of the turn; part of a file's name.

        Raises:
            BusyError: another has not ended after a minute.
            StorageError: the disk refuses.
        """
        file = incoming_folder(self._folder) / f"{name}.turn"
        with hold_lock(file, f"process {{pid}} is at {name}", wait_s=_WAIT_SECONDS):
            try:
                yield
            finally:
                file.unlink(missing_ok=True)

    def note_run(self, version: DatasetVersion, run_id: str) -> DatasetVersion:
        """The version, which now says in which MLflow run it landed.

        Raises:
            InputError: it is not there any more.
            StorageError: the disk refuses.
        """
        with self._locked(self._find(version.dataset_id)):
            noted = replace(self.version(version.dataset_id, version.version), run_id=run_id)
            write_whole(self.folder_of(noted) / _ABOUT, msgspec.json.encode(noted), is_private=True)
        return noted

    def get(self, dataset_id: str) -> StoredDataset:
        """The data set with an id, or with one that begins so.

        Raises:
            InputError: there is none (``unknown_id``), there are several (``ambiguous_id``), or it cannot be read.
        """
        whole = self._find(dataset_id)
        return StoredDataset(id=whole, versions=tuple(self._read(whole, each) for each in self._numbers(whole)))

    def version(self, dataset_id: str, number: int | None = None) -> DatasetVersion:
        """One version of a data set.

        Args:
            dataset_id: whole, or the beginning of one.
            number: from 1; None = the latest.

        Raises:
            InputError: there is no such data set (``unknown_id``) or no such version (``unknown_version``).
        """
        whole = self._find(dataset_id)
        numbers = self._numbers(whole)
        if number is not None and number not in numbers:
            raise InputError(
                f"the data set {whole} has no version {number}",
                code="unknown_version",
                hint=f"its versions are 1 to {numbers[-1]}" if len(numbers) > 1 else "it has version 1 alone",
            )
        return self._read(whole, numbers[-1] if number is None else number)

    def folder(self, dataset_id: str, number: int | None = None) -> Path:
        """Where the files of a version lie; they are to be read only.

        Raises:
            InputError: there is no such data set or version.
        """
        return self.folder_of(self.version(dataset_id, number))

    def folder_of(self, version: DatasetVersion) -> Path:
        """Where the files of a version lie that is known to be there."""
        return self._folder / version.dataset_id / str(version.version)

    def list(self, *, after: str = "", limit: int | None = None) -> tuple[StoredDataset, ...]:
        """The data sets, newest first; one that cannot be read is left out, and ``get`` says why.

        Args:
            after: id of the last one of the part before; empty = from the begin.
            limit: so many at most; None = all.

        Raises:
            InputError: there is no data set ``after`` (``unknown_id``).
        """
        found = {each.id: each for each in self._readable()}
        ids = sorted(found, key=lambda each: (found[each].created_at, each), reverse=True)
        return tuple(found[each] for each in page_of(ids, after=after, limit=limit, noun="data set"))

    def of_generation(self, generation_id: str) -> DatasetVersion | None:
        """The latest version that a generation made; None where there is none."""
        return self.newest(lambda version: version.generation_id == generation_id) if generation_id else None

    def of_run(self, run_id: str) -> DatasetVersion | None:
        """The latest version that landed in an MLflow run; None where there is none."""
        return self.newest(lambda version: version.run_id == run_id) if run_id else None

    def of_order(self, order_id: str) -> DatasetVersion | None:
        """The version that an order made; None where there is none."""
        return self.newest(lambda version: version.settings.get(ORDER) == order_id) if order_id else None

    def newest(self, is_meant: Callable[[DatasetVersion], bool]) -> DatasetVersion | None:
        """The latest version of those that are meant; None where there is none."""
        found = (version for each in self._readable() for version in each.versions if is_meant(version))
        return max(found, key=lambda version: (version.created_at, version.version), default=None)

    def _readable(self) -> Iterator[StoredDataset]:
        for each in self._ids():
            try:
                yield self.get(each)
            except InputError:
                continue

    @contextmanager
    def _making(self) -> Iterator[Path]:
        """An empty folder to make something in; what is still there at the end is removed."""
        place = make_private(beside(incoming_folder(self._folder) / "dataset"))
        try:
            yield place
        except OSError as error:
            raise storage_error(error, self._folder) from error
        finally:
            shutil.rmtree(place, ignore_errors=True)

    @contextmanager
    def _locked(self, dataset_id: str) -> Iterator[None]:
        file = self._folder / dataset_id / ".lock"
        with hold_lock(file, "process {pid} changes the data set", wait_s=_WAIT_SECONDS):
            yield

    def _find(self, given: str) -> str:
        if _ID.fullmatch(given) and self._numbers(given):
            return given
        return find_id(given, self._ids(), noun="data set", hint=_HINT)

    def _ids(self) -> Sequence[str]:
        return [name for name in _names(self._folder) if _ID.fullmatch(name) and self._numbers(name)]

    def _numbers(self, dataset_id: str) -> Sequence[int]:
        """The versions of a data set, from the first to the latest."""
        return sorted(int(name) for name in _names(self._folder / dataset_id) if _NUMBER.fullmatch(name))

    def _read(self, dataset_id: str, number: int) -> DatasetVersion:
        file = self._folder / dataset_id / str(number) / _ABOUT
        try:
            return decoded(file.read_bytes(), DatasetVersion)
        except (OSError, msgspec.DecodeError) as error:
            raise InputError(
                f"what is known of version {number} of the data set {dataset_id} cannot be read: {error}",
                code="broken_dataset",
                where=str(file),
                hint="name another version, or upload the questions again",
            ) from error


def _version(facts: DatasetFacts, dataset_id: str, number: int, parent: int | None) -> DatasetVersion:
    return DatasetVersion(
        dataset_id=dataset_id,
        version=number,
        parent_version=parent,
        name=facts.name,
        digest=facts.digest,
        count=facts.count,
        created_at=datetime.now(UTC),
        upload_ids=facts.upload_ids,
        generation_id=facts.generation_id,
        run_id=facts.run_id,
        settings=facts.settings,
    )


def _fill(folder: Path, build: Build) -> None:
    """Have a version's files made, for their owner only, and have the disk keep them."""
    build(folder)
    for path in folder.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
        sync_folder(path)  # which serves a file as well


def _describe(folder: Path, version: DatasetVersion) -> None:
    """Say beside a version's files what they are."""
    write_whole(folder / _ABOUT, msgspec.json.encode(version), is_private=True)
    sync_folder(folder)


def _names(folder: Path) -> Sequence[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208  names alone are asked for
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except OSError as error:
        raise storage_error(error, folder) from error

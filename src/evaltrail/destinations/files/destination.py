"""Destination ``local``: finished results as files on disk, each job once however often it is exported.

``<output_dir>/<invocation>/<job>/`` holds a job's summary and copies of its files, ``<output_dir>/`` that of all jobs.
Source: the layout of the NeMo Evaluator Launcher's local exporter, 0.2.6.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from evaltrail.bundle.folders import hold_lock, storage_error, write_whole
from evaltrail.core.errors import BusyError, InputError, StorageError
from evaltrail.destinations.files.copies import copy_artifact
from evaltrail.destinations.files.csv_summary import merge_csv
from evaltrail.destinations.files.entry import Entry
from evaltrail.destinations.files.json_summary import merge_json
from evaltrail.destinations.files.options import FileOptions, Format
from evaltrail.destinations.files.parcel import Parcel
from evaltrail.destinations.files.parquet_summary import merge_parquet
from evaltrail.destinations.files.receipt import FilesReceipt
from evaltrail.destinations.files.shape import other_shape

_LOCK = ".evaltrail.lock"
_PATIENCE_S = 60.0
"""Longer than anybody needs to write the summaries of thousands of jobs."""
_MOST_BYTES = 256_000_000
"""Summaries are held in memory."""
_TOO_LARGE = f"a summary of more than {_MOST_BYTES // 1_000_000} MB cannot be continued"
_MERGERS: Mapping[Format, Callable[[bytes, Sequence[Entry], Path], bytes]] = {
    "json": merge_json,
    "csv": merge_csv,
    "parquet": merge_parquet,
}


class FilesDestination:
    """A folder that results are exported to.

    Args:
        options: folder, format, names.
        patience_s: seconds to wait for another process that writes its summaries.

    Raises:
        InputError: a name cannot be used.
    """

    def __init__(self, options: FileOptions, *, patience_s: float = _PATIENCE_S) -> None:
        self.folder = options.folder()
        self._name = options.file_name()
        self._merge = _MERGERS[options.format]
        self._patience_s = patience_s

    def check(self, parcels: Sequence[Parcel]) -> None:
        """Find out before anything is written what would stand in the way.

        Raises:
            InputError: a file stands where a folder has to be, or in a summary's place stands something else.
        """
        for folder in (self.folder, *self.folder.parents):
            if _mode(folder):
                break
        if not stat.S_ISDIR(_mode(folder)):
            raise _no_folder(folder, "a file stands where the folder has to be")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise _no_folder(folder, "you may not write into this folder")
        for file in dict.fromkeys([self._whole, *map(self._own, parcels)]):
            self._merge(_present(file), (), file)
        for parcel in parcels:
            self._check_names(parcel)

    def open(self) -> None:
        """Make the folder where it is missing.

        Raises:
            InputError: it cannot be made, or written into; nothing was written.
        """
        probe = self.folder / f".evaltrail-{secrets.token_hex(6)}.tmp"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise _no_folder(self.folder, f"the folder cannot be written into: {error.strerror}") from error

    def files_of(self, parcel: Parcel) -> tuple[Path, ...]:
        """Where everything of a job goes: its files, its summary, the summary of all."""
        folder = self.folder / parcel.folder
        copies = (folder / item.path for item in parcel.artifacts)
        return tuple(dict.fromkeys([*copies, self._own(parcel), self._whole]))

    def copy(self, parcel: Parcel) -> None:
        """Copy the files of a job.

        Raises:
            InputError: one of them cannot be read.
            StorageError: the disk refuses.
        """
        for item in parcel.artifacts:
            copy_artifact(item, self.folder / parcel.folder, parcel.secrets)

    def summarize(self, parcels: Sequence[Parcel]) -> tuple[FilesReceipt, ...]:
        """Put jobs into their own summaries and into that of all, and nothing else changes there.

        Raises:
            InputError: something else came to stand in a summary's place.
            StorageError: the disk refuses, or another process is busy here for too long.
        """
        if not parcels:
            return ()
        with self._turn():
            for parcel in parcels:
                self._put(self._own(parcel), parcel.entries)
            self._put(self._whole, [entry for parcel in parcels for entry in parcel.entries])
        return tuple(self._receipt(parcel) for parcel in parcels)

    @property
    def _whole(self) -> Path:
        return self.folder / self._name

    def _own(self, parcel: Parcel) -> Path:
        return self.folder / parcel.folder / self._name

    def _check_names(self, parcel: Parcel) -> None:
        others = (parcel.folder, *(PurePosixPath(item.path) for item in parcel.artifacts))
        if self._name.casefold() in {path.parts[0].casefold() for path in others if path.parts}:
            raise InputError(
                f"{self._name!r} is also the name of a file or folder of job {parcel.job.job_id or parcel.folder}",
                code="bad_option",
                where=str(self._own(parcel)),
                hint="give another output_filename",
            )

    def _put(self, file: Path, entries: Sequence[Entry]) -> None:
        old = _present(file)
        new = self._merge(old, entries, file)
        if new == old:
            return
        if len(new) > _MOST_BYTES:
            raise StorageError(_TOO_LARGE, code="too_large", where=str(file), hint="give another output_dir")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(error, file.parent) from error
        write_whole(file, new)

    def _receipt(self, parcel: Parcel) -> FilesReceipt:
        return FilesReceipt(
            invocation_id=parcel.job.invocation_id,
            job_id=parcel.job.job_id,
            output_dir=str(self.folder),
            files=tuple(map(str, self.files_of(parcel))),
            metrics=parcel.metrics,
            status=parcel.status,
            skipped=parcel.skipped,
        )

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Be the only one who writes summaries here."""
        lock = self.folder / _LOCK
        try:
            with hold_lock(lock, "process {pid} is writing summaries here", wait_s=self._patience_s):
                try:
                    yield
                finally:
                    lock.unlink(missing_ok=True)
        except BusyError as error:
            raise StorageError(
                f"{error.message}, for {self._patience_s:.0f} seconds now",
                code=error.code,
                where=str(lock),
                hint=f"{error.hint}, then run the same command again",
            ) from error
        except OSError as error:  # a file system without locks
            raise storage_error(error, lock) from error


def _present(file: Path) -> bytes:
    """What a summary holds so far; nothing where there is none.

    Raises:
        InputError: it is no file, too large, or cannot be read.
    """
    try:
        state = file.stat()
        if not stat.S_ISREG(state.st_mode):
            raise other_shape(file, "it is no regular file")
        if state.st_size > _MOST_BYTES:
            raise InputError(_TOO_LARGE, code="too_large", where=str(file), hint="give another output_dir")
        return file.read_bytes()
    except FileNotFoundError:
        return b""
    except NotADirectoryError as error:
        raise _no_folder(file.parent, "a file stands where the folder has to be") from error
    except OSError as error:
        raise other_shape(file, f"it cannot be read: {error.strerror}") from error


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode
    except (OSError, ValueError):  # not there, below a file, a name that none can have
        return 0


def _no_folder(folder: Path, why: str) -> InputError:
    return InputError(why, code="bad_folder", where=str(folder), hint="give another output_dir")

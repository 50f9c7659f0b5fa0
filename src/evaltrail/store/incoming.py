"""A store's place for what is not whole yet: beside the finished things, on the same disk, never listed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

from evaltrail.bundle.folders import disk_now, make_private, storage_error

_PLACE = ".incoming"
_DAY_SECONDS = 86_400.0


def incoming_folder(store: Path) -> Path:
    """The place, made where it is missing; what a process that died has left there for a day is removed.

    The disk is waited for: this belongs into a thread.

    Raises:
        StorageError: it cannot be made.
    """
    place = _place(store)
    if any(place.iterdir()):
        for each in left_behind(store, disk_now(place)):
            with suppress(OSError):  # another process has finished or removed it
                _remove(each)
    return place


@contextmanager
def incoming_file(store: Path, prefix: str) -> Iterator[IO[bytes]]:
    """An empty private file in the place; it is gone when the block ends. No disk is waited for.

    Args:
        store: whose place it is.
        prefix: begin of its name.

    Raises:
        StorageError: it cannot be made, or the disk refuses something in the block.
    """
    place = _place(store)
    try:
        file = NamedTemporaryFile(dir=place, prefix=prefix)  # noqa: SIM115  whose own block stumbles over a full disk
        try:
            yield file
        finally:
            with suppress(OSError):  # what does not fit was told when it was written
                file.close()
    except OSError as error:
        raise storage_error(error, store) from error


def left_behind(store: Path, now_s: float) -> Iterator[Path]:
    """What a process that died has left in the place for a day; nothing where there is no such place.

    Args:
        store: whose place it is.
        now_s: seconds since 1970, as its disk has them.
    """
    for each in sorted((store / _PLACE).glob("*")):
        with suppress(FileNotFoundError):  # it is whole, or removed, by now
            if each.lstat().st_mtime < now_s - _DAY_SECONDS:
                yield each


def _place(store: Path) -> Path:
    return make_private(make_private(store) / _PLACE)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink()

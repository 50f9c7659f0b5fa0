"""A store's place for what is not whole yet: beside the finished things, on the same disk, never listed."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from evaltrail.bundle.folders import disk_now, make_private

_DAY_SECONDS = 86_400.0


def incoming_folder(store: Path) -> Path:
    """The place, made where it is missing; what a process that died has left there for a day is removed.

    Raises:
        StorageError: it cannot be made.
    """
    place = make_private(make_private(store) / ".incoming")
    left = list(place.iterdir())
    if left:
        oldest = disk_now(place) - _DAY_SECONDS
        for each in left:
            with suppress(OSError):  # another process has finished or removed it
                if each.stat().st_mtime < oldest:
                    _remove(each)
    return place


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink()

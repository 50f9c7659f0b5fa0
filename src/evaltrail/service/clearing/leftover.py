"""Leftover: something in EVALTRAIL_HOME or in the queue that nothing refers to any more."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

QUIET_S = 3600.0
"""What nobody has touched for so long is no half of a write that is under way."""
DAY_S = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """One thing to be removed."""

    what: str
    """Its kind, for people."""
    name: str
    """Its path from the home, or the id that it is known by."""
    size_bytes: int
    """What the disk gets back: files that bear a second name elsewhere count as nothing."""
    remove: Callable[[], bool]
    """Removes it, unless somebody has taken it up meanwhile: then it answers False. May raise an OSError."""


def size_of(path: Path) -> int:
    """The bytes that the disk gets back with a file or a folder; 0 for what is gone."""
    return sum(found.st_size for found in _stats(path) if found.st_nlink == 1)


def quiet_for(path: Path, now_s: float) -> float:
    """Seconds since a file, or anything in a folder, was written last, where it is ``now_s`` for its disk."""
    return now_s - max((found.st_mtime for found in _stats(path)), default=0.0)


def rid_of(path: Path) -> bool:
    """True once a file or a folder is gone.

    Raises:
        OSError: the disk refuses.
    """
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    return True


def children_of(folder: Path) -> list[Path]:
    """What lies in a folder, by name; nothing where there is no folder, or none any more."""
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def folder_names(folder: Path) -> list[str]:
    """The names of the folders in a folder; links are none."""
    return [child.name for child in children_of(folder) if child.is_dir() and not child.is_symlink()]


def _stats(path: Path) -> list[os.stat_result]:
    """Of the path and everything below it, of folders too; what vanishes on the way is left out."""
    below = [os.path.join(above, name) for above, *names in os.walk(path) for name in (*names[0], *names[1])]  # noqa: PTH118  of texts
    found = []
    for each in (str(path), *below):
        with suppress(FileNotFoundError):
            found.append(os.lstat(each))
    return found

"""Unpacking: archives of results as folders of this command's own, which are gone when it ends."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from evaltrail.bundle.folders import hold_lock, is_locked, make_private
from evaltrail.readers.archives.unpack import is_archive, unpack
from evaltrail.readers.notes import Notes

_NAMES_KEPT = 4
"""Folders above an archive whose names may say which evaluation it holds."""


def named(text: str, archives: Mapping[Path, Path]) -> str:
    """The text with each archive's path where it names the folder, soon gone, that the archive was unpacked to."""
    for folder, archive in archives.items():
        text = text.replace(str(folder), str(archive))
    return text


class Unpacking:
    """The archives that one command meets, as a context manager; what a killed command left behind goes first.

    Args:
        folder: below it each command has a folder of its own.
    """

    def __init__(self, folder: Path) -> None:
        self.notes = Notes()
        """What is left out of archives."""
        self.archives: dict[Path, Path] = {}
        """Folder to the archive that it holds the files of."""
        self._folder = folder
        self._own = folder / secrets.token_hex(8)
        self._held = ExitStack()

    def __call__(self, path: Path, head: bytes) -> Path | None:
        """The folder that an archive is in now, the names above it kept; None for what is no archive.

        Raises:
            InputError: it is damaged, or more than is unpacked.
            StorageError: the disk refuses.
        """
        if not is_archive(head, path.name):
            return None
        if not self._own.exists():
            self._begin()
        above = [part for part in path.absolute().parts[1:-1] if part not in {".", ".."}][-_NAMES_KEPT:]
        wanted = self._own.joinpath(str(len(self.archives)), *above, path.name.partition(".")[0] or "archive")
        make_private(wanted.parent)
        unpack(path, wanted, self.notes)
        self.archives[wanted] = path
        return wanted

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self._own, ignore_errors=True)
        self._lock(self._own).unlink(missing_ok=True)
        self._held.close()

    def _begin(self) -> None:
        make_private(self._folder)
        self._held.enter_context(hold_lock(self._lock(self._own), "process {pid} is unpacking there"))
        for other in self._folder.iterdir():
            if other.is_dir() and other != self._own and not is_locked(self._lock(other)):
                shutil.rmtree(other, ignore_errors=True)
                with suppress(OSError):
                    self._lock(other).unlink()
        make_private(self._own)

    @staticmethod
    def _lock(folder: Path) -> Path:
        return folder.with_suffix(".lock")

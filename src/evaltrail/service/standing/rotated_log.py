"""RotatedLog: what a process prints, in a file that stays small; what it held before lies beside it."""

from __future__ import annotations

from contextlib import suppress
from io import FileIO
from pathlib import Path

from evaltrail.core.errors import StorageError

MOST_BYTES = 5_000_000
_LAST_BYTES = 20_000


class RotatedLog:
    """A file that is begun anew when it is full; the one before is kept as ``NAME.1``.

    Args:
        file: its folder exists.
        most_bytes: that it holds.

    Raises:
        StorageError: it cannot be written.
    """

    def __init__(self, file: Path, *, most_bytes: int = MOST_BYTES) -> None:
        self.file = file
        self._most_bytes = most_bytes
        try:
            self._opened = self._open()
        except OSError as error:
            raise StorageError(f"cannot write the log: {error.strerror or error}", where=str(file)) from error
        self._size_bytes = self._opened.tell()

    def write(self, data: bytes) -> None:
        """Add some bytes; that the disk is full is no reason to end what prints them."""
        with suppress(OSError):
            if self._size_bytes + len(data) > self._most_bytes:
                self._begin_anew()
            self._size_bytes += self._opened.write(data)

    def last_lines(self, count: int) -> list[str]:
        """The last lines that were written; fewer where they are long."""
        try:
            with self.file.open("rb") as file:
                file.seek(max(0, self._size_bytes - _LAST_BYTES))
                text = file.read().decode("utf-8", "replace")
        except OSError:
            return []
        return [line for line in text.splitlines() if line.strip()][-count:]

    def close(self) -> None:
        """Close the file."""
        self._opened.close()

    def _begin_anew(self) -> None:
        self._opened.close()
        try:
            self.file.replace(self.file.with_name(f"{self.file.name}.1"))
        finally:
            self._opened = self._open()
            self._size_bytes = self._opened.tell()

    def _open(self) -> FileIO:
        opened = self.file.open("ab", buffering=0)
        self.file.chmod(0o600)
        return opened

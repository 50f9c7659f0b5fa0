"""Archive: an Inspect ``.eval`` file as its members, read one at a time, within bounds, never to disk.

Source: the zip of Inspect's log format 2 (and its chunked samples of format 3): ``header.json``, ``summaries.json``,
``reductions.json``, ``samples/<id>_epoch_<n>.json``, ``_journal/start.json``; members are deflated, or compressed with
Zstandard where INSPECT_USE_ZSTD is set.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from evaltrail.core.errors import InputError
from evaltrail.core.values import Json
from evaltrail.readers.notes import Notes
from evaltrail.readers.tables import decoded, unreadable

MAGIC = b"PK\x03\x04"
MOST_MEMBER_BYTES = 64_000_000
"""Largest member that is read."""

_MOST_DIRECTORY_BYTES = 32_000_000
"""Largest directory of an archive: some 300,000 samples."""
_ZSTANDARD = 93
_LOCAL_HEADER = struct.Struct("<26xHH")
"""What stands before a member's bytes ends with the lengths of its name and of its extra field (APPNOTE 4.3.7)."""
_BROKEN = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, RuntimeError, ValueError, OverflowError)
"""What `zipfile` raises for broken, encrypted or unknown content."""


class _Guarded(io.FileIO):
    """A file of which no more is held than a bound: `zipfile` asks for an archive's directory at one go.

    Without a size it only asks for the last 64 KiB.
    """

    most = _MOST_DIRECTORY_BYTES

    def read(self, size: int | None = -1) -> bytes:
        """The next bytes.

        Raises:
            BadZipFile: more than the bound are asked for.
        """
        if size is not None and size > self.most:
            raise zipfile.BadZipFile(f"{size:,} bytes of it would have to be held at once, {self.most:,} are the most")
        return super().read(size) or b""


class Archive:
    """An open ``.eval`` file.

    Args:
        file: the zip.

    Raises:
        InputError: it cannot be read, or is no whole zip.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        try:
            self._data = _Guarded(file)
        except OSError as error:
            raise unreadable(file, error.strerror or str(error)) from error
        try:
            self._zip = zipfile.ZipFile(self._data)
            self._data.most = MOST_MEMBER_BYTES
        except _BROKEN as error:
            self._data.close()
            raise unreadable(file, f"it is no whole zip: {error}") from error
        self.members: Mapping[str, zipfile.ZipInfo] = {info.filename: info for info in self._zip.infolist()}
        """Name to member; of several with one name the last, which is the newest."""

    def read(self, name: str) -> Json:
        """The JSON value of a member.

        Raises:
            InputError: there is no such member, or it cannot be read, is no JSON, or has more than 64 MB.
        """
        where = Path(f"{self._file}/{name}")
        info = self.members.get(name)
        if info is None:
            raise unreadable(where, "it is not in the archive")
        most = f"{MOST_MEMBER_BYTES // 1_000_000} MB are the most that is read"
        if max(info.file_size, info.compress_size) > MOST_MEMBER_BYTES:
            raise unreadable(where, f"it has {info.file_size:,} bytes, {most}")
        try:
            data = self._unpacked(info, where)
            return decoded(data, where, Notes())
        except RecursionError as error:
            raise unreadable(where, "it is nested too deeply") from error
        except _BROKEN as error:
            raise unreadable(where, str(error) or type(error).__name__) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()
        self._data.close()

    def _unpacked(self, info: zipfile.ZipInfo, where: Path) -> bytes:
        if info.compress_type in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            with self._zip.open(info) as member:
                return member.read(info.file_size + 1)
        if info.compress_type == _ZSTANDARD:
            return self._without_zstandard(info)
        raise unreadable(where, f"compression {info.compress_type} is not known; deflate and Zstandard are")

    def _without_zstandard(self, info: zipfile.ZipInfo) -> bytes:
        """The bytes of a member that `zipfile` cannot unpack before Python 3.14."""
        from pyarrow import BufferReader, CompressedInputStream  # noqa: PLC0415  60 MB, only for such members

        self._data.seek(info.header_offset)
        name_length, extra_length = _LOCAL_HEADER.unpack(self._data.read(_LOCAL_HEADER.size))
        self._data.seek(name_length + extra_length, 1)
        packed = self._data.read(info.compress_size)
        stream: Any = CompressedInputStream(BufferReader(packed), "zstd")
        with stream:
            data = bytes(stream.read(info.file_size + 1))
        if len(data) != info.file_size or zlib.crc32(data) != info.CRC:
            raise zipfile.BadZipFile("its bytes are not those that were written")
        return data


def is_log(file: Path) -> bool:
    """Whether a file is a zip that holds the header or the beginning of an Inspect log."""
    try:
        with Archive(file) as archive:
            return "header.json" in archive.members or "_journal/start.json" in archive.members
    except InputError:
        return False

"""The members of a zip file, with its directory bounded and names that are no legal text read all the same."""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime

from evaltrail.readers.archives.member import PIECE_BYTES, ArchiveLimitError, Member

MAGICS = (b"PK\x03\x04", b"PK\x05\x06")
"""How a zip file begins: with a member, or empty."""
_MOST_DIRECTORY_BYTES = 64_000_000
_ENTRY = b"PK\x01\x02"
_ENTRY_BYTES = 46
_HEADER_BYTES = 30
_LENGTHS = (28, 30, 32)
"""Where an entry says how long its name, its extra field and its comment are."""
_NAMES_ARE_UTF8 = 0x08
"""In the second byte of the flags, which are at byte 8 of an entry and at byte 6 of a member's header."""
_ENCRYPTED = 0x2041
_UNIX = (3, 19)
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""The library decompresses what others need not in bounded pieces."""


def zip_members(stream: io.RawIOBase, most_members: int) -> Iterator[Member]:
    """Each member, in the order of the directory.

    Raises:
        ArchiveLimitError: the directory has more entries, or is larger than any of so many entries.
        zipfile.BadZipFile: it is damaged; a damaged file may also raise what is at the root of it.
    """
    guarded = _Guarded(stream, most_members)
    with zipfile.ZipFile(guarded) as opened:
        guarded.is_head = False
        for info in opened.infolist():
            name, why_not = _name(info), _why_not(info)
            yield Member(
                name=name,
                pieces=iter(()) if why_not else _content(opened, info, guarded),
                is_folder=name.endswith("/"),
                why_not=why_not,
                modified_at=_modified_at(info),
            )


class _Guarded(io.BufferedReader):
    """The bytes of a zip file; its directory is bounded, and says of no name that it is UTF-8: not all are."""

    def __init__(self, stream: io.RawIOBase, most_members: int) -> None:
        super().__init__(stream)
        self._most_members = most_members
        self.is_head = True
        """Whether what is read now is the directory or a member's header, not its content."""

    def read(self, size: int | None = -1, /) -> bytes:
        """The next bytes."""
        if size is not None and size > _MOST_DIRECTORY_BYTES:
            raise ArchiveLimitError(f"its directory says that it has {size:,} bytes")
        data = super().read(size)
        if self.is_head and data.startswith(_ENTRY):
            return self._plain_names(data)
        if self.is_head and data.startswith(MAGICS[0]) and len(data) == _HEADER_BYTES:
            return data[:7] + bytes([data[7] & ~_NAMES_ARE_UTF8]) + data[8:]
        return data

    def _plain_names(self, directory: bytes) -> bytes:
        plain = bytearray(directory)
        start = count = 0
        while plain.startswith(_ENTRY, start) and start + _ENTRY_BYTES <= len(plain):
            count += 1
            if count > self._most_members:
                raise ArchiveLimitError(f"it has more than {self._most_members:,} members")
            plain[start + 9] &= ~_NAMES_ARE_UTF8
            start += _ENTRY_BYTES + sum(
                int.from_bytes(plain[start + place : start + place + 2], "little") for place in _LENGTHS
            )
        return bytes(plain)


def _why_not(info: zipfile.ZipInfo) -> str:
    kind = stat.S_IFMT(info.external_attr >> 16) if info.create_system in _UNIX else 0
    if stat.S_ISLNK(kind):
        return "it is a link"
    if kind and not stat.S_ISREG(kind) and not stat.S_ISDIR(kind):
        return "it is no plain file"
    if info.flag_bits & _ENCRYPTED:
        return "it is encrypted; unpack the archive and give the folder"
    return "" if info.compress_type in _METHODS else f"its compression (method {info.compress_type}) is not read"


def _name(info: zipfile.ZipInfo) -> str:
    """The name as it is written: UTF-8 where it is that, else as the format's first version has it."""
    try:
        return info.orig_filename.encode("cp437").decode("utf-8")
    except ValueError:
        return info.orig_filename


def _modified_at(info: zipfile.ZipInfo) -> float:
    try:
        return datetime(*info.date_time, tzinfo=UTC).timestamp()
    except ValueError:
        return 0.0


def _content(opened: zipfile.ZipFile, info: zipfile.ZipInfo, guarded: _Guarded) -> Iterator[bytes]:
    guarded.is_head = True
    with opened.open(info) as data:
        guarded.is_head = False
        while piece := data.read(PIECE_BYTES):
            yield piece

"""Archives of results: zip, tar, and tar compressed with gzip, bzip2 or xz, unpacked whole or not at all.

Nothing in an archive is believed: names may lead nowhere but below the folder, links and devices are left out, and what
counts are the bytes that come out, never those that are declared.
"""

from __future__ import annotations

import bz2
import errno
import gzip
import lzma
import os
import re
import secrets
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from io import FileIO
from pathlib import Path
from typing import BinaryIO, cast

from evaltrail.bundle.folders import make_private, place_folder, storage_error
from evaltrail.core.errors import InputError
from evaltrail.readers.archives.member import ArchiveLimitError, Member
from evaltrail.readers.archives.tar_members import is_header, tar_members
from evaltrail.readers.archives.zip_members import MAGICS, zip_members
from evaltrail.readers.notes import Notes
from evaltrail.readers.tables import open_regular

_MOST_BYTES = 8_000_000_000
_MOST_MEMBERS = 100_000
_MOST_RATIO = 200
_HARMLESS_BYTES = 100_000_000
"""What unpacks to less is no bomb, however small the archive is."""
_MOST_NAME_BYTES = 1000
_MOST_PART_BYTES = 255
_MOST_NESTING = 64
_DRIVE = re.compile(r"[A-Za-z]:")
_TARS: tuple[tuple[bytes, tuple[str, ...], Callable[..., object]], ...] = (
    (b"\x1f\x8b", (".tar.gz", ".tgz"), gzip.open),
    (b"BZh", (".tar.bz2", ".tbz2", ".tbz"), bz2.open),
    (b"\xfd7zXZ\x00", (".tar.xz", ".txz"), lzma.open),
)
"""How a compressed tar begins, how its name ends, and what opens it."""
_REFUSED_NAMES = {errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL}
_DAMAGED = (
    ValueError,
    EOFError,
    OSError,
    OverflowError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    MemoryError,
)
"""What the libraries raise on damaged archives; those of xz may ask for any memory."""


def is_archive(head: bytes, name: str) -> bool:
    """Whether a file is an archive that can be unpacked: a zip file, or a tar, compressed or not.

    Args:
        head: its first bytes, 512 at least where it has them.
        name: its name, which tells a compressed tar from another compressed file.
    """
    if head.startswith(MAGICS):
        return True
    lower = name.lower()
    if any(head.startswith(magic) and lower.endswith(endings) for magic, endings, _ in _TARS):
        return True
    return (head[257:262] == b"ustar" or lower.endswith(".tar")) and is_header(head[:512])


def unpack(
    archive: Path,
    folder: Path,
    notes: Notes,
    *,
    most_bytes: int = _MOST_BYTES,
    most_members: int = _MOST_MEMBERS,
    harmless_bytes: int = _HARMLESS_BYTES,
) -> Path:
    """The folder, for its owner only, with every plain file of the archive; what stood there before is replaced.

    Args:
        archive: what ``is_archive`` knows.
        folder: where to.
        notes: told what is left out: unsafe names, links, devices, encrypted members, second ones of a name.
        most_bytes: that may come out of it.
        most_members: that it may have.
        harmless_bytes: that may come out however small it is; beyond them, 200 times its size.

    Raises:
        InputError: it is cut off or damaged, or more than is unpacked; nothing of it is left behind.
        StorageError: the disk refuses; nothing of it is left behind.
    """
    made = make_private(folder.parent / f".unpack.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        with open_regular(archive) as stream:
            size = os.fstat(stream.fileno()).st_size
            meter = _Meter(most_bytes, max(harmless_bytes, _MOST_RATIO * size))
            left_out = _fill(made, _members(stream, meter, most_members), most_members)
        place_folder(made, folder)
    except ArchiveLimitError as error:
        code = "bomb" if isinstance(error, _BombError) else "too_large"
        hint = "if you trust it, unpack it yourself and give the folder"
        raise InputError(f"the archive is not unpacked: {error}", code=code, where=str(archive), hint=hint) from error
    except _DAMAGED as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(
            f"the archive cannot be unpacked: {reason:.200}",
            code="broken_archive",
            where=str(archive),
            hint="fetch it again",
        ) from error
    finally:
        shutil.rmtree(made, ignore_errors=True)
    for item in left_out.skipped:
        notes.skip(f"{archive.name}: {item.what}", item.why)
    return folder


class _BombError(ArchiveLimitError):
    """So much comes out of so little."""


class _Meter:
    """Counts what comes out of an archive while it does."""

    def __init__(self, most_bytes: int, bomb_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bomb_bytes = bomb_bytes
        self._count = 0

    def spend(self, data: bytes) -> bytes:
        """The same bytes, counted.

        Raises:
            ArchiveLimitError: they are too many.
        """
        self._count += len(data)
        if self._count > self._bomb_bytes:
            raise _BombError(
                f"more than {self._bomb_bytes:,} bytes come out of it, which no honest one of its size holds"
            )
        if self._count > self._most_bytes:
            raise ArchiveLimitError(f"more than {self._most_bytes:,} bytes come out of it")
        return data


def _members(stream: BinaryIO, meter: _Meter, most_members: int) -> Iterator[Member]:
    magic = stream.read(6)
    stream.seek(0)
    if magic.startswith(MAGICS):
        for member in zip_members(FileIO(stream.fileno(), closefd=False), most_members):
            yield replace(member, pieces=map(meter.spend, member.pieces))
        return
    opener = next((opener for start, _, opener in _TARS if magic.startswith(start)), None)
    if opener is None:
        yield from tar_members(lambda size: meter.spend(stream.read(size)))
        return
    with cast("BinaryIO", opener(stream)) as tar:
        yield from tar_members(lambda size: meter.spend(tar.read(size)))


def _fill(folder: Path, members: Iterator[Member], most_members: int) -> Notes:
    """Write every member that can be below a folder that nobody else writes to; notes on those that cannot."""
    notes = Notes()
    for count, member in enumerate(members, start=1):
        if count > most_members:
            raise ArchiveLimitError(f"it has more than {most_members:,} members")
        if member.is_folder:
            continue
        parts = tuple(part for part in member.name.split("/") if part not in {"", "."})
        why_not = member.why_not or _why_unsafe(member.name, parts) or _write(member, folder, parts)
        if why_not:
            notes.skip(member.name, f"left out: {why_not}")
    return notes


def _why_unsafe(name: str, parts: tuple[str, ...]) -> str:
    """Why a name is no relative path below a folder; empty for one that is."""
    if not parts:
        return "it has no name"
    if name.startswith("/") or _DRIVE.match(name):
        return "its name is an absolute path"
    if ".." in parts:
        return "its name leads out of the folder"
    if "\\" in name or "\0" in name:
        return "its name holds a backslash or a zero byte"
    sizes = [len(part.encode("utf-8", "surrogatepass")) for part in parts]
    if max(sizes) > _MOST_PART_BYTES or sum(sizes) > _MOST_NAME_BYTES or len(parts) > _MOST_NESTING:
        return "its name is too long"
    return ""


def _write(member: Member, folder: Path, parts: tuple[str, ...]) -> str:
    """Why a member could not be written; empty for one that was.

    Raises:
        StorageError: the disk refuses.
    """
    target = folder.joinpath(*parts)
    try:
        for depth in range(1, len(parts)):
            folder.joinpath(*parts[:depth]).mkdir(mode=0o700, exist_ok=True)
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        return "another member has its name; the first counts"
    except OSError as error:
        if error.errno in _REFUSED_NAMES:
            return "its name is none that the disk takes"
        raise storage_error(error, target) from error
    with FileIO(handle, "w") as out:
        for piece in member.pieces:
            _put(out, piece, target)
        with suppress(OSError, OverflowError):  # a time is a nicety
            os.utime(out.fileno(), (member.modified_at, member.modified_at))
    return ""


def _put(out: FileIO, piece: bytes, target: Path) -> None:
    rest = memoryview(piece)
    while rest:
        try:
            rest = rest[out.write(rest) :]
        except OSError as error:
            raise storage_error(error, target) from error

"""Archives as friends and foes make them, packed by the standard library."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from pathlib import Path

import pytest

from evaltrail.core.errors import EvaltrailError, InputError
from evaltrail.readers.archives.unpack import unpack
from evaltrail.readers.notes import Notes

PACKERS = {
    ".tar": bytes,
    ".tar.gz": gzip.compress,
    ".tgz": gzip.compress,
    ".tar.bz2": bz2.compress,
    ".tar.xz": lzma.compress,
}
FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}


def tar_of(entries, kind: str = "pax") -> bytes:
    """A tar of (name, content) pairs; a TarInfo stands for itself, without content."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=FORMATS[kind]) as tar:
        for entry in entries:
            if isinstance(entry, tarfile.TarInfo):
                tar.addfile(entry)
                continue
            info = tarfile.TarInfo(entry[0])
            info.size, info.mtime = len(entry[1]), 1_700_000_000
            tar.addfile(info, io.BytesIO(entry[1]))
    return data.getvalue()


def zip_of(entries, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip file of (name, content) pairs, with names as they are; a ZipInfo may stand for a name."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", method) as packed:
        for name, content in entries:
            info = name if isinstance(name, zipfile.ZipInfo) else zipfile.ZipInfo("x", (2024, 2, 29, 12, 0, 0))
            if info is not name:
                info.filename = name
            info.compress_type = method
            packed.writestr(info, content)
    return data.getvalue()


def link_to(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def unpacked(place: Path, name: str, data: bytes, **bounds) -> tuple[dict[str, bytes], list[tuple[str, str]]]:
    """What is in the folder afterwards, and the notes without the archive's name."""
    (place / name).write_bytes(data)
    notes = Notes()
    folder = unpack(place / name, place / "out", notes, **bounds)
    found = {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    return found, [(item.what.removeprefix(f"{name}: "), item.why.removeprefix("left out: ")) for item in notes.skipped]


def refused(place: Path, name: str, data: bytes, error: type[EvaltrailError] = InputError, **bounds) -> EvaltrailError:
    """The error of an archive that leaves nothing behind."""
    (place / name).write_bytes(data)
    notes = Notes()
    with pytest.raises(error) as caught:
        unpack(place / name, place / "out", notes, **bounds)
    assert names_in(place) == [name]
    assert notes.skipped == ()
    return caught.value

"""Write a bundle folder: all of it or none of it."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec

from evaltrail.bundle import layout
from evaltrail.bundle.folders import (
    beside,
    link_or_copy,
    make_private,
    place_folder,
    storage_error,
    sync_below,
    write_whole,
)
from evaltrail.core.artifact import Role
from evaltrail.core.errors import InputError
from evaltrail.core.result import ResultBundle

_ROLES: dict[str, tuple[Role, str]] = {
    layout.REQUEST: ("required", "application/json"),
    layout.RESULTS: ("required", "application/json"),
    layout.SAMPLES: ("required", "application/vnd.apache.parquet"),
    layout.REPORT: ("required", "text/markdown"),
    layout.LOG: ("log", "text/plain"),
}


def write_bundle(folder: Path, build: Callable[[Path], ResultBundle]) -> None:
    """Put a bundle under its name; what was there before goes only when the new one is whole.

    Args:
        folder: where the bundle is to be found.
        build: writes the files beside the manifest into the (temporary) folder it is given, and answers what the
            bundle says; its artifacts are those of the layout, what programs left, and whichever it names itself.

    Raises:
        StorageError: the disk refuses; nothing of the bundle is left behind.
    """
    make_private(folder.parent)
    made = make_private(beside(folder))
    try:
        bundle = build(made)
        write_whole(made / layout.MANIFEST, _manifest(bundle, made))
        sync_below(made)  # what it was made of may go once it has its name
        place_folder(made, folder)
    except OSError as error:
        raise storage_error(error, folder) from error
    finally:
        shutil.rmtree(made, ignore_errors=True)


def copy_bundle(folder: Path, wanted: Path) -> None:
    """Show a bundle under a second name, by hard links where the file system has them.

    Raises:
        StorageError: the disk refuses.
    """
    made = beside(wanted)
    try:
        wanted.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(folder, made, copy_function=_shown, ignore=shutil.ignore_patterns(layout.ANSWERS))
        place_folder(made, wanted)
    except OSError as error:
        raise storage_error(error, wanted) from error
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _shown(source: str, target: str) -> None:
    """Samples by link; what people edit as a copy, so that the bundle stays as it is."""
    if source.endswith(".parquet"):
        link_or_copy(source, target)
    else:
        shutil.copy2(source, target)


def check_out(wanted: Path) -> None:
    """Make sure that a folder may be used for a bundle: new, empty, or holding an earlier bundle.

    Raises:
        InputError: it holds something else, or cannot be written.
    """
    where = str(wanted)
    if wanted.exists() and not wanted.is_dir():
        raise InputError("--out names a file, a folder is wanted", code="bad_out", where=where)
    if wanted.is_dir() and any(wanted.iterdir()) and not (wanted / layout.MANIFEST).is_file():
        raise InputError(
            "--out holds other files", code="bad_out", where=where, hint="name a new folder, or one of ours"
        )
    above = next(parent for parent in (wanted, *wanted.absolute().parents) if parent.exists())
    if not os.access(above, os.W_OK):
        raise InputError("--out cannot be written", code="bad_out", where=where)


def _manifest(bundle: ResultBundle, folder: Path) -> bytes:
    files = [(path, role, kind) for path, (role, kind) in _ROLES.items() if (folder / path).is_file()]
    files += [(item.path, item.role, item.media_type) for item in bundle.artifacts if _is_further(item.path, folder)]
    left = sorted(file for file in (folder / layout.LEFT).rglob("*") if file.is_file() and not file.is_symlink())
    files += [(file.relative_to(folder).as_posix(), "extra", media_type(file)) for file in left]
    entries = tuple(_entry(folder, *about) for about in files)
    manifest = layout.Manifest(
        schema_version=layout.SCHEMA_VERSION,
        id=bundle.id,
        kind=bundle.kind,
        name=bundle.name,
        origin=bundle.origin,
        model=bundle.model,
        tasks=tuple(replace(task, samples=None) for task in bundle.tasks),
        params=bundle.params,
        tags=bundle.tags,
        artifacts=entries,
        status=bundle.status,
        started_at=bundle.started_at,
        ended_at=bundle.ended_at,
        skipped=bundle.skipped,
    )
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1)


def _is_further(path: str, folder: Path) -> bool:
    """Whether a file was put beside those that every bundle has."""
    return path not in _ROLES and (folder / path).is_file()


def media_type(file: Path) -> str:
    """By the file's ending, of the few that harnesses leave."""
    kinds = {
        ".json": "application/json",
        ".jsonl": "application/x-ndjson",
        ".log": "text/plain",
        ".md": "text/markdown",
    }
    return kinds.get(file.suffix, "application/octet-stream")


def _entry(folder: Path, path: str, role: Role, media_type: str) -> layout.Entry:
    file = folder / path
    with file.open("rb") as data:
        content = hashlib.file_digest(data, "sha256").hexdigest()
    return layout.Entry(path=path, role=role, media_type=media_type, size_bytes=file.stat().st_size, sha256=content)

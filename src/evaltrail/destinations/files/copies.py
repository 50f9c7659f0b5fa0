"""Copies of a job's files beside its summary: whole or absent, and without the secrets among the texts."""

from __future__ import annotations

import secrets as randomness
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path, PurePosixPath

from evaltrail.bundle.folders import storage_error
from evaltrail.config.redaction import redact_file
from evaltrail.core.artifact import Artifact
from evaltrail.core.errors import InputError


def copy_artifact(item: Artifact, folder: Path, secrets: Iterable[str]) -> Path:
    """Where the copy of a file now lies; one that was there is replaced.

    Args:
        item: whose path leads nowhere else than below the folder.
        folder: of the job; made where it is missing.
        secrets: values that no text may hold.

    Raises:
        InputError: the file cannot be read, or its path leads elsewhere.
        StorageError: the disk refuses.
    """
    path = PurePosixPath(item.path)
    if path.is_absolute() or not path.parts or ".." in path.parts:
        raise InputError(f"the file {item.path!r} would leave its folder", code="bad_path", where=str(item.file))
    target = folder / path
    token = randomness.token_hex(6)
    made, clean = (target.with_name(f".evaltrail-{token}.{ending}") for ending in ("tmp", "clean"))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        is_cleaned = item.may_hold_secrets and redact_file(item.file, clean, secrets)
        _copy(clean if is_cleaned else item.file, made)
        made.replace(target)
    except OSError as error:
        raise storage_error(error, target) from error
    finally:
        for left in (made, clean):
            with suppress(OSError):  # not there, as it should be, or nor is its folder
                left.unlink()
    return target


def _copy(source: Path, target: Path) -> None:
    try:
        data = source.open("rb")
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(
            f"cannot be read: {reason}", code="unreadable", where=str(source), hint="the other jobs are exported"
        ) from error
    with data, target.open("wb") as out:
        shutil.copyfileobj(data, out)

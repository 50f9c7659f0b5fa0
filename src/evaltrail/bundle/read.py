"""Open a bundle folder: the manifest now, the samples when they are iterated. Reader `bundle`, format version 1."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec

from evaltrail.bundle import layout
from evaltrail.bundle.columns import ParquetSamples
from evaltrail.core.artifact import Artifact
from evaltrail.core.decoding import decoded
from evaltrail.core.errors import InputError
from evaltrail.core.result import ResultBundle


def read_bundle(folder: Path) -> ResultBundle:
    """The bundle in a folder.

    Raises:
        InputError: there is none, it is of a newer format, or a file is missing.
    """
    file = folder / layout.MANIFEST
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise InputError(f"no bundle is here: {error.strerror}", code="no_bundle", where=str(folder)) from error
    manifest = _decode(raw, file)
    samples = folder / layout.SAMPLES
    return ResultBundle(
        id=manifest.id,
        kind=manifest.kind,
        name=manifest.name,
        origin=manifest.origin,
        model=manifest.model,
        tasks=tuple(
            replace(task, samples=ParquetSamples(samples, task.name) if samples.is_file() else None)
            for task in manifest.tasks
        ),
        params=manifest.params,
        tags=manifest.tags,
        artifacts=tuple(_artifact(folder, entry) for entry in manifest.artifacts),
        status=manifest.status,
        started_at=manifest.started_at,
        ended_at=manifest.ended_at,
        skipped=manifest.skipped,
    )


def _decode(raw: bytes, file: Path) -> layout.Manifest:
    try:
        version = decoded(raw, dict[str, object]).get("schema_version")
        if isinstance(version, int) and version > layout.SCHEMA_VERSION:
            raise InputError(
                f"the bundle has format {version}, this evaltrail reads up to {layout.SCHEMA_VERSION}",
                code="newer_bundle",
                where=str(file),
                hint="upgrade evaltrail",
            )
        return decoded(raw, layout.Manifest)
    except msgspec.DecodeError as error:
        raise InputError(f"the manifest cannot be read: {error}", code="broken_bundle", where=str(file)) from error


def _artifact(folder: Path, entry: layout.Entry) -> Artifact:
    file = folder / entry.path
    if ".." in Path(entry.path).parts or not file.resolve().is_relative_to(folder.resolve()):
        raise InputError(f"the artifact {entry.path!r} leaves its folder", code="broken_bundle", where=str(folder))
    if not file.is_file():
        raise InputError(f"the artifact {entry.path!r} is not there", code="broken_bundle", where=str(folder))
    return Artifact(
        path=entry.path,
        file=file,
        role=entry.role,
        media_type=entry.media_type,
        size_bytes=entry.size_bytes,
        sha256=entry.sha256,
        may_hold_secrets=entry.path.startswith(f"{layout.LEFT}/"),  # written by a program that is not ours
    )

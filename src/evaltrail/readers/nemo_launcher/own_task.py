"""What a job of ours keeps beside the launcher's documents: its bundle, which says more than ``results.yml`` can.

``artifacts/bundle/``: every sample, each metric with interval and what is unscored, usage, data set.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from evaltrail.bundle.layout import MANIFEST
from evaltrail.bundle.read import read_bundle
from evaltrail.core.artifact import Artifact
from evaltrail.core.errors import InputError
from evaltrail.core.result import ResultBundle
from evaltrail.readers.notes import Notes

_PLACE = Path("artifacts", "bundle")


def own_bundle(folder: Path, notes: Notes) -> ResultBundle | None:
    """The bundle of a job of ours, None where there is none.

    Args:
        folder: the job's.
        notes: told when there is one that cannot be read.
    """
    place = folder / _PLACE
    if not (place / MANIFEST).is_file():
        return None
    try:
        bundle = read_bundle(place)
    except (InputError, msgspec.MsgspecError, RecursionError, OSError) as error:
        notes.skip((_PLACE / MANIFEST).as_posix(), f"it cannot be read: {error}")
        return None
    return bundle if len(bundle.tasks) == 1 else None


def with_own_files(artifacts: Sequence[Artifact], own: ResultBundle | None, task: str) -> tuple[Artifact, ...]:
    """The files of a job, those of its bundle with the roles that the bundle gives them.

    Args:
        artifacts: every file of the job.
        own: its bundle, where it has one.
        task: the task that they belong to.
    """
    if own is None:
        return tuple(artifacts)
    inner = f"{_PLACE.as_posix()}/"
    files = (replace(artifact, path=inner + artifact.path, task=task) for artifact in own.artifacts)
    return (*(artifact for artifact in artifacts if not artifact.path.startswith(inner)), *files)

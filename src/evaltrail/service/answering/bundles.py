"""The bundle of an evaluation, once there is one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from evaltrail.bundle.layout import MANIFEST
from evaltrail.bundle.read import read_bundle
from evaltrail.core.result import ResultBundle, TaskResult


def bundle_folder(home: Path, evaluation_id: str) -> Path:
    """Where the bundle of an evaluation lies, once there is one."""
    return home / "runs" / evaluation_id


def open_bundle(home: Path, evaluation_id: str) -> ResultBundle | None:
    """The bundle of an evaluation, its samples unread; None where there is none, or none yet.

    Raises:
        InputError: it cannot be read.
    """
    folder = bundle_folder(home, evaluation_id)
    return read_bundle(folder) if (folder / MANIFEST).is_file() else None


def empty_benchmarks(found: Sequence[Sequence[TaskResult]]) -> Mapping[int, str]:
    """Those of which every result says that it failed, each with the first reason that is told."""
    return {
        number: next((result.error for result in own if result.error), "")
        for number, own in enumerate(found)
        if own and all(result.status == "failed" for result in own)
    }

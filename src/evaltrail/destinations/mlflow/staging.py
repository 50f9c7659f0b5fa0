"""Files made for a delivery: tables of samples, the name map, copies without secrets; kept until it has landed."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path

import msgspec

from evaltrail.bundle.columns import SamplesWriter
from evaltrail.bundle.folders import disk_now, link_or_copy, make_private, storage_error, write_whole
from evaltrail.config.redaction import redact_file
from evaltrail.core.delivery import DeliveryOptions
from evaltrail.core.errors import EvaltrailError, InputError
from evaltrail.core.result import ResultBundle
from evaltrail.destinations.mlflow.run_plan import (
    NAME_MAP_FILE,
    SAMPLES_FILE,
    TABLE_FILE,
    PlannedArtifact,
    PlannedTraces,
    RunPlan,
)
from evaltrail.destinations.mlflow.samples import write_table
from evaltrail.destinations.mlflow.traces import sample_traces

_SAMPLES_LOOKED_AT = 100
_ABANDONED_S = 3600.0
"""Longer than any attempt needs between making its files and noting them in the outbox."""


def stage(plan: RunPlan, bundle: ResultBundle, options: DeliveryOptions, outbox_folder: Path) -> RunPlan:
    """The plan with every file named absolutely; what had to be made lies below the outbox.

    Raises:
        InputError: a file or its samples cannot be read.
        StorageError: the disk refuses.
    """
    folder = staging_folder(outbox_folder) / plan.key / secrets.token_hex(8)
    part = _part(bundle, plan.task)
    try:
        artifacts = tuple(
            _given(item, part, folder / str(number), outbox_folder)
            if item.file
            else _made(item, plan, part, options, folder)
            for number, item in enumerate(plan.artifacts)
        )
        traces = _traced(plan, part, folder)
    except (EvaltrailError, OSError) as error:
        _remove(folder)
        if isinstance(error, OSError):
            raise storage_error(error, folder) from error
        raise
    with suppress(OSError):  # something had to be made
        folder.rmdir()
        folder.parent.rmdir()
    return replace(plan, artifacts=artifacts, traces=traces)


def unstage(plan: RunPlan, outbox_folder: Path) -> None:
    """Remove what this attempt made for a delivery that has landed; another attempt has a folder of its own."""
    staged = staging_folder(outbox_folder) / plan.key
    files = [Path(name) for name in (plan.traces.file, *(item.file for item in plan.artifacts))]
    for folder in {file.parent for file in files if file.is_relative_to(staged)}:
        _remove(folder)


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):  # another attempt at the key is still there
        folder.parent.rmdir()


def sweep(outbox_folder: Path, waiting: Collection[str]) -> None:
    """Remove what attempts left behind that were killed or overtaken.

    Args:
        outbox_folder: of the outbox.
        waiting: keys of the deliveries that still need their files.
    """
    staged = staging_folder(outbox_folder)
    now_s = disk_now(outbox_folder)
    for folder in staged.iterdir() if staged.is_dir() else ():
        with suppress(OSError):  # it has gone meanwhile
            if folder.name not in waiting and now_s - folder.stat().st_mtime > _ABANDONED_S:
                shutil.rmtree(folder, ignore_errors=True)


def staging_folder(outbox_folder: Path) -> Path:
    """Below it lie the files made for deliveries, a folder for each attempt at a key."""
    return outbox_folder / "staged"


def passing_folder(outbox_folder: Path) -> Path:
    """Where files lie that are gone when the command ends, such as those of archives; a delivery gets its own."""
    return outbox_folder / "unpacked"


def _part(bundle: ResultBundle, task: str) -> ResultBundle:
    return replace(bundle, tasks=tuple(each for each in bundle.tasks if each.name == task)) if task else bundle


def _given(item: PlannedArtifact, bundle: ResultBundle, target: Path, outbox_folder: Path) -> PlannedArtifact:
    """A file of the result: where it is, or a copy without secrets, or a copy of what is gone when the command ends."""
    source = Path(item.file).absolute()
    if not source.is_file():
        return replace(item, file=str(source))  # the receipt tells that it is missing
    make_private(target.parent)
    made = _beside(target)
    if item.may_hold_secrets and _redacted(source, made, bundle.secrets):
        made.replace(target)
    elif source.is_relative_to(passing_folder(outbox_folder)):
        link_or_copy(source, made)
        made.replace(target)
    else:
        return replace(item, file=str(source))
    return replace(item, file=str(target))


def _redacted(source: Path, target: Path, known: Iterable[str]) -> bool:
    try:
        return redact_file(source, target, known)
    except OSError as error:
        if error.filename != str(source):
            raise
        raise InputError(
            f"cannot be read: {error.strerror}", code="unreadable", where=str(source), hint="the other results land"
        ) from error


def _made(
    item: PlannedArtifact, plan: RunPlan, bundle: ResultBundle, options: DeliveryOptions, folder: Path
) -> PlannedArtifact:
    made = make_private(folder) / item.path
    if item.path == TABLE_FILE:
        write_table(bundle, made, rows=options.table_rows)
    elif item.path == SAMPLES_FILE:
        _write_samples(bundle, made)
    elif item.path == NAME_MAP_FILE:
        write_whole(made, msgspec.json.format(msgspec.json.encode(plan.names)))
    return replace(item, file=str(made))


def _traced(plan: RunPlan, bundle: ResultBundle, folder: Path) -> PlannedTraces:
    """The traces, written to a file of this attempt alone."""
    if not plan.traces.choice:
        return plan.traces
    file, count = make_private(folder) / "traces.jsonl", 0
    with file.open("wb") as lines:
        for trace in sample_traces(bundle, plan, plan.traces.choice):
            lines.write(msgspec.json.encode(trace) + b"\n")
            count += 1
    return replace(plan.traces, file=str(file), count=count)


def _write_samples(bundle: ResultBundle, file: Path) -> None:
    names = [
        name
        for task in bundle.tasks
        for sample in islice(iter(task.samples or ()), _SAMPLES_LOOKED_AT)
        for name in sample.scores
    ]
    made = _beside(file)
    with SamplesWriter(made, names) as table:
        for task in bundle.tasks:
            for sample in task.samples or ():
                table.add(task.name, sample)
    made.replace(file)


def _beside(file: Path) -> Path:
    """Where a file is made until it is whole: another process may be sending the same."""
    return file.with_name(f".{file.name}.{secrets.token_hex(4)}.tmp")

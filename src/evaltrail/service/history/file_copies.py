"""Copies of the artifacts and logs of jobs and evaluations, below a folder that a person names."""

from __future__ import annotations

import filecmp
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from evaltrail.bundle.folders import storage_error
from evaltrail.bundle.layout import ANSWERS, MANIFEST
from evaltrail.config.secret_names import may_hold_keys
from evaltrail.core.delivery import Skipped
from evaltrail.core.errors import InputError
from evaltrail.core.ids import slug
from evaltrail.service.history.evaluations import no_bundle
from evaltrail.store.executions import Job
from evaltrail.store.job_files import SPEC
from evaltrail.store.ledger import Entry

_LOGS = "logs"
_ARTIFACTS = "artifacts"


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyOrder:
    """Where copies go; None = none of these are made."""

    artifacts: Path | None = None
    logs: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileCopy:
    """One file and its copy."""

    source: Path
    target: Path
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Copies:
    """What was copied, and what was not."""

    files: tuple[FileCopy, ...]
    skipped: tuple[Skipped, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tree:
    """A folder whose files are copied."""

    owner: Path
    """The job's or the bundle's folder, which no link may leave."""
    source: Path
    target: Path
    left_out: frozenset[str] = frozenset()
    """Names directly in it that are not meant."""


def copy_job_files(jobs: Sequence[Job], order: CopyOrder) -> Copies:
    """Copies of jobs' files: ``DIR/<invocation>/<job's folder>/artifacts/...`` and ``.../logs/...``.

    Files that may hold keys are not copied, nor are links that leave the job's folder. Nothing is copied where a file
    with other content stands in the way.

    Args:
        jobs: of the execution database.
        order: what to copy, and where to.

    Raises:
        InputError: there is nothing to copy, or another file stands in the way.
        StorageError: the disk refuses.
    """
    gone: list[Skipped] = []
    trees: list[_Tree] = []
    for job in jobs:
        if job.folder is None or not job.folder.is_dir():
            gone.append(Skipped(what=job.id, why="its folder is not here"))
            continue
        for name, to in ((_ARTIFACTS, order.artifacts), (_LOGS, order.logs)):
            if to is not None:
                target = to / slug(job.invocation_id) / _name(job, jobs) / name
                trees.append(_Tree(owner=job.folder, source=job.folder / name, target=target))
    return _copied(trees, gone)


def copy_bundle_files(entry: Entry, order: CopyOrder) -> Copies:
    """Copies of the bundle of an evaluation of ours: ``DIR/<evaluation>/...``, its logs below ``logs``.

    Args:
        entry: of the ledger.
        order: what to copy, and where to.

    Raises:
        InputError: there is no finished bundle, or another file stands in the way.
        StorageError: the disk refuses.
    """
    if not (entry.out / MANIFEST).is_file():
        raise no_bundle(entry)
    trees = []
    if order.artifacts is not None:
        target = order.artifacts / entry.id
        trees.append(_Tree(owner=entry.out, source=entry.out, target=target, left_out=frozenset({_LOGS})))
    if order.logs is not None:
        trees.append(_Tree(owner=entry.out, source=entry.out / _LOGS, target=order.logs / entry.id / _LOGS))
    return _copied(trees, [])


def _copied(trees: Sequence[_Tree], skipped: list[Skipped]) -> Copies:
    files = [copy for tree in trees for copy in _planned(tree, skipped)]
    if not files:
        why = f": {skipped[0].what}: {skipped[0].why}" if skipped else ""
        raise InputError(
            f"there is nothing to copy{why}", code="nothing_to_copy", hint="`evaltrail status ID` tells how far it is"
        )
    missing = [copy for copy in files if not _stands(copy)]
    for copy in missing:
        _put(copy)
    return Copies(files=tuple(files), skipped=tuple(skipped))


def _planned(tree: _Tree, skipped: list[Skipped]) -> Iterator[FileCopy]:
    """The copies to make of a folder's files, in order; what is left out is told."""
    owner = tree.owner.resolve()
    if tree.target.resolve().is_relative_to(owner):
        raise InputError(
            "the copies would lie among what is copied",
            code="bad_copy_dir",
            where=str(tree.target),
            hint="name a folder outside of the job's",
        )
    if tree.source.is_symlink():
        skipped.append(Skipped(what=str(tree.source), why="it is a link"))
        return

    def unread(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            skipped.append(Skipped(what=str(error.filename), why=f"it cannot be read: {error.strerror}"))

    for folder, folders, names in os.walk(tree.source, onerror=unread):
        here = Path(folder)
        is_top = here == tree.source
        folders[:] = sorted(each for each in folders if not (is_top and each in tree.left_out))
        if MANIFEST in names:  # answers serve only the home that they were asked from
            folders[:] = [each for each in folders if each != ANSWERS]
        for name in [*sorted(names), *(each for each in folders if (here / each).is_symlink())]:
            file = here / name
            why = _why_not(file, owner)
            if why:
                skipped.append(Skipped(what=str(file), why=why))
            else:
                target = tree.target / file.relative_to(tree.source)
                yield FileCopy(source=file, target=target, size_bytes=file.stat().st_size)


def _why_not(file: Path, owner: Path) -> str:
    """Why a file is not copied; empty where it is."""
    if may_hold_keys(file.name) or file.name == SPEC:
        return "it may hold keys"
    if file.is_symlink():
        led = file.resolve()
        if not led.is_relative_to(owner) or may_hold_keys(led.name) or led.name == SPEC:
            return "it is a link that leads elsewhere"
    if not file.is_file():
        return "it is no file"
    return "" if os.access(file, os.R_OK) else "it cannot be read"


def _stands(copy: FileCopy) -> bool:
    """Whether a copy is there already, byte for byte.

    Raises:
        InputError: something else is.
    """
    target = copy.target
    if not os.path.lexists(target):
        return False
    if target.is_file() and not target.is_symlink() and filecmp.cmp(copy.source, target, shallow=False):
        return True
    raise InputError(
        "another file stands where a copy was to go, and nothing was copied",
        code="file_exists",
        where=str(target),
        hint="move it away, or name another folder",
    )


def _put(copy: FileCopy) -> None:
    temporary = copy.target.with_name(f".{copy.target.name}.{os.getpid()}.tmp")
    try:
        copy.target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(copy.source, temporary)
        temporary.replace(copy.target)
    except OSError as error:
        raise storage_error(error, copy.target) from error
    finally:
        with suppress(OSError):  # a file in the place of a folder
            temporary.unlink(missing_ok=True)


def _name(job: Job, jobs: Sequence[Job]) -> str:
    """What a job's folder is called; its id where two of an invocation are called the same, or that is no name."""
    name = job.folder.name if job.folder else ""
    same = [each for each in jobs if each.folder and each.folder.name == name]
    is_alone = len({each.id for each in same if each.invocation_id == job.invocation_id}) == 1
    return name if is_alone and name not in {"", ".", ".."} else slug(job.id)

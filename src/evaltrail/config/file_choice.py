"""Which files of a result leave its folder: by role and pattern, and never what may hold keys."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from evaltrail.config.secret_names import may_hold_keys
from evaltrail.core.artifact import Artifact, Role
from evaltrail.core.delivery import Skipped


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChoice:
    """The files that are wanted, and what was left out although it was."""

    chosen: tuple[Artifact, ...]
    skipped: tuple[Skipped, ...]


def choose_files(
    artifacts: Iterable[Artifact], roles: Collection[Role], exclude_patterns: Sequence[str] = (), *, task: str = ""
) -> FileChoice:
    """The files with one of the roles, without those that a pattern names or that may hold keys.

    Args:
        artifacts: of a result.
        roles: which are wanted.
        exclude_patterns: globs of paths and file names.
        task: only what belongs to this task, or to all; empty = everything.
    """
    chosen, skipped = [], []
    for item in artifacts:
        if item.role not in roles or (task and item.task not in {"", task}):
            continue
        if may_hold_keys(PurePosixPath(item.path).name):
            skipped.append(Skipped(what=f"artifact {item.path}", why="files that may hold keys are never uploaded"))
        elif not _fits(item.path, exclude_patterns):
            chosen.append(item)
    return FileChoice(chosen=tuple(chosen), skipped=tuple(skipped))


def _fits(path: str, patterns: Sequence[str]) -> bool:
    name = PurePosixPath(path).name
    return any(fnmatchcase(name, pattern) or fnmatchcase(path, pattern) for pattern in patterns)

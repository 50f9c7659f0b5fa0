"""Which files of a bundle a run gets: by role, never what holds keys, under unique legal paths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from evaltrail.config.secret_names import may_hold_keys
from evaltrail.core.artifact import Artifact
from evaltrail.core.delivery import DeliveryOptions, Skipped
from evaltrail.core.result import ResultBundle
from evaltrail.destinations.mlflow.naming import renamed, unique_paths
from evaltrail.destinations.mlflow.run_plan import SAMPLES_FILE, TABLE_FILE, PlannedArtifact


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """The files of one run, what was left out, and the paths that changed."""

    artifacts: tuple[PlannedArtifact, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    renamed: Mapping[str, str]


def run_files(bundle: ResultBundle, options: DeliveryOptions, *, task: str = "") -> Files:
    """The files of a run: those of the bundle that the options ask for, and those made from its samples.

    Args:
        bundle: whose files they are.
        options: roles, patterns, rows of the table.
        task: the one task that the run holds; empty = all.
    """
    if not options.artifact_roles:
        return Files(renamed={})
    chosen, skipped = _chosen(bundle.artifacts, options, task)
    paths = unique_paths(item.path for item in chosen)
    planned = [
        PlannedArtifact(
            path=paths[item.path],
            file=str(item.file),
            is_required=item.role == "required",
            may_hold_secrets=item.may_hold_secrets,
        )
        for item in chosen
    ]
    has_samples = any(each.samples is not None for each in bundle.tasks if task in {"", each.name})
    made = (SAMPLES_FILE, TABLE_FILE) if options.table_rows > 0 else (SAMPLES_FILE,)
    if has_samples:
        planned += [PlannedArtifact(path=path) for path in made if path not in paths.values()]
    return Files(artifacts=tuple(planned), skipped=tuple(skipped), renamed=renamed(paths))


def _chosen(artifacts: Sequence[Artifact], options: DeliveryOptions, task: str) -> tuple[list[Artifact], list[Skipped]]:
    chosen, skipped = [], []
    for item in artifacts:
        if item.role not in options.artifact_roles or (task and item.task not in {"", task}):
            continue
        if may_hold_keys(PurePosixPath(item.path).name):
            skipped.append(Skipped(what=f"artifact {item.path}", why="files that may hold keys are never uploaded"))
        elif not _fits(item.path, options.exclude_patterns):
            chosen.append(item)
    return chosen, skipped


def _fits(path: str, patterns: Sequence[str]) -> bool:
    name = PurePosixPath(path).name
    return any(fnmatchcase(name, pattern) or fnmatchcase(path, pattern) for pattern in patterns)

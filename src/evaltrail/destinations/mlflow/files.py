"""Which files of a bundle a run gets: by role, never what holds keys, under unique legal paths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from evaltrail.config.file_choice import choose_files
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
    choice = choose_files(bundle.artifacts, options.artifact_roles, options.exclude_patterns, task=task)
    paths = unique_paths(item.path for item in choice.chosen)
    planned = [
        PlannedArtifact(
            path=paths[item.path],
            file=str(item.file),
            is_required=item.role == "required",
            may_hold_secrets=item.may_hold_secrets,
        )
        for item in choice.chosen
    ]
    has_samples = any(each.samples is not None for each in bundle.tasks if task in {"", each.name})
    made = (SAMPLES_FILE, TABLE_FILE) if options.table_rows > 0 else (SAMPLES_FILE,)
    if has_samples:
        planned += [PlannedArtifact(path=path) for path in made if path not in paths.values()]
    return Files(artifacts=tuple(planned), skipped=choice.skipped, renamed=renamed(paths))

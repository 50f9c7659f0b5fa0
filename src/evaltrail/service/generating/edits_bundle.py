"""Edits of a data set as a result that can land: how many, which, and what they were made of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from evaltrail.core.artifact import Artifact
from evaltrail.core.dataset import Dataset
from evaltrail.core.metric import MetricValue
from evaltrail.core.result import Origin, ResultBundle, TaskResult
from evaltrail.core.values import Scalar
from evaltrail.core.version import VERSION
from evaltrail.generation.sheets.edits import Edits
from evaltrail.providers.questions.lineage import (
    DATASET_TAG,
    EDITS_PROVIDER,
    GENERATION_RUN_TAG,
    UPLOAD_TAG,
    VERSION_TAG,
    joined_ids,
)
from evaltrail.store.dataset_store import DatasetVersion

PARENT_TAG = "evaltrail.parent_version"
DIFFERENCE_FILE = "difference.csv"
NO_DIFFERENCE_FILE = "no_difference.csv"
"""Beside a version that came back as it is: what lands then as the difference."""
_QUESTIONS_FILE = "questions.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class EditedDataset:
    """A file of questions that came back, and where it belongs."""

    name: str
    """Of the file."""
    edits: Edits
    dataset: DatasetVersion
    """The version that it made; where nothing was changed, the one that came back."""
    parent: DatasetVersion | None
    """The version that was edited; None = there was none."""
    first: DatasetVersion
    """Version of the data set, which a generation may have made."""
    folder: Path
    """Of the version's files."""


def edits_bundle(edited: EditedDataset, *, identity: str, part: str, at: datetime) -> ResultBundle:
    """The result.

    Args:
        edited: the data set.
        identity: of the result, 16 hex digits.
        part: name of it among other results of its run; empty = it has the run for itself.
        at: when it came; aware UTC.
    """
    edits, dataset, parent = edited.edits, edited.dataset, edited.parent
    figures = {
        "added": len(edits.added),
        "removed": len(edits.removed),
        "changed": len(edits.changed),
        "unchanged": edits.unchanged,
        "questions": dataset.count,
    }
    params: dict[str, Scalar] = {"file": edited.name, "dataset": dataset.dataset_id, "dataset_version": dataset.version}
    if parent is not None:
        params["parent_version"] = parent.version
    task = TaskResult(
        name=part or "edits",
        provider=EDITS_PROVIDER,
        provider_version=VERSION,
        prefix=part,
        config=params,
        metrics=tuple(
            MetricValue(name=each, value=count, better="neither", is_grade=False) for each, count in figures.items()
        ),
        inputs=() if parent is None else (_input(parent),),
    )
    return ResultBundle(
        id=identity,
        kind="generation",
        name=f"edits of {dataset.name}",
        origin=Origin(producer="evaltrail", version=VERSION),
        tasks=(task,),
        tags=_tags(edited),
        artifacts=tuple(
            Artifact(path=path, file=edited.folder / file, role="required", media_type="text/csv")
            for path, file in (
                (_QUESTIONS_FILE, _QUESTIONS_FILE),
                (DIFFERENCE_FILE, NO_DIFFERENCE_FILE if edits.is_nothing else DIFFERENCE_FILE),
            )
            if (edited.folder / file).is_file()
        ),
        started_at=at,
        ended_at=at,
    )


def _input(version: DatasetVersion) -> Dataset:
    return Dataset(
        name=version.name,
        digest=version.digest,
        source=f"dataset:{version.dataset_id}@{version.version}",
        size=version.count,
        context="generation",
    )


def _tags(edited: EditedDataset) -> dict[str, str]:
    dataset, parent, first = edited.dataset, edited.parent, edited.first
    tags = {DATASET_TAG: dataset.dataset_id, VERSION_TAG: str(dataset.version)}
    if parent is not None:
        tags[PARENT_TAG] = str(parent.version)
    if first.generation_id and first.run_id:
        tags[GENERATION_RUN_TAG] = first.run_id
    if dataset.upload_ids:
        tags[UPLOAD_TAG] = joined_ids(dataset.upload_ids)
    return tags

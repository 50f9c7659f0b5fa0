"""Lineage: the tags by which runs on questions are found from those before them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import get_args

from evaltrail.core.generation import GeneratorName
from evaltrail.store.dataset_store import DatasetVersion

UPLOAD_TAG = "evaltrail.upload"
"""Digest of the document, on its own run and on every run that came of it."""
UPLOAD_RUN_TAG = "evaltrail.upload_run_id"
"""Of a generation: the runs of its documents."""
DATASET_TAG, VERSION_TAG = "evaltrail.dataset", "evaltrail.dataset_version"
"""Which data set, and which version of it, came of a run or was evaluated on."""
GENERATION_RUN_TAG = "evaltrail.generation_run_id"
UPLOAD_PROVIDER, EDITS_PROVIDER = "upload", "edits"
GENERATORS = frozenset(get_args(GeneratorName))
"""Who made what a run holds: a document, edits, the questions of a generation."""
MAKERS = GENERATORS | {EDITS_PROVIDER}
"""Of these a run holds a version of a data set."""
LINEAGE = "lineage"
"""Setting of a version that is a copy: the tags of the questions that it is a copy of."""
_MOST_TAGGED = 100
"""Ids in one tag; what MLflow keeps of a tag is 8,000 characters."""


def joined_ids(ids: Sequence[str]) -> str:
    """Ids with commas between, as many as a tag takes."""
    return ",".join(ids[:_MOST_TAGGED])


def lineage_of(version: DatasetVersion) -> dict[str, str]:
    """The tags by which an evaluation is found from what its data set was made of."""
    copied = version.settings.get(LINEAGE)
    if isinstance(copied, Mapping) and copied:
        return {str(name): str(value) for name, value in copied.items()}
    known = {
        DATASET_TAG: version.dataset_id,
        VERSION_TAG: str(version.version),
        GENERATION_RUN_TAG: version.run_id,
        UPLOAD_TAG: joined_ids(version.upload_ids),
    }
    return {name: value for name, value in known.items() if value}

"""What questions that were fetched from MLflow came of: told by the run that holds them, else by what they say."""

from __future__ import annotations

from pathlib import PurePosixPath
from urllib.parse import unquote

from evaltrail.config.settings import Settings
from evaltrail.core.errors import DestinationError
from evaltrail.destinations.mlflow.known_run import KnownRun, find_run
from evaltrail.destinations.mlflow.run_plan import PROVIDER_TAG
from evaltrail.providers.questions.lineage import (
    DATASET_TAG,
    GENERATION_RUN_TAG,
    MAKERS,
    UPLOAD_TAG,
    VERSION_TAG,
    lineage_of,
)
from evaltrail.service.generating.question_set import FETCHED
from evaltrail.service.working.dataset_reference import RUN_FILE
from evaltrail.store.dataset_store import DatasetStore

_FILE = "questions.csv"


def fetched_lineage(reference: str, digest: str, store: DatasetStore, settings: Settings) -> dict[str, str]:
    """The lineage tags of an evaluation on a file of MLflow; empty where nobody here knows what it came of.

    Args:
        reference: ``runs:/RUN_ID/PATH`` or ``mlflow-artifacts:/PATH``.
        digest: of its questions.
        store: of data sets, of which one may hold the same.
        settings: of this process.
    """
    return _of_run(reference, settings) or _of_content(digest, store)


def _of_run(reference: str, settings: Settings) -> dict[str, str]:
    """What a generation's or edits' own run says of its questions; a run that is away or another's says nothing."""
    match = RUN_FILE.fullmatch(reference)
    path = PurePosixPath(unquote(match["path"])) if match else PurePosixPath()
    if match is None or path.name != _FILE:
        return {}
    try:
        run = find_run(match["run"], settings.tracking_uri, environ=settings.environ)
    except DestinationError:
        return {}
    part = "" if path.parent == PurePosixPath() else f".{path.parent}"
    return {} if run is None else _tags(run, part)


def _tags(run: KnownRun, part: str) -> dict[str, str]:
    """Those of one result of a run; edits that landed in it stand under the name of their part."""
    if run.tags.get(PROVIDER_TAG + part) not in MAKERS or DATASET_TAG + part not in run.tags:
        return {}
    kept = {name: run.tags.get(name + part, "") for name in (DATASET_TAG, VERSION_TAG, UPLOAD_TAG)}
    return {name: value for name, value in kept.items() if value} | {GENERATION_RUN_TAG: run.run_id}


def _of_content(digest: str, store: DatasetStore) -> dict[str, str]:
    held = store.newest(lambda version: version.digest == digest and FETCHED not in version.settings)
    return {} if held is None else lineage_of(held)

"""Questions that an evaluation names by a reference into MLflow: fetched once, and kept as a data set of its own."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from evaltrail.bundle.folders import make_private
from evaltrail.config.settings import Settings
from evaltrail.core.errors import InputError
from evaltrail.destinations.mlflow.fetching import fetch_artifact
from evaltrail.generation.sheets.files import read_questions
from evaltrail.providers.questions.lineage import LINEAGE
from evaltrail.service.generating.question_set import FETCHED, questions_digest, write_all
from evaltrail.service.working.dataset_reference import FETCHING, fetched_id, reference_of
from evaltrail.service.working.fetched_lineage import fetched_lineage
from evaltrail.store.dataset_store import DatasetFacts, DatasetStore

_LIMIT_BYTES = 100_000_000


def fetch_dataset(task: str, evaluation_id: str, settings: Settings) -> None:
    """Have the data set of a reference, which is fetched where this is the first to ask for it.

    Args:
        task: as it was accepted.
        evaluation_id: of the evaluation.
        settings: of this process.

    Raises:
        InputError: there is no such file, it is too large, or it holds no questions.
        DestinationError: MLflow is away, or refuses.
        StorageError: the disk refuses.
    """
    store, dataset_id = DatasetStore(settings.question_sets_folder), fetched_id(task, evaluation_id)
    if _is_there(store, dataset_id):
        return
    reference = reference_of(task)
    with TemporaryDirectory(dir=make_private(settings.home / "work"), prefix=FETCHING) as folder:
        file = Path(folder) / f"questions{Path(reference).suffix.lower()}"
        with file.open("wb") as target:
            fetch_artifact(
                reference,
                target,
                tracking_uri=settings.tracking_uri,
                environ=settings.environ,
                limit_bytes=_LIMIT_BYTES,
            )
        questions = read_questions(file, name=reference)
    if not questions:
        raise InputError("no question is in it", code="no_questions", where=reference, hint="name another file")
    content = questions_digest(questions)
    facts = DatasetFacts(
        name=reference,
        digest=content,
        count=len(questions),
        settings={FETCHED: reference, LINEAGE: fetched_lineage(reference, content, store, settings)},
    )
    store.add(lambda place: write_all(place, questions), facts, dataset_id=dataset_id)


def _is_there(store: DatasetStore, dataset_id: str) -> bool:
    try:
        store.get(dataset_id)
    except InputError:
        return False
    return True

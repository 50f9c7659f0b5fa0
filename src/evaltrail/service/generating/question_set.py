"""The data set of a generation: kept once, in every format; the same questions made the same way are the same set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from evaltrail.core.document import Chunk
from evaltrail.core.generation import Generation
from evaltrail.core.ids import digest
from evaltrail.core.question import Question
from evaltrail.generation.sheets.files import write_questions, write_rejects
from evaltrail.providers.questions.passages import PASSAGES_FILE, passage_lines
from evaltrail.store.dataset_store import DatasetFacts, DatasetStore, DatasetVersion

QUESTION_FILES = ("questions.jsonl", "questions.csv", "questions.parquet")
REJECTS_FILE = "rejects.csv"
FETCHED = "fetched"
"""Setting of a set that an evaluation fetched for itself: from where."""
_KEY = "key"
"""Setting that tells documents, plan and model of a generation."""


def questions_digest(questions: Sequence[Question]) -> str:
    """What two sets of questions have in common that hold the same."""
    return digest(msgspec.to_builtins(list(questions)))


def keep_generated(
    generation: Generation,
    store: DatasetStore,
    *,
    key: str,
    name: str,
    upload_ids: Sequence[str],
    generation_id: str,
    chunks: Sequence[Chunk] = (),
) -> DatasetVersion | None:
    """The data set that holds the questions; None where there are none.

    Args:
        generation: whose questions they are.
        store: of data sets.
        key: digest of documents, plan and model.
        name: of the set, for people.
        upload_ids: of the documents.
        generation_id: of the generation.
        chunks: all of the documents; evaluations take distractors of them, and evidence is found by their places.

    Raises:
        BusyError: another generation has not kept its set after a minute.
        StorageError: the disk refuses.
    """
    if not generation.questions:
        return None
    content = questions_digest(generation.questions)
    facts = DatasetFacts(
        name=name,
        digest=content,
        count=generation.accepted,
        upload_ids=tuple(upload_ids),
        generation_id=generation_id,
        settings={_KEY: key},
    )
    with store.turn("generations"):  # of the same that end at once, the first makes the set
        for known in store.list():
            first = known.versions[0]
            if first.settings.get(_KEY) == key and first.digest == content:
                return first
        return store.add(_files_of(generation, chunks), facts)


def write_all(folder: Path, questions: Sequence[Question]) -> None:
    """Write the questions in every format."""
    for file in QUESTION_FILES:
        write_questions(folder / file, questions)


def _files_of(generation: Generation, chunks: Sequence[Chunk]) -> Callable[[Path], None]:
    def build(folder: Path) -> None:
        write_all(folder, generation.questions)
        (folder / PASSAGES_FILE).write_bytes(b"".join(passage_lines(chunks)))
        write_rejects(folder / REJECTS_FILE, generation.rejected)

    return build

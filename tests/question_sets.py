"""Data sets of questions in a store, for the tests that evaluate on them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from evaltrail.core.ids import digest
from evaltrail.core.question import Question
from evaltrail.store.dataset_store import DatasetFacts, DatasetStore, DatasetVersion

CHUNKS = (
    "The museum of Orlen opened in 1874. Its founder was Mira Tolk.",
    "The east wing holds 312 clocks. The oldest clock was made in Varn.",
    "The garden lies behind the west wing. Its pond is fed by the river Lis.",
    "Visitors enter through the blue gate. The gate is open from nine to five.",
)


def question(number: int, query: str, response: str, *, chunk: int = 0, **more: object) -> Question:
    """A question that is answered from the chunk of its number, or of another one."""
    said = {"type": "simple", "difficulty": "easy", "source": "guide.md", "page": 1, "window": number, **more}
    text = CHUNKS[(chunk or number) - 1]
    made = {"id": f"{number:016x}", "query": query, "response": response, "relevant_chunks": (text,), **said}
    return msgspec.convert(made, Question)


QUESTIONS = (
    question(1, "When did the museum of Orlen open?", "1874", type="numeric"),
    question(2, "How many clocks does the east wing hold?", "312", type="numeric", difficulty="medium"),
    question(3, "Which river feeds the pond of the garden?", "Lis", source="garden/plan.pdf"),
    question(4, "Through which gate do visitors enter?", "the blue gate"),
    question(5, "What does a ticket cost?", "unanswerable", type="unanswerable", chunk=4),
)


def keep_questions(
    folder: Path, questions: Sequence[Question] = QUESTIONS, *, dataset_id: str = "", **facts: object
) -> DatasetVersion:
    """A version that holds the questions: the next one of a data set, or the first of a new one.

    Args:
        folder: of the store.
        questions: what it holds.
        dataset_id: of the set that it is the next version of; empty = it begins one.
        facts: ``name``, ``upload_ids``, ``run_id``...
    """

    def build(place: Path) -> None:
        lines = [msgspec.json.encode(each) + b"\n" for each in questions]
        (place / "questions.jsonl").write_bytes(b"".join(lines))

    content = digest(msgspec.to_builtins(list(questions)))
    told = msgspec.convert({"name": "orlen", "digest": content, "count": len(questions), **facts}, DatasetFacts)
    store = DatasetStore(folder)
    return store.add_version(dataset_id, build, told) if dataset_id else store.add(build, told)

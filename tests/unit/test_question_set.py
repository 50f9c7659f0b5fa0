"""The data set of a generation: the same questions made the same way are the same set, with all their passages."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from evaltrail.core.generation import Generation
from evaltrail.core.ids import new_id
from evaltrail.generation.documents.reading import numbered, read_document
from evaltrail.service.generating.question_set import keep_generated
from evaltrail.store.dataset_store import DatasetStore
from generating import generated
from question_service import TOWNS
from question_sets import QUESTIONS


def test_generations_that_end_at_once_share_their_set(tmp_path):
    """Whichever is first makes it; a further set would look like other questions."""
    made = Generation(questions=QUESTIONS, rejected=(), windows=(), unused_chunks=(), requested=len(QUESTIONS))
    store, begin = DatasetStore(tmp_path / "datasets"), Barrier(3)

    def keep(key):
        begin.wait()
        return keep_generated(made, store, key=key, name="q", upload_ids=[], generation_id=new_id()).dataset_id

    with ThreadPoolExecutor(3) as pool:
        same, again, other = pool.map(keep, ["same", "same", "other"])
    assert same == again
    assert sorted(each.id for each in store.list()) == sorted({same, other})


def test_evidence_is_led_back_to_its_characters_in_the_document(tmp_path):
    """The passage of a question's first chunk says where in which document it begins; evidence counts on from it."""
    texts = {
        f"{town}.txt": "\r\n\r\n".join(
            f"The tower of {town} number {place} was built in {1800 + place}. {'Nobody knows why. ' * 60}"
            for place in range(4)
        )
        for town in TOWNS[:2]
    }
    for name, text in texts.items():
        (tmp_path / name).write_bytes(text.encode("utf-8-sig"))
    chunks = numbered(read_document(tmp_path / name, name=name) for name in texts)
    made = generated("", chunks, generator="cloze", types={"numeric": 6})
    store = DatasetStore(tmp_path / "datasets")
    version = keep_generated(made, store, key="k", name="q", upload_ids=[], generation_id=new_id(), chunks=chunks)
    rows = [json.loads(line) for line in (store.folder_of(version) / "passages.jsonl").read_bytes().splitlines()]
    assert [(row["number"], row["text"]) for row in rows] == [(each.number, each.text) for each in chunks]
    assert {row["start"] > 0 for row in rows} == {True, False}
    for question in made.questions:
        row = rows[question.chunk_ids[0] - 1]
        begin, end = row["start"] + question.evidence_start, row["start"] + question.evidence_end
        assert (row["source"], row["page"]) == (question.source, question.page)
        assert texts[row["source"]][begin:end] == question.evidence != ""

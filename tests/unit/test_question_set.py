"""The data set of a generation: the same questions made the same way are the same set."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from evaltrail.core.generation import Generation
from evaltrail.core.ids import new_id
from evaltrail.service.generating.question_set import keep_generated
from evaltrail.store.dataset_store import DatasetStore
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

"""Parts of a task: what each asks is what the whole would have asked there."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counting_model import CountingModel
from evaltrail.bundle.journal import JoinedSamples, Journal, JournalSamples
from evaltrail.core.errors import EndpointError, InputError
from evaltrail.core.progress import Progress
from evaltrail.providers.native import NativeTask
from evaltrail.providers.runner import run_task
from native_tasks import make_task, records, write_data

COUNT = 23


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A task with examples, a seed, repeats and ids of its own."""
    folder = tmp_path_factory.mktemp("whole")
    write_data(folder / "train.jsonl", records(9))
    rows = [{**row, "id": f"id{number}"} for number, row in enumerate(records(COUNT))]
    shots = {"dataset": "train.jsonl", "k": 3, "seed": 5}
    return make_task(folder, rows=rows, request={"seed": 11}, repeats=2, fewshot=shots, id="{{ id }}")


def asked(task: NativeTask) -> list[tuple]:
    """Everything that a task would ask."""
    return [
        (item, repeat, task.prompt(item, repeat), task.reference(item.record), task.attributes(item.record))
        for item in task.items()
        for repeat in range(task.repeats)
    ]


def run(task: NativeTask, file, model=None, told=None) -> None:
    async def work() -> None:
        with Journal(file, task.repeats) as journal:
            await run_task(
                task,
                model or CountingModel(),
                journal,
                concurrency=4,
                stored=lambda _: None,
                on_progress=told or (lambda _: None),
            )

    asyncio.run(work())


@given(st.sets(st.integers(1, COUNT - 1)))
def test_parts_ask_together_what_the_whole_asks(whole, cuts):
    """Ids, places, examples, seeds and repeats are those of the whole, wherever it is cut."""
    bounds = [0, *sorted(cuts), COUNT]
    parts = [whole.part(start, stop) for start, stop in pairwise(bounds)]
    assert [one for part in parts for one in asked(part)] == asked(whole)
    assert [part.total for part in parts] == [(stop - start) * 2 for start, stop in pairwise(bounds)]
    assert {part.identity for part in parts} == {whole.identity}
    assert whole.total == COUNT * 2


def test_a_part_is_counted_among_the_chosen_records(tmp_path):
    """With samples named, or a limit, positions are of what is left."""
    rows = [{**row, "id": f"id{number}"} for number, row in enumerate(records(9))]
    chosen = make_task(tmp_path, rows=rows, id="{{ id }}", request={"sample_ids": ("id7", "id2", "id4", "id8")})
    assert [(item.id, item.index) for item in chosen.part(1, 3).items()] == [("id4", 4), ("id7", 7)]
    limited = make_task(tmp_path, request={"limit": 5})
    assert [item.index for item in limited.part(3, 5).items()] == [3, 4]
    with pytest.raises(InputError):
        limited.part(3, 6)


def test_a_part_is_cut_from_the_whole(whole):
    """A part of a part is counted from the beginning of the data, as any other."""
    assert [item.index for item in whole.part(2, 9).part(4, 12).items()] == list(range(4, 12))


@pytest.mark.parametrize(("start", "stop"), [(0, COUNT + 1), (-1, 3), (5, 5), (6, 5), (COUNT, COUNT + 1)])
def test_records_that_are_not_there_are_no_part(whole, start, stop):
    """A range that was cut for other data is refused, before anything is asked."""
    with pytest.raises(InputError) as caught:
        whole.part(start, stop)
    assert (caught.value.code, caught.value.where) == ("bad_range", "sums")


def test_what_is_before_a_part_is_not_rendered(tmp_path):
    """Records that are skipped are read, but neither named nor checked again: a late part costs little."""
    rows = [{**row, "at": {"id": f"id{number}"}} for number, row in enumerate(records(50))]
    task = make_task(tmp_path, rows=rows, id="{{ at.id }}")
    write_data(tmp_path / "data.jsonl", [*records(48), *rows[48:]])
    assert [item.id for item in task.part(48, 50).items()] == ["id48", "id49"]
    with pytest.raises(InputError):
        list(task.part(47, 50).items())


def test_a_part_tells_its_own_progress(tmp_path):
    """Done and total are the part's."""
    told: list[Progress] = []
    run(make_task(tmp_path, rows=records(10), repeats=2).part(4, 7), tmp_path / "part.jsonl", told=told.append)
    assert (told[-1].done, told[-1].total) == (6, 6)


def test_parts_that_were_asked_are_the_whole(whole, tmp_path):
    """The joined samples are those of one run, though one part broke off and went on."""
    run(whole, tmp_path / "whole.jsonl")
    files = [tmp_path / f"{number}.jsonl" for number in range(3)]
    run(whole.part(0, 8), files[0])
    run(whole.part(8, 9), files[1])
    with pytest.raises(EndpointError):
        run(whole.part(9, COUNT), files[2], CountingModel(gives_out_after=5))
    rest = CountingModel()
    kept = len(list(JournalSamples(files[2])))
    run(whole.part(9, COUNT), files[2], rest)
    assert len(rest.asked) == (COUNT - 9) * 2 - kept
    assert list(JoinedSamples(files)) == list(JournalSamples(tmp_path / "whole.jsonl"))


def test_a_part_scores_as_the_whole_does(whole):
    """Metrics are the very same; what is changed of the part does not reach the whole."""
    part = whole.part(0, 3)
    assert part.metrics is whole.metrics
    part.dataset = replace(part.dataset, name="other")
    assert whole.dataset.name == "data"

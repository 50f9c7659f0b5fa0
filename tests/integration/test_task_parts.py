"""A task that processes ask in parts, at a real endpoint: one result, and a kill costs what was in flight."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from child import start_child
from evaltrail.bundle.journal import JoinedSamples, JournalSamples, row_places
from evaltrail.core.request import EvaluationRequest, ModelTarget
from evaltrail.core.sample import Sample
from evaltrail.jobs.ranges import cut
from evaltrail.providers.native import NativeTask
from evaltrail.providers.tasks import read_task
from evaltrail.scoring.aggregate import Aggregator
from mock_endpoint import MockEndpoint
from native_tasks import write_data, write_task

COUNT, REPEATS, CONCURRENCY = 160, 2, 4
PROGRAM = """
    import asyncio, sys
    from pathlib import Path
    from evaltrail.bundle.journal import Journal
    from evaltrail.core.request import EvaluationRequest, ModelTarget, RequestLimits
    from evaltrail.models.target import open_model
    from evaltrail.providers.native import NativeTask
    from evaltrail.providers.runner import run_task
    from evaltrail.providers.tasks import read_task

    file, url, journal, start, stop = Path(sys.argv[1]), *sys.argv[2:]
    target, limits = ModelTarget(id="mock", url=url), RequestLimits(concurrency=4, timeout_s=10)
    request = EvaluationRequest(tasks=(str(file),), target=target, limits=limits, seed=3)
    part = NativeTask(read_task(file), request, None).part(int(start), int(stop))

    async def ask():
        with Journal(Path(journal), part.repeats) as rows:
            async with open_model(target, generation=part.generation, limits=limits) as model:
                await run_task(
                    part, model, rows, concurrency=4, stored=lambda _: None, on_progress=lambda _: None
                )

    asyncio.run(ask())
"""


@pytest.fixture
def mock():
    """An endpoint that takes 10 ms an answer."""
    with MockEndpoint(latency_ms=10) as endpoint:
        yield endpoint


@pytest.fixture
def file(tmp_path):
    """A task with examples and repeats."""
    sums = [{"question": f"Item {n}: What is {n} + 101?", "answer": str(n + 101)} for n in range(COUNT)]
    write_data(tmp_path / "data.jsonl", sums)
    write_data(tmp_path / "train.jsonl", [{"question": f"{n} + 1?", "answer": str(n + 1)} for n in range(9)])
    shots = {"dataset": "train.jsonl", "k": 2}
    return write_task(tmp_path, prompt="{{ question }}", repeats=REPEATS, fewshot=shots)


def asking(file: Path, url: str, journal: Path, part: range):
    """A process that asks one part into a journal of its own."""
    return start_child(PROGRAM, file, url, journal, part.start, part.stop)


def finish(child) -> None:
    _, said = child.communicate(timeout=60)
    assert child.returncode == 0, said


def expect_whole(file: Path, parts: list[Path], whole: Path) -> None:
    """The parts hold the samples of the whole, and come to the same figures."""
    joined = JoinedSamples(parts)
    assert list(map(untimed, joined)) == list(map(untimed, JournalSamples(whole)))
    task = NativeTask(read_task(file), EvaluationRequest(tasks=("t",), target=ModelTarget(id="m"), seed=3), None)
    figures = []
    for samples in (joined, JournalSamples(whole)):
        aggregator = Aggregator(task.metrics, task.repeats)
        for sample in samples:
            aggregator.add(sample)
        figures.append((aggregator.metrics(), aggregator.counts()))
    assert figures[0] == figures[1]
    assert figures[0][1].scored == task.total == COUNT * REPEATS


def untimed(sample: Sample) -> Sample:
    return replace(sample, usage=replace(sample.usage, latency_s=None, first_token_s=None))


def rows_in(journal: Path) -> int:
    return sum(1 for _ in row_places(journal)) if journal.exists() else 0


@pytest.mark.slow
def test_processes_that_ask_parts_make_one_result(mock, file, tmp_path):
    """Four processes at once leave what one leaves, with the same requests, each sent once."""
    with asking(file, mock.url, tmp_path / "whole.jsonl", range(COUNT)) as child:
        finish(child)
    alone = mock.stats()
    mock.reset()
    ranges = cut(COUNT, CONCURRENCY, repeats=REPEATS)
    parts = [tmp_path / f"{number}.jsonl" for number in range(4)]
    children = [asking(file, mock.url, *each) for each in zip(parts, ranges, strict=True)]
    for child in children:
        with child:
            finish(child)
    shared = mock.stats()
    assert alone["total"] == shared["total"] == COUNT * REPEATS
    assert alone["unique"] == shared["unique"]
    assert shared["peak_inflight"] > CONCURRENCY
    expect_whole(file, parts, tmp_path / "whole.jsonl")


@pytest.mark.slow
def test_a_killed_part_repeats_what_was_in_flight(mock, file, tmp_path):
    """kill -9 of one process: another goes on with its journal, the other part is not touched."""
    with asking(file, mock.url, tmp_path / "whole.jsonl", range(COUNT)) as child:
        finish(child)
    mock.reset()
    first, second = range(80), range(80, COUNT)
    parts = [tmp_path / "0.jsonl", tmp_path / "1.jsonl"]
    with asking(file, mock.url, parts[0], first) as doomed, asking(file, mock.url, parts[1], second) as other:
        ends = time.monotonic() + 30
        while rows_in(parts[0]) < 40:
            assert time.monotonic() < ends
            time.sleep(0.005)
        doomed.kill()
        doomed.communicate(timeout=30)
        finish(other)
    kept = rows_in(parts[0])
    assert 40 <= kept < 160
    with asking(file, mock.url, parts[0], first) as again:
        finish(again)
    assert rows_in(parts[0]) == 160
    assert COUNT * REPEATS <= mock.stats()["total"] <= COUNT * REPEATS + CONCURRENCY
    expect_whole(file, parts, tmp_path / "whole.jsonl")

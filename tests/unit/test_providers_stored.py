"""Answers that are there already are scored by other metrics, and stay as they are."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaltrail.bundle.journal import Journal
from evaltrail.core.errors import EndpointError, InputError
from evaltrail.core.result import TaskResult
from evaltrail.core.sample import Sample, Score, Usage
from evaltrail.providers.stored import StoredTask, score_stored
from evaltrail.scoring.apply import Bench
from evaltrail.scoring.catalog import make_metrics

EXACT = make_metrics(["exact_match"])


def _sample(index, *, repeat=0, output="a", **fields):
    known = {"reference": ("a",), "scores": {"old": Score(value=True)}, "usage": Usage(latency_s=2.0, attempts=3)}
    return Sample(id=f"s{index}", index=index, repeat=repeat, output=output, **{**known, **fields})


def _task(samples, metrics=EXACT):
    return StoredTask(TaskResult(name="t", provider="p", samples=tuple(samples)), metrics)


def _scored(task, file, *, benches=(), concurrency=4):
    with Journal(file, task.repeats) as journal:
        asyncio.run(score_stored(task, journal, concurrency=concurrency, on_progress=lambda _: None, benches=benches))
        return list(journal.samples())


class _Echo:
    """A judge that asks nobody, counts its samples and may break down."""

    name, better, unit, source, is_grade = "echo", "higher", "1", "echo/1", True
    target, headers, fields = "", {}, ()

    def __init__(self, breaks_at=None):
        self.seen = []
        self.breaks_at = breaks_at

    async def judge(self, sample, model):
        """True, unless it breaks down."""
        if self.breaks_at is not None and len(self.seen) >= self.breaks_at:
            raise EndpointError("gone")
        self.seen.append(sample.id)
        await asyncio.sleep(0)
        return Score(value=True, source="echo/1 m")


def test_only_the_scores_are_new(tmp_path):
    """Everything of a sample stays: id, repeat, group, references, contexts, usage; the old scores go."""
    first = _sample(0, group="g", contexts=("c",), attributes={"level": 1}, reasoning="r", request="d")
    (scored,) = _scored(_task([first]), tmp_path / "0.jsonl")
    assert replace(scored, scores={}) == replace(first, scores={})
    assert scored.scores == {"exact_match": Score(value=True, source="exact_match/1")}


def test_an_unanswered_sample_stays_unscored_for_its_reason(tmp_path):
    """What failed then is not scored now."""
    (scored,) = _scored(_task([_sample(0, output=None, error="timeout")]), tmp_path / "0.jsonl")
    assert (scored.scores["exact_match"].reason, scored.error) == ("timeout", "timeout")


def test_the_extracted_part_is_graded(tmp_path):
    """What was taken out of the output then is what counts now."""
    (scored,) = _scored(_task([_sample(0, output="it is a", extracted="a")]), tmp_path / "0.jsonl")
    assert scored.scores["exact_match"].value is True


@pytest.mark.parametrize("reason", ["no_match", "extract_error"])
def test_where_nothing_could_be_taken_out_nothing_is_graded(tmp_path, reason):
    """The whole output is not put in its place; what only observes is scored all the same."""
    sample = _sample(0, scores={"old": Score(reason=reason)})
    judge = _Echo()
    task = _task([sample], (*make_metrics(["exact_match", "latency"]), judge))
    (scored,) = _scored(task, tmp_path / "0.jsonl", benches=[Bench(judge, None)])
    assert {name: score.reason for name, score in scored.scores.items()} == {
        "exact_match": reason,
        "latency": "",
        "echo": reason,
    }
    assert judge.seen == []


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), min_size=1, max_size=20))
def test_every_sample_is_scored_once(tmp_path_factory, places):
    """However a producer numbered its samples, none is lost and none comes twice."""
    task = _task([_sample(index, repeat=repeat, output=str(n)) for n, (index, repeat) in enumerate(places)])
    scored = _scored(task, tmp_path_factory.mktemp("h") / "0.jsonl")
    assert task.total == len(places)
    assert sorted(sample.output for sample in scored) == sorted(map(str, range(len(places))))


def test_repeats_are_known_from_the_samples():
    """The highest repeat tells how often each item was asked."""
    task = _task([_sample(0), _sample(0, repeat=1), _sample(1), _sample(1, repeat=1)])
    assert (task.total, task.repeats) == (4, 2)


def test_judges_are_asked_once_a_sample_even_after_a_cut(tmp_path):
    """What was judged before the endpoint went away is in the journal and is not judged again."""
    samples = [_sample(index) for index in range(20)]
    first, second = _Echo(breaks_at=7), _Echo()
    with pytest.raises(EndpointError):
        _scored(_task(samples, (first,)), tmp_path / "0.jsonl", benches=[Bench(first, None)])
    scored = _scored(_task(samples, (second,)), tmp_path / "0.jsonl", benches=[Bench(second, None)])
    assert len(scored) == 20
    # up to one sample a worker was judged and not yet written when the others were called off
    assert 13 <= len(second.seen) <= 13 + 4


def test_identity_is_answers_and_metrics():
    """Other metrics or other answers are other work; what the old metrics said is not."""
    one = _task([_sample(0)])
    assert one.identity == _task([_sample(0, scores={})]).identity
    assert one.identity != _task([_sample(0)], make_metrics(["token_f1"])).identity
    assert one.identity != _task([_sample(0, output="b")]).identity


@pytest.mark.parametrize("samples", [None, ()])
def test_a_result_without_samples_cannot_be_scored(samples):
    """Said at once, and what would be needed."""
    with pytest.raises(InputError, match="samples") as raised:
        StoredTask(TaskResult(name="t", provider="p", samples=samples), EXACT)
    assert (raised.value.code, raised.value.where) == ("no_samples", "t")

"""Metrics over one sample, latency and tokens among them."""

from __future__ import annotations

import asyncio
import math

import msgspec
import numpy as np
import pytest

from evaltrail.core.errors import EndpointError, StorageError
from evaltrail.core.sample import Sample, Score, Usage
from evaltrail.scoring.apply import Bench, judge_into, score_into
from evaltrail.scoring.exact import ExactMatch
from evaltrail.scoring.speed import Latency, Tokens


class Broken:
    name, better, unit, source, is_grade = "broken", "higher", "1", "broken/1", True

    def score(self, sample):
        raise KeyError("a field")


class Endless(Broken):
    def score(self, sample):
        return Score(value=math.inf)


class Says(Broken):
    def __init__(self, value, rationale=""):
        self.said = Score(value=value, rationale=rationale)

    def score(self, sample):
        return self.said


class Silent(Broken):
    def score(self, sample):
        return None


def scored(sample, *metrics):
    scores = {}
    score_into(sample, metrics, scores)
    return scores


def test_every_metric_scores_under_its_name():
    """The scores come in the metrics' order."""
    usage = Usage(latency_s=0.25, prompt_tokens=7, completion_tokens=3)
    sample = Sample(id="s", index=0, output="4", reference=("4",), usage=usage)
    scores = scored(sample, Tokens(), ExactMatch(), Latency())
    assert {name: score.value for name, score in scores.items()} == {
        "tokens": 10.0,
        "exact_match": True,
        "latency": 0.25,
    }
    assert list(scores) == ["tokens", "exact_match", "latency"]


def test_a_failed_request_is_the_reason_of_every_metric():
    """Nothing is scored 0 because a request failed."""
    scores = scored(Sample(id="s", index=0, error="http_500", reference=("4",)), ExactMatch(), Latency())
    assert scores == {"exact_match": Score(reason="http_500"), "latency": Score(reason="http_500")}


def test_a_metric_that_raises_fails_alone_and_says_how():
    """A plugin's failure leaves its own score out and no other."""
    scores = scored(Sample(id="s", index=0, output="4", reference=("4",)), Broken(), ExactMatch())
    assert scores["broken"] == Score(reason="metric_error", rationale="KeyError: 'a field'", source="broken/1")
    assert scores["exact_match"].value is True


def test_a_metric_that_answers_no_score_or_no_finite_one_leaves_the_sample_unscored():
    """Infinity and None never reach the journal as values."""
    sample = Sample(id="s", index=0, output="4")
    assert scored(sample, Endless())["broken"] == Score(reason="not_finite", source="broken/1")
    assert scored(sample, Silent())["broken"].reason == "metric_error"


def test_what_was_not_measured_is_a_reason():
    """A stored answer has no latency, and half a usage is none."""
    stored = Sample(id="s", index=0, output="4", usage=Usage(prompt_tokens=7))
    assert Latency().score(stored).reason == "not_measured"
    assert Tokens().score(stored).reason == "no_usage"


class Judging(Broken):
    """A judge that ends in an error."""

    target, headers, fields = "", {}, ()

    def __init__(self, error):
        self.error = error

    async def judge(self, sample, model):
        raise self.error


@pytest.mark.parametrize("error", [StorageError("the disk is full"), EndpointError("the endpoint is gone")])
def test_what_every_further_sample_would_meet_ends_the_run(error):
    """A full disk is no failure of the judge: the sample is not journalled as unscored, but asked again later."""
    scores = {}
    with pytest.raises(type(error)):
        asyncio.run(judge_into(Sample(id="s", index=0, output="4"), [Bench(Judging(error), None)], scores))
    assert scores == {}


def test_a_judge_that_raises_anything_else_fails_alone():
    """As a metric does."""
    scores = {}
    asyncio.run(judge_into(Sample(id="s", index=0, output="4"), [Bench(Judging(KeyError("x")), None)], scores))
    assert scores["broken"].reason == "metric_error"


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (np.float32(0.5), 0.5),
        (np.float64(0.5), 0.5),
        (1, 1.0),
        (True, True),
        (np.str_("a"), "a"),
        ("b\ud800", "b\ufffd"),
    ],
)
def test_every_score_can_be_written(value, kept):
    """Numbers of other libraries are numbers, and a judge's JSON may hold half a letter: no journal breaks on them."""
    score = scored(Sample(id="s", index=0, output="4"), Says(value, "half \udc00"))["broken"]
    assert (score.value, score.rationale) == (kept, "half \ufffd")
    assert msgspec.json.decode(msgspec.json.encode(score), type=Score) == score


def test_what_is_no_value_is_the_metrics_error():
    """A list is neither a number nor a word."""
    assert scored(Sample(id="s", index=0, output="4"), Says([1, 2]))["broken"].reason == "metric_error"


def test_what_a_metric_raises_is_told_without_keys():
    """A metric that asks somewhere by itself may quote the key it sent."""

    class Asks(Broken):
        def score(self, sample):
            raise PermissionError("no such key: sk-abcdefgh1234")

    score = scored(Sample(id="s", index=0, output="4"), Asks())["broken"]
    assert score.rationale == "PermissionError: no such key: ***"

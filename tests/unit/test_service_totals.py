"""What the samples of a task cost together."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaltrail.core.sample import Sample, Usage
from evaltrail.service.evaluation.totals import Totals


def figures(*usages, error=""):
    totals = Totals()
    for number, usage in enumerate(usages):
        totals.add(Sample(id=str(number), index=number, usage=usage, error=error))
    return totals.figures()


def test_requests_tokens_and_latencies_are_told():
    """Requests with their retries, tokens of all answers, seconds."""
    told = figures(
        Usage(attempts=3, prompt_tokens=10, completion_tokens=2, latency_s=0.5),
        Usage(attempts=1, prompt_tokens=20, completion_tokens=0, latency_s=1.5),
    )
    assert told == {
        "requests": 4,
        "truncated": 0,
        "tokens_in": 30,
        "tokens_out": 2,
        "latency_p50": 0.5,
        "latency_p95": 1.5,
    }


def test_tokens_that_one_answer_does_not_tell_are_not_guessed():
    """A sum of the others would look like the whole."""
    told = figures(Usage(attempts=1, prompt_tokens=10, completion_tokens=2), Usage(attempts=1, prompt_tokens=10))
    assert told == {"requests": 2, "truncated": 0}


@pytest.mark.parametrize(("count", "median", "high"), [(1, 1, 1), (2, 1, 2), (3, 2, 3), (20, 10, 19), (100, 50, 95)])
def test_percentiles_are_of_the_nearest_rank(count, median, high):
    """Of 1, 2, 3... seconds the rank is the value."""
    told = figures(*(Usage(attempts=1, latency_s=float(number)) for number in range(count, 0, -1)))
    assert (told["latency_p50"], told["latency_p95"]) == (median, high)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50))
def test_a_percentile_is_exceeded_by_no_more_than_its_share(seconds):
    """It is a latency that was measured, and the least one that enough samples do not exceed."""
    told = figures(*(Usage(attempts=1, latency_s=each) for each in seconds))
    for share in (50, 95):
        found = told[f"latency_p{share}"]
        assert found in seconds
        assert sum(each <= found for each in seconds) >= math.ceil(len(seconds) * share / 100)
        assert sum(each < found for each in seconds) < len(seconds) * share / 100

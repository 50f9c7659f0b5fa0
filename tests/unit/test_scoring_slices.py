"""Slices: the same figures as an aggregate over a part alone, and none for what is not there."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from evaltrail.core.sample import Sample, Score
from evaltrail.scoring.aggregate import Aggregator
from evaltrail.scoring.catalog import make_metrics
from evaltrail.scoring.slices import Slices

METRICS = make_metrics(["exact_match", "token_f1"])


def scored(index, kind, value):
    score = Score(reason="garbage") if value is None else Score(value=value)
    return Sample(
        id=str(index), index=index, attributes={"kind": kind}, scores={"exact_match": score, "token_f1": score}
    )


@settings(max_examples=30)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.none() | st.floats(0, 1)), max_size=12))
def test_a_slice_says_what_an_aggregate_of_its_samples_would(rows):
    """Value, interval, n and what is unscored; it only observes, for the whole grades its samples already."""
    samples = [scored(index, kind, value) for index, (kind, value) in enumerate(rows)]
    slices = Slices(METRICS, {"kind": ("a", "b")})
    for sample in samples:
        slices.add(sample)
    found = {metric.name: metric for metric in slices.metrics()}
    for kind in "ab":
        own = Aggregator(METRICS)
        for sample in samples:
            if sample.attributes["kind"] == kind:
                own.add(sample)
        for metric in own.metrics():
            told = found.get(f"{metric.name}/kind/{kind}")
            assert (told is None) == (own.counts().total == 0)
            assert told is None or (told.value, told.ci_low, told.n, told.unscored, told.is_grade) == (
                *(metric.value, metric.ci_low, metric.n, metric.unscored),
                False,
            )
    assert not any(name.endswith("/c") for name in found)


def test_nothing_is_sliced_where_nothing_is_wanted():
    """A task without slices has no more metrics than before."""
    slices = Slices(METRICS, {})
    slices.add(scored(0, "a", 1.0))
    assert slices.metrics() == ()

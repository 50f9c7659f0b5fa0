"""Aggregates beside the mean."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaltrail.core.sample import Sample, Score
from evaltrail.scoring.aggregate import Aggregator
from evaltrail.scoring.spread import SPREADS

NUMBERS = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30)
NUMPY = {"min": np.min, "max": np.max, "median": np.median, "variance": np.var, "p90": lambda x: np.percentile(x, 90)}


@given(NUMBERS, st.sampled_from(sorted(SPREADS)))
def test_they_equal_numpys(values, name):
    """The same definitions as MLflow's, which are numpy's."""
    assert SPREADS[name](values) == pytest.approx(float(NUMPY[name](values)), rel=1e-9, abs=1e-6)


class Graded:
    """An instrument with aggregations of its own."""

    name, better, unit, source, is_grade = "tone", "higher", "1..5", "tone/1", True
    aggregations = ("mean", "p90", "max")


def test_they_stand_beside_the_mean_over_what_was_scored():
    """``tone_p90`` and ``tone_max``; the mean is there once; the unscored are counted, not judged."""
    aggregator = Aggregator((Graded(),))
    for index, value in enumerate((1.0, 3.0, None)):
        score = Score(value=value) if value else Score(reason="judge_unreadable")
        aggregator.add(Sample(id=str(index), index=index, output="x", scores={"tone": score}))
    found = {metric.name: (metric.value, metric.n, metric.n_unscored) for metric in aggregator.metrics()}
    assert found == {"tone": (2.0, 2, 1), "tone_p90": (pytest.approx(2.8), 2, 1), "tone_max": (3.0, 2, 1)}


def test_nothing_scored_has_no_spread():
    """No value is made up where there is no score."""
    aggregator = Aggregator((Graded(),))
    aggregator.add(Sample(id="0", index=0, output="x", scores={"tone": Score(reason="judge_empty")}))
    assert [metric.value for metric in aggregator.metrics()] == [None]

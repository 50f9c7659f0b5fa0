"""Estimates choose the interval that fits the data."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from evaltrail.stats.estimate import estimate_mean, estimate_share


@given(st.lists(st.booleans(), min_size=1, max_size=80))
def test_independent_outcomes_get_the_plain_wilson_interval(outcomes):
    """0/1 outcomes that depend on nothing have scipy's Wilson interval."""
    shares = [float(outcome) for outcome in outcomes]
    ours = estimate_share(shares, len(shares))
    theirs = stats.binomtest(sum(outcomes), len(outcomes)).proportion_ci(method="wilson")
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)
    assert ours.method == "wilson"


@given(st.lists(st.booleans(), min_size=2, max_size=30), st.integers(2, 4))
def test_copied_outcomes_are_as_sure_as_the_originals(outcomes, copies):
    """Asking a model that never varies again widens nothing and narrows nothing."""
    shares = [float(outcome) for outcome in outcomes]
    once = estimate_share(shares, len(shares))
    again = estimate_share(shares, len(shares) * copies)
    assert (again.value, again.stderr) == (once.value, once.stderr)
    assert (again.low, again.high) == pytest.approx((once.low, once.high), abs=1e-9)


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 5)), min_size=2, max_size=40))
def test_clusters_never_make_an_interval_that_misses_its_own_value(rows):
    """The value lies in its interval, clustered or not."""
    values, clusters = [value for value, _ in rows], [cluster for _, cluster in rows]
    for estimate in (estimate_share(values, 3 * len(values), clusters), estimate_mean(values, clusters)):
        if estimate.low is not None:
            assert estimate.low - 1e-12 <= estimate.value <= estimate.high + 1e-12


def test_all_alike_within_clusters_counts_clusters():
    """Ten right answers in two clusters are as sure as two right answers."""
    clustered = estimate_share([1.0] * 10, 10, [0] * 5 + [1] * 5)
    assert clustered.low == estimate_share([1.0] * 2, 2).low
    assert clustered.method == "wilson_clustered"


def test_a_single_value_has_no_error():
    """One value has no standard error and no t interval; one 0/1 outcome still has Wilson's."""
    single = estimate_mean([0.5])
    assert (single.value, single.stderr, single.low, single.method) == (0.5, None, None, "")
    outcome = estimate_share([1.0], 1)
    assert outcome.stderr is None
    assert outcome.low == pytest.approx(stats.binomtest(1, 1).proportion_ci(method="wilson").low)

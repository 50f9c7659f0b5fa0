"""Quantiles, standard errors and intervals against scipy."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from evaltrail.stats.interval import (
    clustered_standard_error,
    mean,
    standard_error,
    t_interval,
    wilson_interval,
)
from evaltrail.stats.student import normal_quantile, t_quantile

PROBABILITIES = [1e-6, 0.005, 0.025, 0.3, 0.5, 0.7, 0.95, 0.975, 0.995, 0.9999]
values_lists = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=40)


@pytest.mark.parametrize("probability", PROBABILITIES)
def test_normal_quantile_is_scipys(probability):
    """The normal quantile agrees to a relative 1e-9."""
    assert normal_quantile(probability) == pytest.approx(stats.norm.ppf(probability), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("df", [1, 2, 3, 4, 5, 9, 10, 29, 100, 499, 999, 1000, 1001, 5000, 10**6])
@pytest.mark.parametrize("probability", PROBABILITIES)
def test_t_quantile_is_scipys(probability, df):
    """Student's quantile agrees to a relative 1e-9 for few and for many degrees of freedom."""
    assert t_quantile(probability, df) == pytest.approx(stats.t.ppf(probability, df), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("probability", [0.0, 1.0, -0.1, 2.0, math.nan])
def test_a_quantile_of_no_probability_is_refused(probability):
    """A probability outside (0, 1) is an error, never an infinite quantile."""
    with pytest.raises(ValueError, match="probability"):
        t_quantile(probability, 3)


def test_no_degree_of_freedom_is_refused():
    """Student's t needs at least one degree of freedom."""
    with pytest.raises(ValueError, match="degrees of freedom"):
        t_quantile(0.9, 0)


@given(st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.5, 0.999))
def test_wilson_interval_is_scipys(hits_and_n, level):
    """Wilson's interval agrees with the binomial test's for any count and level, and stays in [0, 1]."""
    hits, n = hits_and_n
    ours = wilson_interval(hits / n, n, level)
    theirs = stats.binomtest(hits, n).proportion_ci(level, "wilson")
    assert ours.low == pytest.approx(theirs.low, abs=1e-9)
    assert ours.high == pytest.approx(theirs.high, abs=1e-9)
    assert 0.0 <= ours.low <= hits / n <= ours.high <= 1.0


@given(values_lists)
def test_standard_error_and_t_interval_are_scipys(values):
    """The CLT's error and Student's interval agree with scipy's for any values."""
    stderr = standard_error(values)
    assert stderr == pytest.approx(stats.sem(values), rel=1e-9, abs=1e-9)
    if stderr:
        ours = t_interval(mean(values), stderr, len(values) - 1)
        low, high = stats.t.interval(0.95, len(values) - 1, loc=mean(values), scale=stderr)
        assert (ours.low, ours.high) == pytest.approx((low, high), rel=1e-8, abs=1e-9 * max(1.0, stderr))


@given(values_lists, st.randoms())
def test_mean_does_not_know_the_order(values, shuffler):
    """The same values in another order have bit for bit the same mean."""
    again = list(values)
    shuffler.shuffle(again)
    assert mean(values) == mean(again)


def test_mean_of_nothing_is_an_error():
    """No values have no mean, not a NaN."""
    with pytest.raises(ValueError, match="no values"):
        mean([])


@given(values_lists)
def test_clusters_of_one_value_change_nothing(values):
    """When every value is its own cluster the clustered error is the plain one."""
    assert clustered_standard_error(values, range(len(values))) == pytest.approx(
        standard_error(values), rel=1e-9, abs=1e-9
    )


@given(st.lists(st.floats(0, 1), min_size=2, max_size=20), st.integers(2, 4))
def test_copies_within_a_cluster_add_no_certainty(values, copies):
    """Repeating each value inside its cluster leaves the error as it was, where the plain one would shrink."""
    repeated = [value for value in values for _ in range(copies)]
    clusters = [place for place in range(len(values)) for _ in range(copies)]
    assert clustered_standard_error(repeated, clusters) == pytest.approx(standard_error(values), rel=1e-9, abs=1e-12)


def test_clustered_error_is_the_papers():
    """Miller's sum over pairs of one cluster, with the factor G / (G - 1), gives the same number."""
    values, clusters = [1.0, 1.0, 0.0, 1.0, 0.0, 0.0], [1, 1, 1, 2, 2, 3]
    n, centre = 6, 0.5
    pairs = sum(
        (values[i] - centre) * (values[j] - centre) for i in range(n) for j in range(n) if clusters[i] == clusters[j]
    )
    assert clustered_standard_error(values, clusters) == pytest.approx(math.sqrt(pairs / n**2 * 3 / 2))


def test_one_value_or_one_cluster_has_no_error():
    """A single independent unit says nothing about the spread: None, not 0."""
    assert standard_error([0.5]) is None
    assert clustered_standard_error([0.1, 0.9], ["same", "same"]) is None

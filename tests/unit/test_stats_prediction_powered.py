"""A mean from few labels and many predictions: the papers' formulas, its limits, and its coverage."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from evaltrail.stats.interval import standard_error, t_interval
from evaltrail.stats.prediction_powered import powered_mean

unit = st.floats(0, 1).map(lambda value: round(value, 3))
labelled = st.lists(st.tuples(unit, unit), min_size=2, max_size=30)
others = st.lists(unit, min_size=2, max_size=60)


def _papers(labels, guesses, rest):
    """PPI++ for the mean with numpy: estimate, error and weight."""
    y, f, u = np.array(labels), np.array(guesses), np.array(rest)
    both = np.concatenate([f, u])
    weight = np.cov(y, f)[0, 1] / ((1 + len(y) / len(u)) * np.var(both, ddof=1))
    weight = float(np.clip(weight, 0, 1))
    value = weight * u.mean() + (y - weight * f).mean()
    error = math.sqrt(weight**2 * np.var(u, ddof=1) / len(u) + np.var(y - weight * f, ddof=1) / len(y))
    return value, error, weight


@given(labelled, others)
def test_it_is_the_papers_estimate(pairs, rest):
    """Value, error and tuned weight are those of PPI++, computed independently."""
    labels, guesses = zip(*pairs, strict=True)
    assume(np.var([*guesses, *rest]) > 1e-6)
    ours = powered_mean(labels, guesses, rest)
    value, error, weight = _papers(labels, guesses, rest)
    assert (ours.value, ours.stderr, ours.weight) == pytest.approx((value, error, weight), abs=1e-9)
    half = stats.t.ppf(0.975, len(labels) - 1) * error
    assert (ours.low, ours.high) == pytest.approx((value - half, value + half), abs=1e-7)


@given(st.lists(unit, min_size=2, max_size=30), others)
def test_a_judge_that_says_nothing_is_not_heard(labels, rest):
    """Where predictions never differ the labels decide alone, with their own interval."""
    ours = powered_mean(labels, [0.5] * len(labels), [0.5] * len(rest))
    error = standard_error(labels)
    around = t_interval(math.fsum(labels) / len(labels), error, len(labels) - 1)
    assert ours.weight == 0.0
    assert (ours.low, ours.high) == pytest.approx((around.low, around.high), abs=1e-9)


def test_a_good_judge_narrows_the_interval():
    """With ten times as many unlabelled rows, a judge that is nearly right saves more than half of the width."""
    draw = random.Random(3)
    truth = [float(draw.random() < 0.4) for _ in range(660)]
    said = [value if draw.random() < 0.97 else 1 - value for value in truth]
    ours = powered_mean(truth[:60], said[:60], said[60:])
    alone = t_interval(sum(truth[:60]) / 60, standard_error(truth[:60]), 59)
    assert ours.high - ours.low < 0.55 * (alone.high - alone.low)
    assert ours.weight > 0.8


@pytest.mark.parametrize(
    ("labels", "guesses", "rest"), [([1.0], [1.0], [1.0]), ([1.0, 0.0], [1.0], [1.0]), ([1.0, 0.0], [1.0, 0.0], [])]
)
def test_too_little_to_go_by_is_an_error(labels, guesses, rest):
    """One label, labels without predictions, or nothing unlabelled: no estimate, never a NaN."""
    with pytest.raises(ValueError, match="no estimate"):
        powered_mean(labels, guesses, rest)


def test_one_unlabelled_row_changes_nothing():
    """A single further prediction has no spread that could be known, so the labels stand alone."""
    ours = powered_mean([1.0, 0.0, 1.0], [1.0, 0.0, 0.0], [1.0])
    assert (ours.weight, ours.value) == (0.0, pytest.approx(2 / 3))


@pytest.mark.slow
@pytest.mark.parametrize(("right", "shift"), [(0.95, 0.0), (0.7, 0.15), (0.5, 0.0)])
def test_the_interval_covers_the_truth_however_biased_the_judge_is(right, shift):
    """Over 1,500 draws of 60 labels and 400 others the 95 % interval holds the true share 93 to 97 times of 100."""
    draw, share, inside = random.Random(7), 0.35, 0
    for _ in range(1500):
        truth = [float(draw.random() < share) for _ in range(460)]
        said = [1.0 if draw.random() < shift else value if draw.random() < right else 1.0 - value for value in truth]
        ours = powered_mean(truth[:60], said[:60], said[60:])
        inside += ours.low <= share <= ours.high
    assert 0.93 <= inside / 1500 <= 0.97

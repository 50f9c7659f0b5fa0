"""Cohen's kappa against scikit-learn, its error against the bootstrap, and what has no kappa."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from evaltrail.stats.agreement import cohens_kappa, weighted_kappa
from evaltrail.stats.interval import wilson_interval

words = st.sampled_from(["yes", "no", "perhaps"])
grades = st.integers(1, 5).map(float)
word_pairs = st.lists(st.tuples(words, words), min_size=2, max_size=60)
grade_pairs = st.lists(st.tuples(grades, grades), min_size=2, max_size=60)


def _pairs(table):
    """One pair a count of a table {(one, other): n}."""
    return [pair for pair, count in table.items() for _ in range(count)]


def _is_varied(pairs):
    return all(len(set(side)) > 1 for side in zip(*pairs, strict=True))


@given(word_pairs)
def test_kappa_is_sklearns(pairs):
    """Unweighted kappa agrees with scikit-learn's wherever there is one."""
    assume(len({word for pair in pairs for word in pair}) > 1)
    one, other = zip(*pairs, strict=True)
    assert cohens_kappa(pairs).value == pytest.approx(cohen_kappa_score(one, other), abs=1e-12)


@given(grade_pairs)
def test_weighted_kappa_is_sklearns(pairs):
    """Quadratic weights agree with scikit-learn's where the classes are evenly spaced."""
    assume(_is_varied(pairs))
    one, other = zip(*pairs, strict=True)
    theirs = cohen_kappa_score(one, other, weights="quadratic", labels=[1.0, 2.0, 3.0, 4.0, 5.0])
    assert weighted_kappa(pairs).value == pytest.approx(theirs, abs=1e-12)


@given(grade_pairs, st.floats(0.1, 100), st.floats(-100, 100))
def test_weighted_kappa_does_not_know_the_unit(pairs, factor, shift):
    """Grades on another scale, stretched and shifted, agree as far."""
    assume(_is_varied(pairs))
    moved = [(one * factor + shift, other * factor + shift) for one, other in pairs]
    assert weighted_kappa(moved).value == pytest.approx(weighted_kappa(pairs).value, abs=1e-9)


@given(word_pairs)
def test_who_is_asked_first_does_not_matter(pairs):
    """Swapping the raters changes neither value nor error."""
    ours, swapped = cohens_kappa(pairs), cohens_kappa([(other, one) for one, other in pairs])
    assert (ours.value is None) == (swapped.value is None)
    if ours.value is not None:
        assert swapped.value == pytest.approx(ours.value, abs=1e-12)
        assert (swapped.stderr or 0.0) == pytest.approx(ours.stderr or 0.0, abs=1e-9)


@given(word_pairs)
def test_value_and_interval_stay_in_range(pairs):
    """-1 <= low <= value <= high <= 1, or there is no interval and a reason."""
    kappa = cohens_kappa(pairs)
    if kappa.low is None or kappa.high is None or kappa.value is None:
        assert kappa.reason
    else:
        assert -1.0 <= kappa.low <= kappa.value + 1e-12
        assert kappa.value - 1e-12 <= kappa.high <= 1.0


def test_the_textbook_table():
    """The 2 x 2 table that many textbooks show (20, 5, 10, 15): kappa 0.4, large-sample error 0.1272."""
    pairs = _pairs({("y", "y"): 20, ("y", "n"): 5, ("n", "y"): 10, ("n", "n"): 15})
    kappa = cohens_kappa(pairs)
    assert kappa.value == pytest.approx(0.4)
    # Fleiss, Cohen and Everitt 1969 in its 2 x 2 form, by hand
    p = {("y", "y"): 0.4, ("y", "n"): 0.1, ("n", "y"): 0.2, ("n", "n"): 0.3}
    row, column, po, pe = {"y": 0.5, "n": 0.5}, {"y": 0.6, "n": 0.4}, 0.7, 0.5
    a = sum(p[c, c] * ((1 - pe) - (row[c] + column[c]) * (1 - po)) ** 2 for c in "yn")
    b = (1 - po) ** 2 * sum(p[i, j] * (column[i] + row[j]) ** 2 for i in "yn" for j in "yn" if i != j)
    c = (po * pe - 2 * pe + po) ** 2
    assert kappa.stderr == pytest.approx(math.sqrt((a + b - c) / 50) / (1 - pe) ** 2)
    assert kappa.low == pytest.approx(0.4 - 1.959963984540054 * kappa.stderr)


@pytest.mark.parametrize(
    ("kappa_of", "table"),
    [
        (cohens_kappa, {("a", "a"): 40, ("a", "b"): 12, ("b", "b"): 30, ("b", "c"): 8, ("c", "c"): 20, ("c", "a"): 10}),
        (
            weighted_kappa,
            {(1.0, 1.0): 30, (1.0, 2.0): 15, (2.0, 2.0): 25, (3.0, 2.0): 14, (3.0, 3.0): 30, (1.0, 3.0): 6},
        ),
    ],
)
def test_the_error_is_the_bootstraps(kappa_of, table):
    """Resampling the pairs spreads kappa as far as the formula says, within 8 %."""
    pairs, draw = _pairs(table), random.Random(5)
    values = [kappa_of(draw.choices(pairs, k=len(pairs))).value for _ in range(1500)]
    centre = math.fsum(values) / len(values)
    spread = math.sqrt(math.fsum((value - centre) ** 2 for value in values) / (len(values) - 1))
    assert kappa_of(pairs).stderr == pytest.approx(spread, rel=0.08)


@pytest.mark.parametrize(("pairs", "reason"), [([], "no_pairs"), ([("yes", "yes")] * 9, "one_class")])
def test_what_has_no_kappa_says_why(pairs, reason):
    """No pairs, or one class alone: None with a reason, never NaN, 0 or 1."""
    kappa = cohens_kappa(pairs)
    assert (kappa.value, kappa.low, kappa.stderr, kappa.reason) == (None, None, None, reason)
    assert weighted_kappa([(1.0, 1.0)] * len(pairs)).reason == reason


def test_a_judge_that_always_says_the_same_has_kappa_zero_and_no_interval():
    """0 by definition whatever people said, so that an interval would promise what nobody measured."""
    kappa = cohens_kappa([("yes", "yes")] * 6 + [("no", "yes")] * 4)
    assert (kappa.value, kappa.low, kappa.reason) == (0.0, None, "constant_rater")


@pytest.mark.parametrize(
    ("pairs", "end"), [([("a", "a"), ("b", "b")] * 5, "low"), ([("a", "b"), ("b", "a")] * 5, "high")]
)
def test_few_pairs_that_all_agree_do_not_prove_perfection(pairs, end):
    """Where the large-sample variance is 0 the interval is Wilson's for the agreement, not a point."""
    kappa = cohens_kappa(pairs)
    share = 1.0 if end == "low" else 0.0
    expected = (getattr(wilson_interval(share, 10), end) - 0.5) / 0.5
    assert getattr(kappa, end) == pytest.approx(expected)
    assert kappa.method == "wilson"


@pytest.mark.slow
def test_the_interval_covers_the_truth():
    """Over 2,000 tables of 60 pairs the 95 % interval holds the true kappa 93 to 97 times of 100."""
    draw = random.Random(11)
    cells = {("y", "y"): 0.45, ("y", "n"): 0.1, ("n", "y"): 0.1, ("n", "n"): 0.35}
    po, pe = 0.8, 0.55 * 0.55 + 0.45 * 0.45
    truth = (po - pe) / (1 - pe)
    inside = 0
    for _ in range(2000):
        kappa = cohens_kappa(draw.choices(list(cells), weights=list(cells.values()), k=60))
        inside += kappa.low <= truth <= kappa.high
    assert 0.93 <= inside / 2000 <= 0.97

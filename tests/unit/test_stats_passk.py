"""pass@k, pass^k and the majority vote against their definitions."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaltrail.stats.passk import majority, pass_at_k, pass_hat_k, repeat_steps

cases = st.integers(1, 9).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n)))


@given(cases)
def test_it_is_a_share_of_all_draws(case):
    """Counting every draw of k answers gives pass@k (any right) and pass^k (all right) exactly."""
    n, correct, k = case
    draws = list(combinations([1] * correct + [0] * (n - correct), k))
    assert pass_at_k(n, correct, k) == float(Fraction(sum(map(any, draws)), len(draws)))
    assert pass_hat_k(n, correct, k) == float(Fraction(sum(map(all, draws)), len(draws)))


def test_large_numbers_neither_overflow_nor_cancel():
    """With 5,000 answers the estimate is still the product form's to 1e-12."""
    n, correct, k = 5000, 3, 1000
    product = 1.0
    for j in range(correct):
        product *= (n - k - j) / (n - j)
    assert pass_at_k(n, correct, k) == pytest.approx(1 - product, rel=1e-12)


@pytest.mark.parametrize(("n", "correct", "k"), [(3, 4, 1), (3, -1, 1), (3, 1, 0), (3, 1, 4), (0, 0, 1)])
def test_impossible_counts_are_refused(n, correct, k):
    """Counts that no repeats can have are an error."""
    for chance in (pass_at_k, pass_hat_k):
        with pytest.raises(ValueError, match="no estimate"):
            chance(n, correct, k)


@pytest.mark.parametrize(
    ("votes", "winner"), [(["a"], 0), (["a", "b", "b"], 1), (["a", "b"], 0), (["c", "a", "b", "b", "a"], 1)]
)
def test_the_most_frequent_vote_wins_and_ties_go_to_the_earliest(votes, winner):
    """The position of the winner's first vote comes back."""
    assert majority(votes) == winner


def test_no_votes_are_an_error():
    """There is no majority of nothing."""
    with pytest.raises(ValueError, match="votes"):
        majority([])


@pytest.mark.parametrize(
    ("repeats", "steps"),
    [(1, (1,)), (2, (1, 2)), (3, (1, 2, 3)), (4, (1, 2, 4)), (5, (1, 2, 4, 5)), (9, (1, 2, 4, 8, 9))],
)
def test_steps_are_powers_of_two_and_all(repeats, steps):
    """k goes in powers of two up to the repeats, which always come last and once."""
    assert repeat_steps(repeats) == steps

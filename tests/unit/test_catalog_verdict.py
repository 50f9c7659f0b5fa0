"""The verdict: each benchmark by its own threshold, all by their weighted score, and nothing in silence."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaltrail.core.submission import Benchmark, PrimaryScore
from evaltrail.service.catalog.verdict import judge, metric_named

ACC = PrimaryScore(metric="acc")
PERPLEXITY = PrimaryScore(metric="perplexity", lower_is_better=True)
SHARES = st.floats(0, 1)
WEIGHTS = st.floats(0.001, 1000)


def member(name="b", primary=ACC, **more):
    """A benchmark of a collection."""
    return Benchmark(id=name, provider_id="p", primary_score=primary, **more)


def judged(pairs, threshold=None, primary=ACC):
    """The verdict over weights and values of one kind of metric."""
    members = [member(f"b{place}", primary, weight=weight) for place, (weight, _) in enumerate(pairs)]
    measured = {place: {primary.metric: value} for place, (_, value) in enumerate(pairs)}
    return judge(members, measured, threshold)


def test_the_score_is_the_weighted_mean():
    """sum(w * s) / sum(w), held to the threshold that is given."""
    found = judged([(3, 0.5), (1, 0.9)], 0.6)
    assert (found.score, found.verdict, found.threshold) == (0.6, "pass", 0.6)
    assert judged([(3, 0.5), (1, 0.9)], 0.61).verdict == "fail"


def test_half_is_the_threshold_where_nobody_says_one():
    """0.5, as the contract has it."""
    assert (judged([(1, 0.5)]).verdict, judged([(1, 0.5)]).threshold) == ("pass", 0.5)
    assert judged([(1, 0.49)]).verdict == "fail"


@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_a_missing_value_is_told(value):
    """The whole is undetermined, and says which benchmark it is for; no score is made of the rest."""
    found = judge([member("a"), member("b", threshold=0.1)], {0: {"acc": 0.9}, 1: {"acc": value}})
    assert (found.score, found.verdict, found.missing) == (None, "undetermined", ("p/b",))
    assert "p/b" in found.reason
    assert [one.verdict for one in found.benchmarks] == ["none", "undetermined"]


def test_a_benchmark_that_was_not_measured_is_missing():
    """Whether it failed, or its metric bears another name."""
    assert judge([member("a"), member("b")], {1: {"f1": 0.5}}).missing == ("p/a", "p/b")


def test_a_benchmark_without_a_primary_score_counts_for_nothing():
    """It is asked nothing, and the score is that of the others."""
    found = judge([member("a"), member("b", None)], {0: {"acc": 0.7}, 1: {"acc": 0.1}})
    assert (found.score, found.verdict) == (0.7, "pass")
    assert found.benchmarks[1].metric == ""
    alone = judge([member("b", None)], {0: {"acc": 0.1}})
    assert (alone.score, alone.verdict) == (None, "none")


def test_a_weight_of_nothing_counts_for_nothing_but_itself():
    """Its own verdict stands; the score is that of the others, and needs no value of it."""
    found = judge([member("a"), member("b", weight=0.0, threshold=0.5)], {0: {"acc": 0.7}})
    assert (found.score, found.missing) == (0.7, ())
    assert found.benchmarks[1].verdict == "undetermined"


def test_lower_is_better_is_a_comparison():
    """The value is shown as it was measured; the threshold is an upper bound, of the whole too."""
    found = judge([member(primary=PERPLEXITY, threshold=10.0)], {0: {"perplexity": 8.0}}, 9.0)
    assert (found.score, found.verdict, found.lower_is_better) == (8.0, "pass", True)
    assert found.benchmarks[0].verdict == "pass"
    assert judge([member(primary=PERPLEXITY)], {0: {"perplexity": 8.0}}, 7.0).verdict == "fail"


def test_values_that_count_against_each_other_have_no_verdict():
    """Their mean has no better side; that is said, and each benchmark keeps its own verdict."""
    members = [member("a", threshold=0.5), member("b", PERPLEXITY, threshold=10.0)]
    found = judge(members, {0: {"acc": 0.7}, 1: {"perplexity": 12.0}})
    assert (found.verdict, [one.verdict for one in found.benchmarks]) == ("undetermined", ["pass", "fail"])
    assert "no better side" in found.reason


@pytest.mark.parametrize(
    ("name", "known", "meant"),
    [
        ("acc", ["acc,none", "acc_norm,none"], "acc,none"),
        ("acc,none", ["acc,none"], "acc,none"),
        ("acc", ["acc", "acc,none"], "acc"),
        ("exact_match", ["exact_match,get-answer"], "exact_match,get-answer"),
        ("exact_match", ["exact_match,strict-match", "exact_match,flexible-extract"], ""),
        ("exact_match", ["exact_match,none", "exact_match,strict-match"], "exact_match,none"),
        ("acc", ["acc_norm,none"], ""),
        ("acc", [], ""),
    ],
)
def test_a_metric_may_be_named_without_its_filter(name, known, meant):
    """Where that leaves no doubt; a guess would be a verdict over another number."""
    assert metric_named(name, known) == meant


@given(st.lists(st.tuples(WEIGHTS, SHARES), min_size=1, max_size=6))
def test_the_score_lies_among_the_values(pairs):
    """Between the least and the greatest, and at the very value where all are equal."""
    values = [value for _, value in pairs]
    score = judged(pairs).score
    assert min(values) <= score <= max(values)
    assert judged([(weight, values[0]) for weight, _ in pairs], values[0]).verdict == "pass"


@given(st.lists(st.tuples(WEIGHTS, SHARES), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_neither_order_nor_unit_of_weights_matters(pairs, random):
    """Shuffled, and with all weights doubled, the score is the same number."""
    shuffled = [(2 * weight, value) for weight, value in pairs]
    random.shuffle(shuffled)
    assert judged(shuffled).score == judged(pairs).score


@given(st.lists(st.tuples(WEIGHTS, SHARES), min_size=1, max_size=5), SHARES, st.data())
def test_a_better_value_never_loses_a_pass(pairs, threshold, data):
    """Raising one value keeps a verdict of pass; lowering one does, where lower is better."""
    place = data.draw(st.integers(0, len(pairs) - 1))
    weight, value = pairs[place]
    better = [*pairs[:place], (weight, data.draw(st.floats(value, 1))), *pairs[place + 1 :]]
    if judged(pairs, threshold).verdict == "pass":
        assert judged(better, threshold).verdict == "pass"
    if judged(better, threshold, PERPLEXITY).verdict == "pass":
        assert judged(pairs, threshold, PERPLEXITY).verdict == "pass"


@given(st.lists(st.tuples(WEIGHTS, st.none() | SHARES), min_size=1, max_size=5), SHARES)
def test_pass_and_fail_are_said_of_whole_results_alone(pairs, threshold):
    """Every verdict is one of them exactly when nothing is missing."""
    found = judged(pairs, threshold)
    assert (found.verdict in {"pass", "fail"}) == all(value is not None for _, value in pairs)
    assert len(found.missing) == sum(value is None for _, value in pairs)


@given(SHARES, SHARES)
def test_the_two_directions_mirror_each_other(value, threshold):
    """What passes as an upper bound passes as a lower one with the sides changed."""
    up = judge([replace(member(), threshold=threshold)], {0: {"acc": value}}).benchmarks[0].verdict
    down = judge([member(primary=PERPLEXITY, threshold=value)], {0: {"perplexity": threshold}}).benchmarks[0].verdict
    assert up == down

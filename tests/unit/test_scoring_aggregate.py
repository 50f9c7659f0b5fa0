"""The Aggregator: means, errors, counts, repeats, labels."""

from __future__ import annotations

import math
import sys
from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaltrail.core.sample import Sample, Score
from evaltrail.scoring.aggregate import Aggregator
from evaltrail.stats.estimate import estimate_mean, estimate_share
from evaltrail.stats.passk import pass_at_k


class Given:
    """A metric whose scores are handed in with the sample."""

    unit = "1"
    source = "given/1"

    def __init__(self, name="grade", *, is_grade=True, better="higher", unit="1"):
        self.name, self.is_grade, self.better, self.unit = name, is_grade, better, unit

    def score(self, sample):
        return sample.scores[self.name]


def as_score(value):
    """None is an unscored sample."""
    return Score(reason="no_match") if value is None else Score(value=value)


def sample(index, value, *, repeat=0, name="grade", **fields):
    fields.setdefault("output", "x")
    return Sample(id=str(index), index=index, repeat=repeat, scores={name: as_score(value)}, **fields)


def aggregated(samples, *metrics, repeats=1):
    aggregator = Aggregator(metrics or (Given(),), repeats=repeats)
    for each in samples:
        aggregator.add(each)
    return aggregator


def figures(samples, *metrics, repeats=1):
    return {value.name: value for value in aggregated(samples, *metrics, repeats=repeats).metrics()}


outcomes = st.lists(st.one_of(st.none(), st.booleans()), max_size=40)
grades = st.lists(st.one_of(st.none(), st.floats(0, 1)), max_size=40)
groups = st.sampled_from(["", "g", "h"])


@given(outcomes)
def test_shares_are_the_batchs_with_wilson(values):
    """Streaming 0/1 scores gives the estimate over all of them at once; the unscored are counted and left out."""
    made = figures(sample(i, value) for i, value in enumerate(values))["grade"]
    known = [float(value) for value in values if value is not None]
    assert made.n == len(known)
    assert made.n + made.n_unscored == len(values)
    if not known:
        assert (made.value, made.stderr, made.ci_method) == (None, None, "")
        return
    batch = estimate_share(known, len(known))
    assert (made.value, made.stderr, made.ci_low, made.ci_high) == (batch.value, batch.stderr, batch.low, batch.high)
    assert made.ci_method == "wilson"


@given(grades)
def test_grades_are_the_batchs_with_t(values):
    """Streaming other scores gives Student's interval, cut to the unit's range."""
    made = figures(sample(i, value) for i, value in enumerate(values))["grade"]
    known = [value for value in values if value is not None]
    if known:
        batch = estimate_mean(known)
        assert (made.value, made.stderr) == (batch.value, batch.stderr)
        assert (made.ci_low is None) == (len(known) == 1)
        assert made.ci_low is None or 0.0 <= made.ci_low <= made.ci_high <= 1.0


rows = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 2), st.one_of(st.none(), st.booleans()), st.sampled_from("ab")),
    max_size=18,
    unique_by=lambda row: row[:2],
)


@given(rows, st.dictionaries(st.integers(0, 5), groups), st.randoms(), st.booleans())
def test_the_order_of_samples_does_not_matter(rows, group_of, shuffler, is_graded_finely):
    """Any order of the same samples gives bit for bit the same metrics and counts, with groups and repeats."""
    samples = [
        sample(
            item,
            value if value is None or not is_graded_finely else (value + 0.1) / 3,
            repeat=repeat,
            output=text,
            group=group_of.get(item, ""),
        )
        for item, repeat, value, text in rows
    ]
    again = list(samples)
    shuffler.shuffle(again)
    for repeats in (1, 3):
        first, second = aggregated(samples, repeats=repeats), aggregated(again, repeats=repeats)
        assert first.metrics() == second.metrics()
        assert first.counts() == second.counts()


@given(rows, st.dictionaries(st.integers(0, 5), groups))
def test_no_figure_is_ever_nan_and_every_sample_is_counted(rows, group_of):
    """Whatever is missing, figures are finite or None, and n with the unscored is every sample."""
    samples = [sample(item, value, repeat=r, group=group_of.get(item, "")) for item, r, value, _ in rows]
    aggregator = aggregated(samples, repeats=3)
    counts = aggregator.counts()
    assert counts.total == len(rows) == counts.scored + sum(counts.unscored.values())
    for made in aggregator.metrics():
        numbers = (made.value, made.stderr, made.ci_low, made.ci_high, made.floor)
        assert all(number is None or math.isfinite(number) for number in numbers)
        assert (made.value is None) == (made.n == 0)
        if "@" not in made.name and "^" not in made.name:
            assert made.n + made.n_unscored == len(rows)


def test_the_floor_is_the_value_with_all_unscored_wrong():
    """Two right of three scored and one unscored: 2/3 excluded, 1/2 at the least."""
    made = figures([sample(0, value=True), sample(1, value=True), sample(2, value=False), sample(3, None)])["grade"]
    assert (made.value, made.floor) == (pytest.approx(2 / 3), 0.5)
    assert made.unscored == {"no_match": 1}
    assert figures([sample(0, value=True)])["grade"].floor is None
    assert figures([sample(0, None)])["grade"].floor == 0.0


def test_the_floor_knows_which_end_is_wrong():
    """Where lower is better the unscored count as 1; where a value is no share there is no floor."""
    values = [sample(0, 0.2), sample(1, None)]
    assert figures(values, Given(better="lower"))["grade"].floor == pytest.approx(0.6)
    assert figures(values, Given(unit="s"))["grade"].floor is None
    assert figures(values, Given(is_grade=False))["grade"].floor is None


def test_counts_follow_the_grades_and_name_the_failed():
    """A sample is scored when every grade scored it; observations do not count; errors are failures."""
    metrics = (Given("a"), Given("b"), Given("seconds", is_grade=False))
    good, bad = as_score(value=True), Score(reason="bad_reference")
    unseen = Score(reason="not_measured")
    aggregator = aggregated(
        [
            Sample(id="0", index=0, scores={"a": good, "b": good, "seconds": unseen}),
            Sample(id="1", index=1, scores={"a": bad, "b": good, "seconds": unseen}),
            Sample(id="2", index=2, scores={}, error="http_500"),
            Sample(id="3", index=3, scores={"a": good}),
        ],
        *metrics,
    )
    counts = aggregator.counts()
    assert (counts.total, counts.scored, counts.failed) == (4, 1, 1)
    assert counts.unscored == {"bad_reference": 1, "http_500": 1, "not_scored": 1}
    assert {made.name: (made.n, dict(made.unscored)) for made in aggregator.metrics()}["b"] == (
        2,
        {"http_500": 1, "not_scored": 1},
    )


def test_groups_widen_the_interval():
    """Samples that share a group count for less than independent ones; a group of one does not."""
    values = [True, True, True, False, False, False]
    apart = figures(sample(i, value) for i, value in enumerate(values))["grade"]
    alone = figures(sample(i, value, group=f"g{i}") for i, value in enumerate(values))["grade"]
    shared = figures(sample(i, value, group=f"g{i // 3}") for i, value in enumerate(values))["grade"]
    assert shared.value == apart.value == 0.5
    assert shared.stderr > apart.stderr
    assert shared.ci_low < apart.ci_low
    assert shared.ci_method == "wilson_clustered"
    assert (alone.stderr, alone.ci_low) == pytest.approx((apart.stderr, apart.ci_low))


def test_repeats_make_the_item_the_unit():
    """Copies of the same outcome leave value, error and interval as they were, while n counts samples."""
    values = [True, False, True, True, False]
    once = figures(sample(i, value) for i, value in enumerate(values))["grade"]
    thrice = figures((sample(i, value, repeat=r) for i, value in enumerate(values) for r in range(3)), repeats=3)[
        "grade"
    ]
    assert (thrice.value, thrice.stderr) == (once.value, once.stderr)
    assert (thrice.ci_low, thrice.ci_high) == pytest.approx((once.ci_low, once.ci_high))
    assert (thrice.n, once.n) == (15, 5)


def test_the_mean_over_items_weighs_each_item_once():
    """An item with one scored repeat weighs as much as one with two; the floor takes the missing as wrong."""
    samples = [
        sample(0, value=True),
        sample(0, None, repeat=1),
        sample(1, value=False),
        sample(1, value=False, repeat=1),
    ]
    made = figures(samples, repeats=2)["grade"]
    assert (made.value, made.floor, made.n) == (0.5, 0.25, 3)


def test_pass_at_k_is_the_mean_of_the_unbiased_estimates():
    """For 4 repeats k is 1, 2 and 4, each the mean over items, whose number is n."""
    right = [0, 1, 2, 4]
    made = figures((sample(i, r < count, repeat=r) for i, count in enumerate(right) for r in range(4)), repeats=4)
    for k in (1, 2, 4):
        assert made[f"pass@{k}"].value == pytest.approx(sum(pass_at_k(4, count, k) for count in right) / 4)
        assert made[f"pass@{k}"].n == 4
    assert made["pass@1"].value == made["grade"].value
    assert list(made) == ["grade", "pass@1", "pass@2", "pass@4", "pass^2", "pass^4", "maj@4"]


def test_pass_hat_k_is_the_mean_chance_that_all_of_k_are_right():
    """Beside pass@k stands pass^k for each k above 1; an item that is right now and then counts for little."""
    right = [0, 1, 2, 4]
    made = figures((sample(i, r < count, repeat=r) for i, count in enumerate(right) for r in range(4)), repeats=4)
    assert made["pass^2"].value == pytest.approx((0 + 0 + 1 / 6 + 1) / 4)
    assert made["pass^4"].value == pytest.approx(1 / 4)
    assert made["pass^4"].n == 4


def test_a_grade_that_is_better_false_has_no_pass_at_k():
    """A screen that says True to what is bad neither passes nor renames the other grade's figures."""
    bad = Given("bad", better="lower")
    samples = [
        Sample(id="0", index=0, repeat=r, output="x", scores={"a": as_score(value=True), "bad": as_score(value=True)})
        for r in range(2)
    ]
    assert list(figures(samples, Given("a"), bad, repeats=2)) == ["a", "pass@1", "pass@2", "pass^2", "maj@2", "bad"]


def test_items_with_too_few_scored_repeats_are_left_out_by_name():
    """pass@2 needs two scored repeats; the item that has one is counted beside it."""
    whole, half = [sample(0, value=True, repeat=r) for r in (0, 1)], [sample(1, value=True), sample(1, None, repeat=1)]
    made = figures(whole + half, repeats=2)
    assert (made["pass@2"].n, made["pass@2"].unscored) == (1, {"too_few_repeats": 1})
    assert made["pass@1"].n == 2


@pytest.mark.parametrize(
    ("answers", "value"),
    [
        ((("4", True), ("5", False), ("4.", True)), 1.0),
        ((("5", False), ("4", True), ("6", False)), 0.0),
        ((("-4", False), ("4", True), ("**4**", True)), 1.0),
        ((("1.5", True), ("15", False), ("15", False)), 0.0),
        ((("4", True), ("5", False), ("6", False)), 1.0),
    ],
)
def test_the_majority_answer_is_scored_and_ties_go_to_the_earliest(answers, value):
    """Answers are the same when they differ only in case and in marks around them, not in sign or point."""
    made = figures((sample(0, right, repeat=r, output=text) for r, (text, right) in enumerate(answers)), repeats=3)
    assert made["maj@3"].value == value
    assert made["maj@3"].ci_method == "wilson"


def test_several_grades_name_whose_pass_at_k_it_is():
    """With two 0/1 grades each has its own; a finer grade has none."""
    samples = [
        Sample(
            id="0",
            index=0,
            repeat=r,
            output="x",
            scores={"a": as_score(value=True), "b": as_score(value=False), "f": as_score(0.5)},
        )
        for r in range(2)
    ]
    assert list(figures(samples, Given("a"), Given("b"), Given("f"), repeats=2)) == [
        "a", "a_pass@1", "a_pass@2", "a_pass^2", "a_maj@2", "b", "b_pass@1", "b_pass@2", "b_pass^2", "b_maj@2", "f",
    ]  # fmt: skip


def test_words_give_the_share_of_each():
    """Scores that are words have no mean but shares that add up to 1."""
    made = figures(sample(i, word) for i, word in enumerate(["good", "bad", "good", None]))
    assert {name: value.value for name, value in made.items()} == {
        "grade/bad": pytest.approx(1 / 3),
        "grade/good": pytest.approx(2 / 3),
    }
    assert made["grade/good"].n == 3
    assert made["grade/good"].unscored == {"no_match": 1}


def test_words_and_infinities_among_numbers_are_unscored():
    """What cannot be averaged is counted, not dropped and not averaged."""
    made = figures([sample(0, 0.5), sample(1, "good"), sample(2, math.inf), sample(3, math.nan)])["grade"]
    assert (made.value, made.n) == (0.5, 1)
    assert made.unscored == {"not_a_number": 1, "not_finite": 2}


def test_too_many_words_are_counted_as_such():
    """A metric that says something else each time does not make a metric of each."""
    made = figures(sample(i, f"word {i}") for i in range(70))
    assert len(made) == 64
    assert made["grade/word 0"].unscored == {"too_many_labels": 6}


def test_nothing_at_all_is_said_plainly():
    """No samples: no value, n 0, empty counts."""
    aggregator = aggregated([])
    (made,) = aggregator.metrics()
    assert (made.value, made.n, made.floor, dict(made.unscored)) == (None, 0, None, {})
    assert aggregator.counts().total == 0


def test_a_sample_takes_few_bytes():
    """A million samples would fit into 40 MB a metric: nothing but packed numbers is kept."""
    aggregator = aggregated(sample(i, i % 2 == 0, group=f"g{i}") for i in range(10_000))
    column = aggregator._columns[0]
    arrays = (aggregator._clusters, column._rows, column._values)
    assert sum(map(sys.getsizeof, arrays)) <= 40 * 10_000


@given(st.lists(st.booleans(), min_size=1, max_size=30))
def test_a_share_is_the_exact_quotient(values):
    """0.9 is 0.9: the mean is the correctly rounded quotient."""
    made = figures(sample(i, value) for i, value in enumerate(values))["grade"]
    assert made.value == float(Fraction(Counter(values)[True], len(values)))


@pytest.mark.parametrize("values", [("a", 0.5, "b", None), (0.5, "a", None, "b"), (0.5, None, "a", "b")])
def test_words_among_numbers_count_as_unscored_samples(values):
    """Whichever comes first: the counts say what the metric says, so that nothing is lost without a word."""
    made = aggregated(sample(i, value) for i, value in enumerate(values))
    counts = made.counts()
    assert (counts.total, counts.scored) == (4, 1)
    assert counts.unscored == made.metrics()[0].unscored == {"no_match": 1, "not_a_number": 2}


@pytest.mark.parametrize(("unit", "ends"), [("1", (0, 1)), ("1..5", (1, 5)), ("-1..1", (-1, 1)), ("0..0.5", (0, 0.5))])
def test_an_interval_stays_on_the_scale(unit, ends):
    """Two grades far apart say little, but never that the mean may lie where no grade can."""
    low, high = ends
    (value,) = aggregated([sample(0, float(low)), sample(1, float(high))], Given(unit=unit)).metrics()
    assert (value.ci_low, value.ci_high) == (low, high)

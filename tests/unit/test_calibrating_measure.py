"""What labels and judgements come to."""

from __future__ import annotations

import importlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaltrail.service.calibrating.measure import Judged, measure

grade = st.integers(1, 5).map(float)
row = st.tuples(st.none() | grade, st.none() | grade)


def _rows(pairs, reason="judge_unreadable"):
    return [
        Judged(id=str(number), human=human, judge=judge, reason="" if judge is not None else reason)
        for number, (human, judge) in enumerate(pairs)
    ]


def _measure(pairs, *, is_number=True, is_graded=True):
    return measure(_rows(pairs), name_of=str, is_number=is_number, is_graded=is_graded)


@given(st.lists(row, max_size=40))
def test_every_row_is_counted_once(pairs):
    """Scored, unscored and unlabelled are all there is; the confusion holds each scored row."""
    measured = _measure(pairs)
    dropped = sum(human is None and judge is None for human, judge in pairs)
    assert measured.n + sum(measured.unscored.values()) + measured.n_unlabelled + dropped == len(pairs)
    assert sum(count for said in measured.confusion.values() for count in said.values()) == measured.n


@given(st.lists(row, max_size=40))
def test_the_confusion_tells_agreement_and_bias(pairs):
    """Its diagonal is the agreement, its weighted sum the bias."""
    measured = _measure(pairs)
    cells = [(float(h), float(j), n) for h, said in measured.confusion.items() for j, n in said.items()]
    if measured.n:
        assert measured.agreement.value == pytest.approx(sum(n for h, j, n in cells if h == j) / measured.n)
        assert measured.bias.value == pytest.approx(sum((j - h) * n for h, j, n in cells) / measured.n)
    else:
        assert (measured.agreement, measured.bias, measured.kappa.reason) == (None, None, "no_pairs")


def test_bools_have_kappa_and_bias_but_no_steps():
    """Cohen's kappa as scikit-learn has it; a judge that says yes too often has a bias above 0."""
    pairs = [(True, True)] * 20 + [(False, True)] * 8 + [(True, False)] * 2 + [(False, False)] * 10
    measured = _measure(pairs, is_graded=False)
    oracle = importlib.import_module("sklearn.metrics")  # takes two seconds, which only this test is to pay
    assert measured.kappa.value == pytest.approx(oracle.cohen_kappa_score(*zip(*pairs, strict=True)))
    assert (measured.weighted, measured.bias.value) == (None, pytest.approx(6 / 40))
    assert measured.confusion == {"False": {"False": 10, "True": 8}, "True": {"False": 2, "True": 20}}


def test_words_have_neither_bias_nor_mean():
    """For words each class gets a corrected share, and all shares sum to 1."""
    pairs = [("a", "a"), ("b", "b"), ("c", "a"), ("a", "a"), ("b", "c"), *[(None, "a")] * 6, *[(None, "b")] * 3]
    measured = measure(_rows(pairs), name_of=str, is_number=False, is_graded=False)
    assert (measured.bias, measured.weighted) == (None, None)
    assert set(measured.corrected) == {"a", "b", "c"}
    assert sum(each.of_labels for each in measured.corrected.values()) == pytest.approx(1.0)


def test_a_kind_judge_is_corrected():
    """The judge alone says 0.75 of the unlabelled rows; the labelled rows show that it says yes too often."""
    pairs = [(True, True)] * 10 + [(False, True)] * 10 + [(False, False)] * 10
    pairs += [(None, True)] * 60 + [(None, False)] * 30
    measured = _measure(pairs, is_graded=False)
    (corrected,) = measured.corrected.values()
    assert corrected.of_judge == pytest.approx(80 / 120)
    assert corrected.estimate.low < 1 / 3 < corrected.estimate.high
    assert corrected.estimate.n_unlabelled == 90


def test_one_label_is_too_few_to_correct_by():
    """Nothing is corrected from one labelled row, nor where no row is unlabelled."""
    assert _measure([(1.0, 1.0), (None, 2.0), (None, 3.0)]).corrected == {}
    assert _measure([(1.0, 1.0), (2.0, 2.0)]).corrected == {}


def test_rows_without_a_score_are_counted_by_reason():
    """An unreadable row is in no figure but its own."""
    measured = measure(
        [*_rows([(1.0, 1.0), (2.0, None)]), *_rows([(3.0, None), (None, None)], "judge_empty")],
        name_of=str,
        is_number=True,
        is_graded=True,
    )
    assert (measured.n, dict(measured.unscored)) == (1, {"judge_unreadable": 1, "judge_empty": 1})

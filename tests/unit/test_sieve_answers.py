"""Answers: how far two agree, and which ones say that there is none; thresholds as they are written."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaltrail.core.errors import InputError
from evaltrail.core.generation import Thresholds
from evaltrail.generation.sieve.answers import CONTAINED, PARTLY, agreement, says_unanswerable
from evaltrail.generation.sieve.thresholds import parse_thresholds


@pytest.mark.parametrize(
    ("given_answer", "reference", "least", "most"),
    [
        ("Paris", "paris.", 1, 1),
        ("The Eiffel Tower", "Eiffel Tower", 1, 1),
        ("1,200,000", "1.2 million", 1, 1),
        ("It was built in 1889.", "1889", 1, 1),
        ("42", "42 km", 1, 1),
        ("three", "3", 1, 1),
        ("It is the city of Paris, in France.", "Paris", CONTAINED, 1),
        ("The tower was opened in 1889, two years late.", "in 1889", CONTAINED, 1),
        ("Paris", "Paris, France", PARTLY, 1),
        ("1888", "1889", 0, 0),
        ("5 percent", "6 percent", 0, 0),
        ("-5", "5", 0, 0),
        ("It is not Paris", "Paris", 0, 0.49),
        ("No, it is not", "Yes", 0, 0),
        ("Lyon", "Paris", 0, 0),
        ("the north wing and the roof", "the north wing and the cellar", 0.7, 0.9),
        ("", "Paris", 0, 0),
        ("", "", 0, 0),
        ("北京", "北京。", 1, 1),
        ("I don't know.", "unanswerable", 1, 1),
        ("Paris", "unanswerable", 0, 0),
        ("The passage does not say.", "Paris", 0, 0),
        ("It does not state a limit", "It does not state a limit.", 1, 1),
    ],
)
def test_agreement(given_answer, reference, least, most):
    """Equal is 1, a number that is another one is 0, a negation or an abstention on one side is no agreement."""
    assert least <= agreement(given_answer, reference) <= most


def test_a_reference_lost_in_a_long_answer_is_no_agreement():
    """An essay that happens to hold the word is measured by its words."""
    assert agreement("Paris " + "and so on " * 40, "Paris") < 0.1


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=60), st.text(max_size=60))
def test_agreement_is_a_share_and_a_text_with_words_agrees_with_itself(some, other):
    """In [0, 1], whatever is compared."""
    assert 0.0 <= agreement(some, other) <= 1.0
    assert agreement(f"x{some}", f"x{some}") == 1.0


@pytest.mark.parametrize(
    "text",
    [
        "unanswerable",
        "Unknown.",
        "N/A",
        "The passage does not say when it was built.",
        "This cannot be answered from the given text.",
        "I don’t know.",  # noqa: RUF001  as models write it
        "There is not enough information.",
        "Die Frage kann nicht beantwortet werden.",
        "无法回答",
    ],
)
def test_an_answer_that_says_there_is_none_is_known(text):
    """In several languages, as the whole answer or as its beginning."""
    assert says_unanswerable(text)


@pytest.mark.parametrize("text", ["", "Paris", "An unknown sculptor from Paris", "Nothing but salt", "no"])
def test_other_answers_are_answers(text):
    """A word of the list within an answer, or no answer at all, abstains from nothing."""
    assert not says_unanswerable(text)


def test_thresholds_are_read_by_name():
    """Several words, several in one word, dashes for underscores, `off` for 0; the last one holds."""
    found = parse_thresholds(["round_trip=0.1", "closed-book=off, duplicate = 1", "round_trip=0.5"])
    assert found == Thresholds(round_trip=0.5, closed_book=0.0, duplicate=1.0)
    assert parse_thresholds([]) == Thresholds()


@pytest.mark.parametrize(
    ("word", "code", "hint"),
    [
        ("roundtrip=1", "unknown_gate", "did you mean 'round_trip'?"),
        ("zzz=1", "unknown_gate", "known: self_contained"),
        ("evidence", "bad_gate", "write it like"),
        ("evidence=high", "bad_gate", "from 0 to 1"),
        ("evidence=1.5", "bad_gate", "from 0 to 1"),
        ("evidence=nan", "bad_gate", "from 0 to 1"),
    ],
)
def test_a_threshold_that_cannot_be_read_is_told(word, code, hint):
    """What is wrong, and what to write instead."""
    with pytest.raises(InputError) as error:
        parse_thresholds([word])
    assert error.value.code == code
    assert hint in str(error.value)

"""multiple_choice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaltrail.core.sample import Sample
from evaltrail.scoring.choice import MultipleChoice

CITIES = ("Lyon", "Paris", "New York", "York")

WORDS = st.text("bcdefghjklmnopqrstuvwxyz", min_size=2, max_size=8)
"""Neither a letter alone nor the word ``a`` or ``i``."""


def taken(output, reference="B", choices=CITIES, logprobs=()):
    sample = Sample(id="s", index=0, output=output, reference=(reference,), choices=choices, choice_logprobs=logprobs)
    return MultipleChoice().score(sample)


@pytest.mark.parametrize(
    "output",
    [
        "B",
        "b",
        "(b)",
        " B.",
        "**B**",
        "B) Paris",
        "B. Paris is in France",
        "(B) it is",
        "Answer: B",
        "Answer: (b)",
        "**Answer:** B",
        "The answer is b.",
        "The correct answer is B because A is not",
        "Not A. Final answer: B",
        "Answer: A? No. Answer: B",
        "I choose option B",
        "Answer: B is correct",
        "Paris",
        "paris.",
        "The answer is Paris, not Lyon",
        "A dog would say Paris",
        "I think it must be B",
    ],
)
def test_the_option_taken_is_read(output):
    """Letters and texts in the ways models answer all mean the second option."""
    assert taken(output).value is True


@pytest.mark.parametrize("output", ["A", "Answer: C", "Lyon", "Lyon or Paris", "no idea", "", "E", "A or B", "bees"])
def test_another_option_several_or_none_is_wrong(output):
    """An answer that takes no option or more than one is the model's failure."""
    assert taken(output).value is False


def test_a_longer_option_hides_the_one_within_it():
    """New York mentions York, yet means one option only."""
    assert taken("It is New York", reference="C").value is True
    assert taken("It is York", reference="D").value is True


@pytest.mark.parametrize("output", ["-5", "Answer: -5", "It is -5.", "x = -5, so B"])
def test_signs_and_points_tell_options_apart(output):
    """Options that differ in a sign or a point are different options."""
    assert taken(output, reference="-5", choices=("5", "-5", "5.5", "55")).value is True


@pytest.mark.parametrize("reference", ["B", "b", "(B)", "1", "Paris", "paris"])
def test_a_reference_may_be_letter_position_or_text(reference):
    """All name the second option; positions count from 0."""
    assert taken("B", reference=reference).value is True


def test_a_reference_that_is_an_options_text_is_no_position():
    """Among numbers as options the text wins over the position."""
    assert taken("B", reference="3", choices=("2", "3", "4", "1")).value is True


@pytest.mark.parametrize("reference", ["Rome", "Z", "9", ""])
def test_a_reference_that_is_no_option_is_unscored(reference):
    """What we cannot compare with is not the model's failure."""
    assert taken("B", reference=reference).reason == "bad_reference"


def test_letters_are_the_options_where_the_sample_has_none():
    """A task that puts its options into the prompt is graded by letter."""
    assert taken("Answer: D", reference="D", choices=()).value is True


def test_log_probabilities_decide_where_they_are_known():
    """The likeliest choice counts, whatever the text says; of equals the first."""
    assert taken("A", logprobs=(-3.0, -1.0, -2.0, -9.0)).value is True
    assert taken(None, logprobs=(-3.0, -1.0, -2.0, -9.0)).value is True
    assert taken("B", logprobs=(-1.0, -1.0, -2.0, -9.0)).value is False


def test_missing_parts_are_reasons():
    """Neither a missing text nor a missing reference is a wrong answer."""
    assert taken(None).reason == "no_output"
    assert MultipleChoice().score(Sample(id="s", index=0, output="B")).reason == "no_reference"


@given(st.lists(WORDS, min_size=1, max_size=10, unique=True), st.data())
def test_naming_an_option_takes_it(choices, data):
    """Every option is taken by its letter and by its text."""
    place = data.draw(st.integers(0, len(choices) - 1))
    letter = "ABCDEFGHIJ"[place]
    for output in (letter, f"({letter})", f"Answer: {letter}", choices[place], f"Answer: {choices[place]}"):
        assert taken(output, reference=str(place), choices=tuple(choices)).value is True


@pytest.mark.parametrize(
    "text", ["answer" + " " * 300_000, "answer is " * 50_000, "(" * 300_000, "A " * 150_000, "* " * 150_000]
)
def test_a_hostile_text_is_read_in_bounded_time(text):
    """Texts made to backtrack come to an end."""
    assert isinstance(taken(text).value, bool)

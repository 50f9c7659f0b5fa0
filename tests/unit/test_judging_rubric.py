"""Rubrics: the scale read from the prompt, what is refused, and what makes two of them different."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaltrail.core.errors import InputError
from evaltrail.scoring.judging.rubric import EvaluationExample, make_rubric
from evaltrail.scoring.judging.scale import read_scale


@pytest.mark.parametrize(
    ("prompt", "low", "high"),
    [
        ("Rate on a scale of 1-5 where 1 is unprofessional and 5 is very professional.", 1, 5),
        ("Give a score from 1 to 5.", 1, 5), ("between 0 and 1", 0, 1), ("Use the range 0 - 10", 0, 10),
        ("0 (worst) to 10 (best)", 0, 10), ("Score (0\u2013100)", 0, 100), ("rate from one to five", 1, 5),
        ("a 7-point scale", 1, 7), ("a score out of 10", 0, 10), ("score of 0 or 1", 0, 1), ("from -2 to 2", -2, 2),
        ("between 0.0 and 1.0", 0, 1), ("- Score 1: bad- Score 2: ok- Score 5: good", 1, 5), ("1: bad\n3: good", 1, 3),
        ("Score 1-3: bad; 4-7: ok; 8-10: good", 1, 10), ("where 0 is wrong and 2 is right", 0, 2),
        ("Score 0 = wrong, Score 1 = right", 0, 1), ("Bewerte von 1 bis 6.", 1, 6), ("Note de 0 \u00e0 20", 0, 20),
        ("Return a number in [0, 1].", 0, 1), ("1 = bad, 2 = ok, 3 = good", 1, 3), ("Give 1 if so, or 0 if not", 0, 1),
        ("-1 if bad, 0 if neutral, 1 if good", -1, 1), ("On a 1-10 Likert scale over 2-3 criteria", 1, 10),
        ("\u4ece1\u52305\u8bc4\u5206", 1, 5), ("Rate 1 to 4. Write between 2 and 3 sentences.", 1, 4),
    ],
)  # fmt: skip
def test_the_range_is_read_from_the_prompt(prompt, low, high):
    """As people write it."""
    scale = read_scale(prompt)
    assert (scale.low, scale.high, scale.labels) == (low, high, ())


@pytest.mark.parametrize(
    ("prompt", "word"),
    [
        ("Answer yes or no.", "yes"),
        ("pass/fail", "pass"),
        ("Say yes if it is, else no", "yes"),
        ("'true' or 'false'", "true"),
    ],
)
def test_opposites_are_read_from_the_prompt(prompt, word):
    """Where no numbers are told."""
    assert read_scale(prompt).labels[0] == (word, True)


@pytest.mark.parametrize(
    "prompt",
    [
        "", "Judge it.", "Use 100-200 words.", "1. Read.\n2. Compare.", "Grade: A to F", "from 5 to 1", "in 2024-2025",
        "see [1, 2]",
    ],
)  # fmt: skip
def test_a_prompt_without_a_scale_means_1_to_5(prompt):
    """Which is what graders expect; numbers that mean other things are left alone."""
    assert read_scale(prompt) is None
    scale = make_rubric("tone", prompt or "x").scale
    assert (scale.low, scale.high, scale.unit, scale.is_whole) == (1.0, 5.0, "1..5", True)


@given(low=st.integers(0, 50), size=st.integers(1, 50), link=st.sampled_from(["-", " to ", " - ", " through "]))
def test_any_range_with_a_word_for_scores_is_read(low, size, link):
    """Not only the usual ones."""
    scale = read_scale(f"Rate the answer on a scale of {low}{link}{low + size}, please.")
    assert (scale.low, scale.high) == (low, low + size)


@given(text=st.text(max_size=300))
def test_any_prompt_gives_a_scale_or_none(text):
    """Never an exception, never an empty range."""
    scale = read_scale(text)
    assert scale is None or scale.labels or scale.low < scale.high


def test_min_max_and_labels_come_before_the_prompt():
    """One end may be told alone."""
    assert make_rubric("r", "scale of 1-5", low=0, high=1).scale.unit == "1"
    assert make_rubric("r", "scale of 1-5", high=10).scale.told() == "a whole number from 1 to 10"
    assert make_rubric("r", "scale of 1-5", labels=["good", "bad"]).scale.labels == (("good", True), ("bad", False))
    assert make_rubric("r", "x", labels=[True, False]).scale.choices == ("yes", "no")
    assert make_rubric("r", "x", labels={"a": 3, "b": 1}).scale.unit == "1..3"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"grading_prompt": " "}, "no 'grading_prompt'"), ({"name": ""}, "no 'name'"),
        ({"low": 5, "high": 1}, "from 5 to 1"), ({"low": 1, "high": float("inf")}, "no scores"),
        ({"labels": ["yes"]}, "no scale"), ({"labels": ["Yes", "yes"]}, "no scale"),
        ({"labels": ["a", "b"], "low": 1}, "labels and a range"),
        ({"examples": [{"output": "o", "score": 7}]}, "score 7.0 is not a whole number from 1 to 5"),
        ({"examples": [{"output": "o", "score": "good"}]}, "examples[0]"),
        ({"examples": [{"output": "o"}]}, "required field `score`"),
        ({"examples": [{"output": "o", "score": "maybe"}], "labels": ["yes", "no"]}, "'maybe' is not one of"),
        ({"parameters": {"model": "m"}}, "'model' is not a parameter"),
    ],
)  # fmt: skip
def test_a_rubric_that_cannot_be_used_says_why(changes, says):
    """Which judge, which field, what to do."""
    with pytest.raises(InputError) as caught:
        make_rubric(**{"name": "tone", "grading_prompt": "scale of 1-5", **changes})
    assert says in caught.value.message
    assert caught.value.message.startswith("judge ")
    assert caught.value.hint


def test_instructions_hold_everything_even_braces():
    """A rubric's own braces are no fields of ours."""
    example = EvaluationExample("out {x}", 4, "why {y}", input="in", grading_context={"targets": "ref"})
    told = make_rubric("tone", "scale {1-5}", definition="{definition}", examples=[example]).instructions()
    assert all(
        part in told for part in ("scale {1-5}", "{definition}", "out {x}", "why {y}", "targets: ref", '"score":4')
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"definition": "other"}, {"grading_prompt": "scale of 1-4"}, {"parameters": {"top_p": 1}}, {"version": "2"},
        {"examples": [{"output": "o", "score": 1}]}, {"include_input": False}, {"grading_context_columns": "targets"},
        {"low": 0}, {"greater_is_better": False}, {"name": "n"},
    ],
)  # fmt: skip
def test_whatever_changes_the_question_changes_the_identity(changes):
    """Two judges with one digest would be one instrument."""
    told = {"name": "tone", "grading_prompt": "scale of 1-5"}
    assert make_rubric(**told).digest() == make_rubric(**told).digest()
    assert make_rubric(**{**told, **changes}).digest() != make_rubric(**told).digest()

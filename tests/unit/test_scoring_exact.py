"""exact_match, contains, regex and numeric."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaltrail.core.errors import InputError
from evaltrail.core.sample import Sample
from evaltrail.scoring.exact import Contains, ExactMatch, Numeric, Regex
from evaltrail.scoring.number import read_number


def asked(output, *reference, extracted=None):
    return Sample(id="s", index=0, output=output, extracted=extracted, reference=reference)


@pytest.mark.parametrize(
    ("options", "output", "reference", "value"),
    [
        ({}, " Paris\n", "Paris", True),
        ({}, "paris", "Paris", False),
        ({}, "Paris.", "Paris", False),
        ({"strip": False}, "Paris ", "Paris", False),
        ({"ignore_case": True}, "STRASSE", "straße", True),
        ({"ignore_punctuation": True}, "U.S.A. (now)", "USA now", True),
        ({"ignore_punctuation": True}, "«Paris»…", "Paris", True),
        ({"ignore_articles": True}, "The dog in a box", "dog in box", True),
        ({"ignore_articles": True}, "theatre", "atre", False),
    ],
)
def test_exact_match_ignores_only_what_it_is_told(options, output, reference, value):
    """Without options only white space around the text is ignored."""
    assert ExactMatch(**options).score(asked(output, reference)).value is value


@pytest.mark.parametrize(
    ("options", "output", "reference", "value"),
    [
        ({}, "It is Paris, surely", "Paris", True),
        ({}, "It is paris", "Paris", False),
        ({"ignore_case": True}, "It is paris", "Paris", True),
        ({"ignore_punctuation": True}, "It's New-York", "its NewYork", True),
        ({}, "anything", "", False),
        ({}, "", "", True),
    ],
)
def test_contains_finds_a_reference_anywhere(options, output, reference, value):
    """A reference within the text is right; an empty one stands in no other text."""
    options = {**options, "ignore_case": options.get("ignore_case", "ignore_punctuation" in options)}
    assert Contains(**options).score(asked(output, reference)).value is value


@given(st.text(max_size=40), st.lists(st.text(max_size=5), max_size=3))
def test_a_text_equals_and_contains_itself_among_any_references(text, others):
    """Identity is right for both metrics, whatever else is accepted."""
    sample = asked(text, *others, text)
    assert ExactMatch().score(sample).value is True
    assert Contains().score(sample).value is True
    assert ExactMatch(ignore_case=True, ignore_punctuation=True, ignore_articles=True).score(sample).value is True


@pytest.mark.parametrize("metric", [ExactMatch(), Contains(), Regex(), Numeric()])
def test_what_we_cannot_judge_is_unscored(metric):
    """No reference and no text are reasons, not wrong answers."""
    assert metric.score(asked("x")).reason == "no_reference"
    assert metric.score(asked(None, "x")).reason == "no_output"
    assert metric.score(asked("x")).value is None


def test_the_extracted_part_is_what_counts():
    """Where a task extracts, the rest of the output is not graded."""
    assert ExactMatch().score(asked("so: 4", "4", extracted="4")).value is True
    assert Contains().score(asked("so: 4", "so", extracted="4")).value is False


def test_scores_name_their_source():
    """Each score says which method made it."""
    assert ExactMatch().score(asked("a", "a")).source == "exact_match/1"


def test_regex_searches_its_pattern_without_a_reference():
    """An own pattern needs no reference; full wants the whole text."""
    assert Regex(pattern=r"\d{3}").score(asked("a 123 b")).value is True
    assert Regex(pattern=r"\d{3}", full=True).score(asked("a 123 b")).value is False
    assert Regex(pattern=r"\d{3}", full=True).score(asked(" 123\n")).value is True
    assert Regex(pattern="PARIS", ignore_case=True).score(asked("paris")).value is True


def test_references_are_patterns_where_none_is_given():
    """Any reference that is found is right; one that is no pattern is ours to mend."""
    assert Regex().score(asked("colour", "^color$", "^colou?r$")).value is True
    assert Regex().score(asked("gray", "^color$")).value is False
    assert Regex().score(asked("x", "(")).reason == "bad_reference"


def test_a_pattern_that_explodes_leaves_the_sample_unscored():
    """Catastrophic backtracking ends after a second with a reason."""
    assert Regex(pattern=r"^(a|aa|aaa)+$").score(asked("a" * 5000 + "b")).reason == "regex_timeout"


def test_a_pattern_that_cannot_be_read_is_refused_at_once():
    """A broken option is the task's mistake: it stops before anything is asked."""
    with pytest.raises(InputError, match=r"pattern '\(' cannot be read"):
        Regex(pattern="(")


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1,234.5", (1234.5,)),
        ("it costs $3", (3.0,)),
        ("-$3.50", (-3.5,)),
        ("$-3.50", (-3.5,)),
        ("\u22127", (-7.0,)),
        ("50%", (50.0, 0.5)),
        ("3/4", (0.75,)),
        ("1e-3", (0.001,)),
        (".5", (0.5,)),
        ("first 12, then 7.", (7.0,)),
        ("between 10-12", (12.0,)),
        ("#### 18", (18.0,)),
        ("1,23", (23.0,)),
        ("1,234,567 people", (1234567.0,)),
        ("gpt4", ()),
        ("none", ()),
        ("1/0", ()),
        ("1e9999", ()),
        ("٣", (3.0,)),
    ],
)
def test_numbers_are_read_as_people_write_them(text, values):
    """The last number counts, with its sign, currency, thousands, exponent, fraction or percent."""
    assert read_number(text) == values


@pytest.mark.parametrize(
    ("options", "output", "reference", "value"),
    [
        ({}, "The answer is 1,234.", "1234", True),
        ({}, "50 %", "0.5", True),
        ({}, "50", "50%", True),
        ({}, "5", "50%", False),
        ({}, "0.333", "1/3", False),
        ({"tolerance": 0.001}, "0.333", "1/3", True),
        ({"relative_tolerance": 0.1}, "109", "100", True),
        ({"relative_tolerance": 0.1}, "111", "100", False),
        ({}, "I do not know", "4", False),
        ({}, "4", "none", None),
        ({}, "4", "five", None),
    ],
)
def test_numeric_compares_values_within_its_tolerance(options, output, reference, value):
    """No number in the answer is wrong; no number in the reference is unscored."""
    score = Numeric(**options).score(asked(output, reference))
    assert score.value is value
    assert (score.reason == "bad_reference") is (value is None)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_number_equals_itself(number):
    """Whatever Python prints of a float is read back as that value."""
    assert Numeric().score(asked(f"= {number!r}", repr(number))).value is True


def test_a_negative_tolerance_is_refused():
    """A tolerance below 0 would make everything wrong."""
    with pytest.raises(InputError, match="tolerance"):
        Numeric(tolerance=-1.0)


@pytest.mark.parametrize("text", ["1" * 300_000, "1,111," * 50_000, "1/" * 100_000, "$-" * 100_000, "1 " * 100_000])
def test_reading_a_number_from_a_hostile_text_ends(text):
    """Texts made to backtrack are read in linear time."""
    assert len(read_number(text)) <= 2

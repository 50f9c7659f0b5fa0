"""What is taken out of an output before it is scored."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaltrail.core.errors import InputError
from evaltrail.providers.extract import make_extractor
from evaltrail.providers.tasks import Extract


def extract(output: str, choices: tuple[str, ...] = (), **how) -> str | None:
    found = make_extractor(Extract(**how), "t.yaml: extract")
    assert found is not None
    return found(output, choices)


@pytest.mark.parametrize(
    ("pattern", "take", "output", "text"),
    [
        (r"answer is (\w+)", "first", "answer is one, answer is two", "one"),
        (r"answer is (\w+)", "last", "answer is one, answer is two", "two"),
        (r"answer is (\w+)", "first", "no idea", None),
        (r"\d+", "last", "3 then 14", "14"),
        (r"####(.*)", "first", "#### 42 ", "42"),
        (r"(a)|(b)", "first", "b", None),
        (r"(?<=x)y*", "first", "x", ""),
    ],
)
def test_a_pattern_takes_its_first_or_last_match(pattern, take, output, text):
    """The first group, else the whole match, without space around; no match is None."""
    assert extract(output, kind="regex", pattern=pattern, take=take) == text


def test_a_pattern_that_never_ends_is_no_match():
    """A runaway pattern costs a second, not the run."""
    assert extract("a" * 4000 + "b", kind="regex", pattern=r"(a|a|aa)+$") is None


def test_a_pattern_that_is_none_is_told():
    """A broken pattern is found before anything is asked."""
    with pytest.raises(InputError, match="no regular expression") as caught:
        make_extractor(Extract(kind="regex", pattern="("), "t.yaml: extract")
    assert (caught.value.code, caught.value.where) == ("bad_regex", "t.yaml: extract")


@pytest.mark.parametrize(
    ("output", "letter"),
    [("B", "B"), ("(C)", "C"), ("**D**", "D"), ("Answer: B.", "B"), ("because", None), ("", None)],
)
def test_a_choice_is_a_letter_on_its_own(output, letter):
    """A capital letter that stands alone is the choice."""
    assert extract(output, kind="choice") == letter


@pytest.mark.parametrize(("output", "letter"), [("I think blue", "B"), ("A good guess is red.", "A"), ("green", None)])
def test_a_choice_may_be_an_options_text(output, letter):
    """The options are read by the rule of multiple_choice: English words are no letters."""
    assert extract(output, ("red", "blue"), kind="choice") == letter


@pytest.mark.parametrize(
    ("output", "path", "take", "text"),
    [
        ('{"a": {"b": "x"}}', "a.b", "first", "x"),
        ('Sure: ```json\n{"a": 1}\n``` or {"a": 2}', "a", "first", "1"),
        ('Sure: ```json\n{"a": 1}\n``` or {"a": 2}', "a", "last", "2"),
        ('[see] {"b": 1, "a": [1, "é"]}', "", "first", '{"a": [1, "é"], "b": 1}'),
        ("[1, 2]", "", "first", "[1, 2]"),
        ('{"a": 1}', "b", "first", None),
        ('{"a": null}', "a", "first", None),
        ('{"a": [1]}', "a.0", "first", None),
        ("no json", "", "first", None),
        ('{"a": ', "a", "first", None),
    ],
)
def test_a_json_value_is_found_in_prose(output, path, take, text):
    """The first or last JSON value in the output, at a dotted path; texts as they are, others as JSON."""
    assert extract(output, kind="json", pattern=path, take=take) == text


@given(st.text(alphabet='{}[]":,a1 \\', max_size=40))
def test_no_output_breaks_the_search_for_json(output):
    """Whatever a model writes, the answer is a text or nothing."""
    found = extract(output, kind="json")
    assert found is None or isinstance(found, str)


def test_deep_nesting_is_survived():
    """A model that falls into writing brackets costs a second, not the run."""
    assert extract("[" * 1_000_000, kind="json") is None


def test_what_can_be_read_but_not_written_is_no_match():
    """Just below the depth that stops the reader lies one that stops the writer: nothing is found, nothing raised."""
    found = [extract("[" * depth + "]" * depth, kind="json") for depth in range(800, 1050)]
    assert found[0] == "[" * 800 + "]" * 800
    assert None in found


def test_half_a_character_in_json_is_made_whole():
    """What is taken out can be written as UTF-8."""
    found = extract(r'{"a": "x\ud800"}', kind="json", pattern="a")
    assert found == "x\ufffd"


def test_none_means_the_whole_output():
    """Without extract the output itself is scored."""
    assert make_extractor(Extract(), "w") is None

"""What a function of the user's gives: text, or a reason; never neither."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaltrail.service.frames.frame import plain
from evaltrail.service.frames.outcome import failed, outcome_of, rows_of

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(max_size=4) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(st.lists(VALUES, max_size=6))
def test_every_value_is_text_or_a_reason(values):
    """Any list of results: one outcome a row, with a text exactly where there is no reason."""
    outcomes = [outcome_of(value) for value in rows_of(values, len(values))]
    assert len(outcomes) == len(values)
    assert all((outcome.text is None) == bool(outcome.error) for outcome in outcomes)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("x", "x"),
        ("", ""),
        (3, "3"),
        (True, "true"),
        (4.0, "4"),
        ("half \ud800", "half \ufffd"),
        ({"half \ud800": 1}, '{"half \ufffd": 1}'),
        (0.5, "0.5"),
        (np.float64(0.25), "0.25"),
        (np.str_("y"), "y"),
        ({"a": 1}, '{"a":1}'),
        (["a", None], '["a",null]'),
        (type("Message", (), {"content": "said"})(), "said"),
    ],
)
def test_values_that_are_no_text_are_written_out(value, text):
    """Numbers and bools as JSON writes them, dicts and lists as JSON, a chat message by its content."""
    assert outcome_of(value).text == text


def test_an_object_that_cannot_be_written_fails_alone():
    """A list within itself, or an object that raises when it is read, is its row's failure."""
    endless = []
    endless.append(endless)
    outcome = outcome_of(endless)
    assert (outcome.error, outcome.detail) == (
        "bad_output",
        "the output is a list that cannot be written: RecursionError",
    )


def test_what_a_call_raised_is_told_in_whole_letters_and_without_keys():
    """An exception may quote what no file can hold, and the key that a client sent."""
    assert failed(ValueError("half \ud800")).detail == "ValueError: half \ufffd"
    assert failed(PermissionError("no such key: sk-abcdefgh1234")).detail == "PermissionError: no such key: ***"


@pytest.mark.parametrize("value", [None, math.nan, pd.NA, pd.NaT, np.nan])
def test_nothing_is_no_output(value):
    """None and everything that pandas and numpy call missing."""
    assert outcome_of(value).error == "no_output"


def test_tables_and_arrays_are_read_by_rows():
    """A Series, an array, a DataFrame with one column, a dict with one list."""
    for result in (pd.Series(["a", "b"]), np.array(["a", "b"]), pd.DataFrame({"o": ["a", "b"]}), {"o": ["a", "b"]}):
        assert rows_of(result, 2) == ["a", "b"]


@given(VALUES)
def test_plain_values_stay_and_odd_ones_become_json(value):
    """What is written beside a sample can always be read again as JSON."""
    told = plain(value)
    assert plain(told) == told

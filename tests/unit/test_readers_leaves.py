"""Leaves and notes: every scalar of a document under its path, every number as a number, and what is left out, told."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaltrail.readers.leaves import MOST_LEAVES, leaves, measured, number, why_no_number
from evaltrail.readers.leaves import settings as settings_of
from evaltrail.readers.notes import Notes

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, min_size=1) | st.dictionaries(st.text(), inner, min_size=1),
    max_leaves=20,
)


def rebuilt(value, found: dict):
    """A value of the same shape as another, with the leaves at their paths."""

    def made(path, inner):
        if isinstance(inner, dict):
            return {key: made((*path, key), each) for key, each in inner.items()}
        if isinstance(inner, list):
            return [made((*path, str(place)), each) for place, each in enumerate(inner)]
        return found.pop(path)

    return made((), value)


def told(notes: Notes) -> list[tuple[str, str]]:
    return [(item.what, item.why) for item in notes.skipped]


@settings(max_examples=40, deadline=None)
@given(VALUES)
def test_the_leaves_make_the_document_again(value):
    """Each scalar comes once, under the path that leads to it, in the order of the document."""
    found = list(leaves(value))
    paths = dict(found)
    assert len(paths) == len(found)
    assert rebuilt(value, paths) == value
    assert paths == {}


def test_leaves_are_made_as_they_are_asked_for():
    """The first ones of an endless document cost nothing, and even an endless one ends."""
    endless: list = [1, 2]
    for _ in range(60):
        endless = [endless, endless]
    assert next(leaves(endless)) == (("0",) * 61, 1)
    assert list(leaves({"a": [], "b": {}, "c": [[], {}]})) == []
    assert sum(1 for _ in leaves([[1] * 1500] * 1500)) == MOST_LEAVES == 2_000_000


@settings(max_examples=100, deadline=None)
@given(
    st.floats()
    | st.integers()
    | st.floats().map(repr)
    | st.integers().map(str)
    | st.text(alphabet="0123456789.e-+_ infaN")
)
def test_a_number_is_what_python_takes_for_a_finite_one(value):
    """number() agrees with float() on numbers and on texts, but for what is not finite and for ``1_000``."""
    try:
        expected = float(value)
    except (ValueError, OverflowError):
        expected = None
    if expected is not None and (not math.isfinite(expected) or (isinstance(value, str) and "_" in value)):
        expected = None
    assert number(value) == expected


@pytest.mark.parametrize("value", [True, False, None, [], [1], {}, {"a": 1}, "", "N/A", "true", "1_0", "0x10", "1,5"])
def test_what_is_no_number(value):
    """Booleans, lists and words are none."""
    assert number(value) is None


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (None, "it is null"),
        (math.nan, "nan is not a finite number"),
        (-math.inf, "-inf is not a finite number"),
        (10**400, "it is beyond the range of floating-point numbers"),
        pytest.param(10**5000, "it is beyond the range of floating-point numbers", id="5000 digits"),
        (True, "True is no number"),
        ("N/A", "'N/A' is no number"),
        ([1, 2], "[1, 2] is no number"),
        ("x" * 500, f"'{'x' * 79} is no number"),
        ("Bearer sk-abcdefgh12345678", "'Bearer ***' is no number"),
    ],
)
def test_the_reason_is_short_and_without_secrets(value, why):
    """Whatever stands where a number should, the note says it in a few words and keeps what must be kept."""
    assert why_no_number(value) == why


def test_a_measured_number_is_a_metric_and_all_else_is_noted():
    """A number, or a text that spells one, is a metric; what a secret's name holds is not shown."""
    notes = Notes()
    (metric,) = measured("acc", "1e-05", notes, where="r: acc")
    assert (metric.name, metric.value) == ("acc", 1e-05)
    assert measured("acc", None, notes, where="r: acc") == ()
    assert measured("api_key", "hunter-22", notes, where="r: api_key") == ()
    assert told(notes) == [
        ("r: acc", "it is null"),
        ("r: api_key", "it is no number, and its name says it is a secret"),
    ]


def test_settings_hold_no_secrets_and_are_not_too_many():
    """Dotted names; what is secret is hidden, what is long or too much is told in one line."""
    notes = Notes()
    value = {"a": {"b": [1, {"c": True}], "gone": None}, "left": 5, "api_key": "abcdefgh-1", "long": "x" * 6001}
    assert settings_of(value, notes, where="c.yml", leave_out=["left"]) == {
        "a.b.0": 1,
        "a.b.1.c": True,
        "api_key": "***",
    }
    assert told(notes) == [("c.yml: 1 settings", "too many or too long for params; they are in the file")]
    many = settings_of({str(place): place for place in range(100)}, notes, where="d.yml")
    assert len(many) == 80
    assert told(notes)[1][0] == "d.yml: 20 settings"


def test_notes_are_bounded():
    """A thousand are listed, the rest is counted."""
    notes = Notes()
    for place in range(1500):
        notes.skip(f"file: {place}", "why")
    assert len(notes.skipped) == 1001
    assert told(notes)[-1] == ("500 more", "only the first 1,000 are listed")


@given(st.text() | st.binary().map(lambda data: data.decode("utf-8", "surrogateescape")))
def test_notes_can_be_printed(text):
    """Control characters, line ends and bytes that are no text reach neither terminal nor table."""
    notes = Notes()
    notes.skip(text, text * 100)
    for part in told(notes)[0]:
        assert part.isprintable()
        assert part.encode("utf-8") is not None
        assert len(part) <= 12_000
    notes.skip("plain: \u00e9\U0001f600 'x'", "\x1b[2J\n\udce9")
    assert told(notes)[1] == ("plain: \u00e9\U0001f600 'x'", "\\x1b[2J\\n\\udce9")

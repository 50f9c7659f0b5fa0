"""Columns of data sets that others made: found under any of their names, read in any of their forms."""

from __future__ import annotations

import csv
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaltrail.core.errors import InputError
from evaltrail.providers.columns import Column, ColumnedSource, any_value, columns_of, is_missing, text, texts

QUESTION = Column(name="user_input", aliases=("question", "query"), read=text)
CONTEXTS = Column(name="retrieved_contexts", aliases=("contexts",), read=texts)
PRINTABLE = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1).filter(str.strip)


@pytest.fixture
def source(tmp_path):
    """A function that makes a data set of some rows."""

    def make(*rows):
        file = tmp_path / "rows.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return ColumnedSource(name="rows", source="rows.jsonl", files=(file,), columns=(QUESTION, CONTEXTS))

    return make


def fields_of(source):
    return [dict(record.fields) for record in source]


def test_a_column_is_found_under_each_of_its_names(source):
    """Whatever it was called; what else a record has stays."""
    made = source({"question": "a", "contexts": ["x"]}, {"user_input": "b", "note": 7}, {"query": "c"})
    assert fields_of(made) == [
        {"user_input": "a", "retrieved_contexts": ["x"]},
        {"user_input": "b", "retrieved_contexts": [], "note": 7},
        {"user_input": "c", "retrieved_contexts": []},
    ]


def test_of_two_names_the_first_that_says_something_counts(source):
    """An empty cell does not hide a filled one."""
    made = source({"user_input": " ", "question": "a"}, {"user_input": "b", "question": "a"})
    assert [fields["user_input"] for fields in fields_of(made)] == ["a", "b"]


@pytest.mark.parametrize(
    ("cell", "read"),
    [
        ('["a", "b"]', ["a", "b"]),
        ("['a', 'b']", ["a", "b"]),
        ("""["it's", 'a "b"']""", ["it's", 'a "b"']),
        ("[]", []),
        ("", []),
        (None, []),
        (float("nan"), []),
        ("a plain passage", ["a plain passage"]),
        ("[1] a passage with a number", ["[1] a passage with a number"]),
        ("[see above]", ["[see above]"]),
        ("['open", ["['open"]),
        ("[" * 5000 + "]", ["[" * 5000 + "]"]),
        (["a", None, " ", "b"], ["a", "b"]),
        ([1, 2.0, True], ["1", "2", "true"]),
        ([{"page_content": "a", "metadata": {}}, {"content": "b"}, {"x": 1}], ["a", "b", '{"x":1}']),
        (7, ["7"]),
    ],
)
def test_a_list_is_read_however_it_was_written(cell, read):
    """As a list, as JSON in a cell, as Python prints it; a text that is no list is one passage."""
    assert texts(cell) == read


@pytest.mark.parametrize("cell", ["['a' 'b']", "['a'\n 'b']", """["a" 'b' "c"]"""])
def test_texts_that_would_run_into_each_other_are_refused(cell):
    """numpy prints no commas, and Python would join the two passages to one."""
    with pytest.raises(ValueError, match="commas"):
        texts(cell)


@given(st.lists(PRINTABLE))
def test_a_list_survives_a_cell(passages):
    """Written as JSON or as Python prints it, the passages come back."""
    assert texts(json.dumps(passages)) == passages
    assert texts(repr(passages)) == passages


@given(st.text())
def test_no_cell_is_too_odd(cell):
    """Any text is some passages, or is refused with the reason."""
    try:
        read = texts(cell)
    except ValueError as error:
        assert "commas" in str(error)  # noqa: PT017  both ends are good ones
    else:
        assert all(isinstance(passage, str) and passage.strip() for passage in read)


def test_a_value_of_the_wrong_kind_is_told_with_its_place(source):
    """File and line, the field as the file calls it, and why."""
    with pytest.raises(InputError, match=r"'question' cannot be read: one text is wanted") as caught:
        fields_of(source({"question": "a"}, {"question": ["a", "b"]}))
    assert caught.value.where == "rows.jsonl:2"


def test_csv_cells_become_lists(tmp_path):
    """A CSV that a table was written to reads as the table did."""
    file = tmp_path / "rows.csv"
    with file.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerows([["question", "contexts"], ["a", json.dumps(["x", "y"])], ["b", ""]])
    made = ColumnedSource(name="rows", source="rows.csv", files=(file,), columns=(QUESTION, CONTEXTS))
    assert [fields["retrieved_contexts"] for fields in fields_of(made)] == [["x", "y"], []]


def test_the_columns_that_are_there_are_told_with_all_names(source):
    """A column counts where any record has it."""
    found, fields = columns_of(source({"note": 1}, {"question": "a"}), [QUESTION, CONTEXTS])
    assert (found, fields) == ({"user_input"}, ["note", "question"])


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ('{"a": 1}', {"a": 1}),
        ("[1]", [1]),
        ("{not json", "{not json"),
        ({"a": 1}, {"a": 1}),
        ("plain", "plain"),
        (None, ""),
    ],
)
def test_any_value_is_kept(value, read):
    """Objects in cells become objects, the rest stays as it is."""
    assert any_value(value) == read


@pytest.mark.parametrize("value", [None, "", " \n", float("nan")])
def test_what_says_nothing_is_missing(value):
    """Null, blank and NaN are one."""
    assert is_missing(value)
    assert text(value) == ""

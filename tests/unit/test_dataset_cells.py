"""Cells of a table: formulas are defused and restored exactly, lists are read in every form that people have."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaltrail.generation.sheets.cell_guard import defuse, restore
from evaltrail.generation.sheets.text_lists import read_texts

NASTY = st.text() | st.text("'=+-@\t\r\n \u00a0a\uff1d", max_size=8)


@given(NASTY)
def test_a_defused_cell_is_restored_exactly(text):
    """Every text comes back as it was, also one that begins with apostrophes itself."""
    assert restore(defuse(text)) == text


@given(NASTY)
def test_no_cell_begins_as_a_formula_does(text):
    """Whatever the text, what a spreadsheet sees first behind spaces starts no formula."""
    cell = defuse(text)
    assert not cell.lstrip(" \u00a0\ufeff").startswith(tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"))


@pytest.mark.parametrize(
    "text", ["=1+2", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "\u00a0-1", "'=1", "\uff1d1", "\n=1"]
)
def test_what_a_spreadsheet_would_run_gets_an_apostrophe(text):
    """The cell is the text behind one apostrophe more."""
    assert defuse(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "a", "1-2", "'s Gravenhage", "'tis", "(=1)", "#x", "5"])
def test_other_texts_stay_as_they_are(text):
    """Nothing is added to what runs nowhere, and nothing taken from it."""
    assert defuse(text) == restore(text) == text


@pytest.mark.parametrize(
    ("cell", "texts"),
    [
        ('["a", "b\\n\\u00e9"]', ("a", "b\né")),
        ("['a', \"it's\", 'b\\n\\xe9\\u2028\\U0001f600\\'\\\\']", ("a", "it's", "b\né\u2028\U0001f600'\\")),
        ("[ 'a' , u'b', ]", ("a", "b")),
        ("['a\nb']", ("a\nb",)),
        ("['\\d']", ("\\d",)),
        ("['\\UFFFFFFFF']", ("\\UFFFFFFFF",)),
        ("[]", ()),
        ("  ", ()),
        ("", ()),
        ('[""]', ("",)),
        ("plain text", ("plain text",)),
        ("[1] Smith et al.", ("[1] Smith et al.",)),
        ("[see page 3]", ("[see page 3]",)),
        ("[1, 2]", ("[1, 2]",)),
    ],
)
def test_a_list_of_texts_in_each_of_its_forms(cell, texts):
    """JSON, Python's own form, or a text alone, which is a list of one."""
    assert read_texts(cell) == texts


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=12)))
def test_python_lists_are_read_as_python_wrote_them(texts):
    """What pandas puts into a CSV cell comes back, whatever the texts."""
    assert read_texts(repr(texts)) == tuple(texts)


@pytest.mark.parametrize(
    "cell",
    ["['a', 1]", "['a' 'b']", "[{'text': 'a'}]", '["a", 1]', "[['a']]", "['" + "\\" * 99_999 + "']"],
)
def test_a_broken_list_of_texts_is_refused(cell):
    """It is no text of its own by mistake."""
    with pytest.raises(ValueError, match="neither a JSON list of texts nor a Python one"):
        read_texts(cell)


@pytest.mark.parametrize("cell", ["['a'", "[__import__('os').system('x')]", "[" * 99_999])
def test_what_is_no_list_is_a_text_and_never_run(cell):
    """Code is a text like any other, and nesting breaks nothing."""
    assert read_texts(cell) == (cell,)

"""CSV rows as chunks."""

from __future__ import annotations

import pytest

from document_files import read, refused, texts


def test_a_text_column_is_the_text(tmp_path):
    """The other columns stay fields, and the file's name and the page are the chunk's own."""
    document = read(tmp_path, "r.csv", 'filename,page,text,by\na.pdf,2,"One, two",x\nb.pdf,,NA,y\n')
    assert [(chunk.text, chunk.source, chunk.page, dict(chunk.fields)) for chunk in document.chunks] == [
        ("One, two", "a.pdf", 2, {"by": "x"}),
        ("NA", "b.pdf", None, {"page": "", "by": "y"}),
    ]


def test_a_row_without_a_text_column_says_its_columns(tmp_path):
    """Every filled cell stands under its column's name."""
    document = read(tmp_path, "r.csv", "part,price,note\nvalve,12,\npump,007,ok\n")
    assert texts(document) == ["part: valve\nprice: 12", "part: pump\nprice: 007\nnote: ok"]
    assert document.chunks[1].fields == {"part": "pump", "price": "007", "note": "ok"}
    assert document.chunks[0].end == len(document.chunks[0].text)


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "=HYPERLINK(1)", "\t=1"])
def test_a_formula_is_a_text(tmp_path, cell):
    """Nothing is computed and nothing is changed on the way in."""
    assert texts(read(tmp_path, "r.csv", f'text,x\n"{cell}",y\n')) == [cell]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_other_delimiters_and_newlines_are_found(tmp_path, delimiter, newline):
    """As the first line has them, outside of quotes."""
    lines = (f'"a,;|b"{delimiter}text', f'1{delimiter}"two\nlines"', "")
    document = read(tmp_path, "r.csv", newline.join(lines))
    assert texts(document) == ["two\nlines"]
    assert document.chunks[0].fields == {"a,;|b": "1"}


def test_empty_rows_are_told(tmp_path):
    """A row of empty cells is no chunk; a blank line is nothing at all."""
    document = read(tmp_path, "r.csv", "a,b\n,\n\n1,2\n")
    assert texts(document) == ["a: 1\nb: 2"]
    assert document.skipped[0].what == "r.csv:2"


@pytest.mark.parametrize(
    ("data", "code", "where"),
    [
        ("a,b\n1,2,3\n", "broken_row", "r.csv:2"),
        ("a,b\n1\n", "broken_row", "r.csv:2"),
        ("a,a\n1,2\n", "broken_row", "r.csv:1"),
        ('a,b\n"1,2\n', "broken_row", "r.csv:2"),
        ("a,b\n", "empty_document", "r.csv"),
        ("\n\n", "empty_document", "r.csv"),
        ("a\n" + "x" * 200_000, "broken_row", "r.csv:2"),
    ],
)
def test_a_broken_row_is_named(tmp_path, data, code, where):
    """A row that does not fit the header would put cells under wrong names."""
    error = refused(tmp_path, "r.csv", data)
    assert (error.code, error.where) == (code, where)


def test_too_many_rows_or_columns_are_refused(tmp_path):
    """Both have a limit."""
    assert refused(tmp_path, "r.csv", "a\n1\n2\n3\n", rows=2).code == "too_many_rows"
    assert refused(tmp_path, "r.csv", "a,b,c\n1,2,3\n", row_fields=2).code == "too_many_fields"

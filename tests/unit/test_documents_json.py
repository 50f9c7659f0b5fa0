"""JSON chunks: lists, objects around lists, JSON lines; what is kept, what is refused and where that is said."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from document_files import read, refused, texts
from evaltrail.core.document import Chunk
from evaltrail.generation.documents.json_chunks import json_chunks
from evaltrail.generation.documents.limits import DocumentLimits
from evaltrail.generation.documents.notes import Notes

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(st.tuples(st.text(max_size=30), VALUES), min_size=1, max_size=5), st.sampled_from([None, 2]))
def test_every_text_is_a_chunk(rows, indent):
    """Whatever stands beside them, texts come out as they went in, in their order, but for what no text can hold."""
    wanted = [text for text, _ in rows]
    data = json.dumps([{"text": text, "x": beside} for text, beside in rows], indent=indent).encode()
    notes = Notes()
    found = list(json_chunks(data, name="c.json", limits=DocumentLimits(), notes=notes))
    assert [chunk.number for chunk in found] == list(range(1, len(rows) + 1))
    assert all(len(chunk.text) == chunk.end == len(text) for chunk, text in zip(found, wanted, strict=True))
    if not notes.skipped:
        assert [chunk.text for chunk in found] == wanted


def test_the_seed_s_chunks_keep_all_they_say(tmp_path):
    """File name and page are the chunk's own; everything else stays under names joined by dots."""
    row = {
        "filename": "manual.pdf",
        "page": 3,
        "text": "Open it.",
        "meta": {"by": {"name": "x"}, "tags": ["a"]},
        "n": None,
    }
    assert read(tmp_path, "upload", json.dumps([row])).chunks == (
        Chunk(
            number=1,
            text="Open it.",
            source="manual.pdf",
            page=3,
            start=0,
            end=8,
            fields={"meta.by.name": "x", "meta.tags": '["a"]', "n": None},
        ),
    )


def test_na_and_nothing_are_texts(tmp_path):
    """No word means that a text is missing."""
    words = ["NA", "", "null", "nan", " "]
    assert texts(read(tmp_path, "c.json", json.dumps([{"text": word} for word in words]))) == words


@pytest.mark.parametrize("name", ["text", "content", "page_content"])
def test_the_text_has_one_of_three_names(tmp_path, name):
    """The first of them that is there is the text; the others stay fields."""
    document = read(tmp_path, "c.json", json.dumps([{name: "said", "other": "x"}]))
    assert texts(document) == ["said"]
    assert document.chunks[0].fields == {"other": "x"}


@pytest.mark.parametrize(
    ("row", "page"),
    [
        ({"page": "12"}, 12),
        ({"page_number": 7.0}, 7),
        ({"metadata": {"page_label": "8"}}, 8),
        ({"metadata": {"page": 7}}, None),
        ({"page": 0}, None),
        ({"page": "iv"}, None),
        ({"page": True}, None),
    ],
)
def test_a_page_is_a_number_from_one(tmp_path, row, page):
    """A text of digits is one too; what is none stays a field."""
    (chunk,) = read(tmp_path, "c.json", json.dumps([{"text": "x", **row}])).chunks
    assert chunk.page == page
    assert bool(chunk.fields) == (page is None)


def test_an_object_around_one_list_is_unwrapped(tmp_path):
    """What it says holds for every row that does not say it itself."""
    data = {"filename": "a.pdf", "chunks": [{"text": "one"}, {"text": "two", "filename": "b.pdf"}], "none": []}
    assert [(chunk.text, chunk.source) for chunk in read(tmp_path, "c.json", json.dumps(data)).chunks] == [
        ("one", "a.pdf"),
        ("two", "b.pdf"),
    ]


def test_one_object_with_a_text_is_one_chunk(tmp_path):
    """Nobody has to put brackets around a single chunk."""
    assert texts(read(tmp_path, "c.json", '{"text": "alone", "page": 1}')) == ["alone"]


def test_lines_are_rows(tmp_path):
    """JSON lines, blank ones between them."""
    document = read(tmp_path, "c.jsonl", '{"text": "a"}\r\n\n{"text": "b", "page": 2}')
    assert [(chunk.number, chunk.text, chunk.page) for chunk in document.chunks] == [(1, "a", None), (2, "b", 2)]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_other_unicode_encodings_are_read(tmp_path, encoding):
    """Windows' programs write JSON with a byte order mark, or as UTF-16."""
    assert texts(read(tmp_path, "c.json", '[{"text": "Grüße"}]'.encode(encoding))) == ["Grüße"]


def test_halves_of_characters_are_replaced_and_told(tmp_path):
    """A lone surrogate or a NUL cannot be written to any file; its place is kept."""
    document = read(tmp_path, "c.json", r'[{"text": "a\ud800b\u0000c \ud83d\ude00"}]')
    assert texts(document) == ["a\ufffdb\ufffdc \U0001f600"]
    assert document.skipped[0].what == "c.json, row 1: text"


def test_beyond_a_number_stays_a_text(tmp_path):
    """1e999 is no infinity here."""
    assert read(tmp_path, "c.json", '[{"text": "x", "n": 1e999}]').chunks[0].fields == {"n": "1e999"}


def test_two_fields_of_one_name_are_told(tmp_path):
    """A nested name that meets a flat one is not dropped in silence."""
    document = read(tmp_path, "c.json", '[{"text": "x", "a.b": 1, "a": {"b": 2}}]')
    assert document.chunks[0].fields == {"a.b": 1}
    assert "c.json, row 1: a.b" in document.skipped[0].what


@pytest.mark.parametrize(
    ("data", "code", "where"),
    [
        ('[{"text": "a"}, {"page": 2}]', "missing_text", "c.json, row 2"),
        ('[{"text": {"a": 1}}]', "text_is_no_text", "c.json, row 1"),
        ('[{"text": null}]', "text_is_no_text", "c.json, row 1"),
        ('[{"text": 5}]', "text_is_no_text", "c.json, row 1"),
        ('[{"text": "a"}, "b"]', "no_object", "c.json, row 2"),
        ('[{"text": "a"},\n {"text": "b",}]', "broken_json", "c.json, row 2"),
        ('[{"text": "a"}', "broken_json", "c.json:1"),
        ('[{"text": "a"},\n]', "broken_json", "c.json:2"),
        ('[{"text": "a"} {"text": "b"}]', "broken_json", "c.json:1"),
        ('[{"text": "a]', "broken_json", "c.json:1"),
        ('[{"text": "a"}]\n[]', "broken_json", "c.json:2"),
        ('[{"text": "a", "n": NaN}]', "broken_json", "c.json, row 1"),
        ('[{"text": "a"]}', "broken_json", "c.json, row 1"),
        ('{"a": [{"text": "x"}], "b": [{"text": "y"}]}', "no_chunk_list", "c.json"),
        ('{"a": 1}', "no_chunk_list", "c.json"),
        ('{"text": "x", "chunks": [{"text": "y"}]}', "no_chunk_list", "c.json"),
        ('{"a" 1}', "broken_json", "c.json:1"),
        ('"a"', "no_chunk_list", "c.json"),
        ("", "empty_document", "c.json"),
        (" ", "no_chunk_list", "c.json"),
        (b'[{"text": "\xff"}]', "broken_json", "c.json, row 1"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_place(tmp_path, data, code, where):
    """Each mistake has a word for programs, a place, and a next step."""
    error = refused(tmp_path, "c.json", data)
    assert (error.code, error.where) == (code, where)
    assert error.hint


def test_a_list_of_no_chunks_is_a_document(tmp_path):
    """It has no windows, which a preview can say."""
    assert read(tmp_path, "c.json", "[]").chunks == ()


@pytest.mark.parametrize(
    ("data", "where"), [('{"text": "a"}\n[1]', "c.jsonl:2"), ('{"text": "a"}\n{"text', "c.jsonl:2")]
)
def test_a_bad_line_is_named(tmp_path, data, where):
    """Of JSON lines the line is told."""
    assert refused(tmp_path, "c.jsonl", data).where.startswith(where)


def test_a_missing_text_is_looked_for(tmp_path):
    """A name that is close to the right one is shown."""
    assert "did you mean 'txt'?" in str(refused(tmp_path, "c.json", '[{"txt": "a"}]'))


@pytest.mark.parametrize(
    ("limits", "data", "code"),
    [
        ({"json_depth": 3}, '[{"text": "a", "b": [1]}]', None),
        ({"json_depth": 2}, '[{"text": "a", "b": [1]}]', "too_deep"),
        ({"rows": 1}, '[{"text": "a"}, {"text": "b"}]', "too_many_rows"),
        ({"rows": 1}, '{"all": [{"text": "a"}, {"text": "b"}]}', "too_many_rows"),
        ({"rows": 2}, '{"none": [], "all": [ {"text": "a"} ]}', None),
        ({"row_fields": 2}, '[{"text": "a", "b": {"c": 1, "d": 2}}]', "too_many_fields"),
        ({"row_bytes": 20}, '[{"text": "a", "b": "0123456789"}]', "too_large"),
        ({"size_bytes": 5}, '[{"text": "a"}]', "too_large"),
    ],
)
def test_limits_are_kept(tmp_path, limits, data, code):
    """Up to a limit a file is read, over it is refused."""
    if code is None:
        assert texts(read(tmp_path, "c.json", data, **limits)) == ["a"]
    else:
        assert refused(tmp_path, "c.json", data, **limits).code == code


@pytest.mark.parametrize("name", ["c.json", "c.jsonl"])
@pytest.mark.parametrize("data", ["[" * 100_000, '[{"text": "a", "b": ' + "[" * 100_000, '{"a":' * 100_000])
def test_deep_json_is_refused(tmp_path, name, data):
    """A hundred thousand brackets exhaust nothing."""
    assert refused(tmp_path, name, data).code in {"too_deep", "broken_json"}

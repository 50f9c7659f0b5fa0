"""Questions go to a file and come back as they were, or the file, line and column of what is wrong are told."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings

from evaltrail.core.errors import InputError
from evaltrail.core.question import Question, Rejected
from evaltrail.generation.sheets.columns import content_id
from evaltrail.generation.sheets.files import (
    MOST_BYTES,
    questions_bytes,
    read_questions,
    read_sheet,
    write_questions,
    write_rejects,
)
from question_values import QUESTIONS

FORMATS = ["csv", "jsonl", "parquet"]
QUESTION = Question(
    id="0123456789abcdef",
    query="=How many\nmoons?",
    response="-2",
    relevant_chunks=("Mars has 2 moons.", "Phobos; Deimos"),
    type="numeric",
    difficulty="easy",
    source="../planets.pdf",
    page=3,
    chunk_ids=(7, 8),
    evidence="2 moons",
    evidence_start=9,
    evidence_end=16,
    persona="a pupil",
    window=4,
    gates={"round_trip": 0.5, "evidence": 1.0},
)
BARE = Question(id="b", query="Why?", response="", relevant_chunks=())


def _file(folder, text, name="sheet.csv"):
    file = folder / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def _spreadsheet(data):
    return list(csv.DictReader(io.StringIO(data.decode(), newline="")))


def _refusal(folder, text, name="sheet.csv"):
    with pytest.raises(InputError) as refused:
        read_questions(_file(folder, text, name), name=name)
    return refused.value


@pytest.mark.parametrize("file_format", FORMATS)
@given(asked=QUESTIONS)
@settings(max_examples=20)
def test_what_is_written_is_read_again(tmp_path_factory, file_format, asked):
    """Any questions, in each format: all fields come back; the same questions are the same bytes."""
    file = tmp_path_factory.mktemp("law") / f"x.{file_format}"
    write_questions(file, asked)
    assert read_questions(file, name=file.name) == asked
    assert file.read_bytes() == questions_bytes(asked, file_format)


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_file_is_known_by_what_it_holds_where_its_name_says_nothing(tmp_path, file_format):
    """A download that lost its ending is read all the same."""
    write_questions(tmp_path / f"x.{file_format}", [QUESTION, BARE])
    assert read_questions(tmp_path / f"x.{file_format}", name="blob") == (QUESTION, BARE)


def test_the_columns_of_the_seed_stand_first(tmp_path):
    """`query,relevant_chunks,response`, then ours, then every gate; CSV has no mark and RFC 4180's line ends."""
    write_questions(tmp_path / "x.csv", [QUESTION, BARE])
    data = (tmp_path / "x.csv").read_bytes()
    columns = (
        "query,relevant_chunks,response,id,type,difficulty,source,page,chunk_ids,"
        "evidence,evidence_start,evidence_end,persona,window,gate_evidence,gate_round_trip\r\n"
    )
    assert data.startswith(columns.encode())
    rows = _spreadsheet(data)
    assert json.loads(rows[0]["relevant_chunks"]) == ["Mars has 2 moons.", "Phobos; Deimos"]
    assert (rows[0]["query"], rows[0]["response"]) == ("'=How many\nmoons?", "'-2")
    assert (rows[0]["gate_round_trip"], rows[1]["gate_round_trip"], rows[1]["page"]) == ("0.5", "", "")


@pytest.mark.parametrize("file_format", FORMATS)
def test_half_a_character_becomes_a_question_mark(tmp_path, file_format):
    """A model's broken text stops no file."""
    broken = replace(BARE, query="a\ud800", relevant_chunks=("b\udc00",))
    write_questions(tmp_path / f"x.{file_format}", [broken])
    (read,) = read_questions(tmp_path / f"x.{file_format}", name=f"x.{file_format}")
    assert (read.query, read.relevant_chunks) == ("a?", ("b?",))


def test_rejects_lie_in_a_file_with_their_reasons(tmp_path):
    """Reason and detail stand before the columns of the question."""
    write_rejects(tmp_path / "rejects.csv", [Rejected(question=QUESTION, reason="evidence", detail="not verbatim")])
    (row,) = _spreadsheet((tmp_path / "rejects.csv").read_bytes())
    assert list(row)[:5] == ["reason", "detail", "query", "relevant_chunks", "response"]
    assert (row["reason"], row["detail"], row["id"]) == ("evidence", "not verbatim", QUESTION.id)


def test_the_seed_s_three_columns_are_enough(tmp_path):
    """Python's lists, as pandas writes them; each row gets an id of what it says, a second copy another one."""
    text = "query,relevant_chunks,response\nWhy?,\"['a', 'b']\",So\nWhy?,\"['a', 'b']\",So\n,,\nWho?,one text,She\n"
    first, second, third = read_questions(_file(tmp_path, text), name="x.csv")
    assert (first.query, first.relevant_chunks, first.response, first.type) == ("Why?", ("a", "b"), "So", "simple")
    assert first.id == content_id("Why?", "So", ("a", "b"))
    assert second == replace(first, id=content_id("Why?", "So", ("a", "b"), copy=1))
    assert third.relevant_chunks == ("one text",)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_what_a_spreadsheet_saved_is_read(tmp_path, encoding, delimiter):
    """With a mark or without, also semicolons and tabs, other cases, trailing cells left out, numbers its own way."""
    rows = [["Query", "RESPONSE", "page", "gate_x", "type"], ["é, or; so?", "ja\r\nnein", "3,0", "0,5", "Multi-Hop"]]
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter).writerows([*rows, ["w", "r"], [], ["", " "]])
    first, second = read_questions(_file(tmp_path, out.getvalue().encode(encoding)), name="x.csv")
    assert (first.query, first.response, first.page, first.gates) == ("é, or; so?", "ja\r\nnein", 3, {"x": 0.5})
    assert (first.type, second.query, second.page) == ("multi_hop", "w", None)


def test_columns_that_say_nothing_are_named(tmp_path):
    """What is passed over is listed with its reason, and so is what the file has of ours."""
    sheet = read_sheet(_file(tmp_path, "query,response,Comment\na,b,c\n"), name="edited.csv")
    assert [(each.what, each.why) for each in sheet.skipped] == [
        ("edited.csv: column 'Comment'", "it says nothing that a question holds")
    ]
    assert sheet.columns == ("query", "response")


@pytest.mark.parametrize(
    ("offsets", "found", "notes"),
    [("0,3", (4, 7), 1), ("4,7", (4, 7), 0), (",", (4, 7), 0), ("9,12", (4, 7), 1)],
)
def test_evidence_is_looked_up_where_its_offsets_do_not_lead_to_it(tmp_path, offsets, found, notes):
    """An edit that moved it leaves no offsets that lie, and that they changed is said."""
    text = f"query,response,relevant_chunks,evidence,evidence_start,evidence_end\na,b,xyz abc,abc,{offsets}\n"
    sheet = read_sheet(_file(tmp_path, text), name="x.csv")
    assert (sheet.questions[0].evidence_start, sheet.questions[0].evidence_end) == found
    assert len(sheet.skipped) == notes


def test_evidence_that_is_nowhere_has_no_offsets(tmp_path):
    """The line of it is told."""
    text = "query,response,relevant_chunks,evidence,evidence_start,evidence_end\na,b,xyz,abc,0,3\n"
    sheet = read_sheet(_file(tmp_path, text), name="x.csv")
    assert (sheet.questions[0].evidence, sheet.questions[0].evidence_start) == ("abc", None)
    assert sheet.skipped[0].what == "x.csv, line 2: evidence_start, evidence_end"
    assert "not in the first of relevant_chunks" in sheet.skipped[0].why


@pytest.mark.parametrize(
    ("text", "where", "told"),
    [
        ("", "sheet.csv, line 1", "empty"),
        ("querry,response\na,b\n", "sheet.csv, line 1", "no column 'query' (rename 'querry' to it)"),
        ("question,response\na,b\n", "sheet.csv, line 1", "those that are there: question, response"),
        ("query\na\n", "sheet.csv, line 1", "no column 'response'"),
        ("query,response,query\na,b,c\n", "sheet.csv, line 1", "stands twice"),
        ("query,response,Query\na,b,c\n", "sheet.csv, line 1", "stands twice"),
        ('query,response\n"a\nb",c\n" ",d\n', "sheet.csv, line 4, column 'query'", "no question"),
        ("query,response,page\na,b,-3\n", "sheet.csv, line 2, column 'page'", "no whole number"),
        ("query,response,gate_x\na,b,1.5\n", "sheet.csv, line 2, column 'gate_x'", "no score from 0 to 1"),
        ("query,response,gate_x\na,b,nan\n", "sheet.csv, line 2, column 'gate_x'", "no score"),
        ("query,response,type\na,b,numerik\n", "sheet.csv, line 2, column 'type'", "did you mean 'numeric'?"),
        ("query,response,difficulty\na,b,x\n", "column 'difficulty'", "known are easy, medium, hard"),
        ("query,response,chunk_ids\na,b,x\n", "column 'chunk_ids'", "no list of whole numbers"),
        ("query,response,relevant_chunks\na,b,\"['x', 1]\"\n", "column 'relevant_chunks'", "neither a JSON list"),
        ("id,query,response\nx,a,b\ny,c,d\nx,e,f\n", "sheet.csv, line 4, column 'id'", "sheet.csv, line 2 and here"),
        ('query,response\na,"b\nc\n', "sheet.csv, line 2", "quotes of cell 2 are not closed"),
        ('query,response\na,"b"c\n', "sheet.csv, line 2", "or a text follows them"),
        ("query,response\na,b,c\n", "sheet.csv, line 2", "the row has 3 cells, and the header 2"),
        (b"query,response\na,b\n\xff,d\n", "sheet.csv, line 3", "no UTF-8 text"),
        ("query,response\n" + "," * 2000, "sheet.csv, line 2", "more than 1,000 cells"),
    ],
)
def test_a_broken_table_is_told_with_its_place(tmp_path, text, where, told):
    """File, line and column, what is wrong and what to do; never a traceback, never a row lost in silence."""
    refused = _refusal(tmp_path, text)
    assert refused.where.endswith(where)
    assert told in f"{refused.message} ({refused.hint})"


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('{"query": "a", "response": "b"}\n{"query": \n', "x.jsonl, line 2"),
        ('{"query": "a", "response": ["b"]}\n', "x.jsonl, line 1, column 'response'"),
        ('{"query": "a", "response": "b", "chunk_ids": [1.5]}\n', "x.jsonl, line 1, column 'chunk_ids'"),
        ('{"query": "a", "response": "b", "relevant_chunks": [[]]}\n', "x.jsonl, line 1, column 'relevant_chunks'"),
        ("[" * 100_000, "x.jsonl, line 1"),
        ('{"query": "\\ud800", "response": "b"}\n', "x.jsonl, line 1"),
    ],
)
def test_a_broken_json_line_is_told_with_its_place(tmp_path, text, where):
    """Lines that are no objects, and values that cannot be meant."""
    assert _refusal(tmp_path, text, "x.jsonl").where == where


def test_values_of_programs_are_read_as_they_are(tmp_path):
    """A number as an answer is a text, lists are lists, formulas are no cells, and an absent key is an absent value."""
    text = (
        '{"query": "\'=a", "response": 4, "relevant_chunks": ["x"], "page": null}\n\n{"query": "b", "response": "c"}\n'
    )
    first, second = read_questions(_file(tmp_path, text, "x.jsonl"), name="x.jsonl")
    assert (first.query, first.response, first.relevant_chunks, first.page) == ("'=a", "4", ("x",), None)
    assert second.relevant_chunks == ()


def test_a_long_cell_is_no_matter(tmp_path):
    """Longer than the standard library's reader takes; a cell beyond all measure is refused."""
    (read,) = read_questions(_file(tmp_path, f"query,response\n{'a' * 500_000},b\n"), name="x.csv")
    assert len(read.query) == 500_000
    assert "cell 1 is longer" in _refusal(tmp_path, f"query,response\n{'a' * 10_000_001},b\n").message


def test_a_file_that_is_too_large_is_refused_unread(tmp_path):
    """By its size alone."""
    file = _file(tmp_path, "query,response\n")
    with file.open("r+b") as sparse:
        sparse.truncate(MOST_BYTES + 1)
    with pytest.raises(InputError, match="100 MB are the most") as refused:
        read_questions(file, name="x.csv")
    assert refused.value.code == "too_large"


def test_a_file_that_is_not_what_its_name_says_is_refused(tmp_path):
    """No parquet, no file at all, and a name that no questions are written under."""
    assert "no parquet" in _refusal(tmp_path, "query,response\n", "x.parquet").message
    with pytest.raises(InputError, match="cannot be read"):
        read_questions(tmp_path / "absent.csv", name="absent.csv")
    with pytest.raises(InputError, match=r"did you mean '\.jsonl'") as refused:
        write_questions(tmp_path / "x.json", [])
    assert refused.value.code == "bad_format"

"""What somebody changed in a data set is found by id, and nothing that the file cannot say is lost."""

from __future__ import annotations

import csv
from dataclasses import replace

import pytest
from hypothesis import given

from evaltrail.core.question import Question
from evaltrail.generation.sheets.columns import COLUMNS
from evaltrail.generation.sheets.edits import carry_over, find_edits, write_difference
from evaltrail.generation.sheets.files import read_sheet, write_questions
from question_values import QUESTIONS


def _question(number, **changes):
    known = {"response": f"answer {number}", "relevant_chunks": (f"The answer {number} is here.",)}
    known |= {"evidence": f"answer {number}", "evidence_start": 4, "evidence_end": 12, "chunk_ids": (number,)}
    return Question(id=f"{number:016x}", **{"query": f"question {number}?", **known, "gates": {"x": 0.5}, **changes})


BEFORE = tuple(_question(number, type="numeric", page=number) for number in range(1, 5))


def _sheet(folder, rows, columns):
    file = folder / "edited.csv"
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(columns)
        writer.writerows(rows)
    return read_sheet(file, name=file.name)


def test_edits_are_counted_by_id():
    """Added, removed, changed with the columns that differ, and unchanged; the order of the rows is nothing."""
    changed = replace(BEFORE[2], response="new", gates={"x": 0.5, "y": 1.0})
    edits = find_edits(BEFORE, (_question(9), changed, BEFORE[0], BEFORE[1]))
    assert [question.id for question in edits.added] == [_question(9).id]
    assert edits.removed == (BEFORE[3],)
    assert [(change.before, change.after, change.fields) for change in edits.changed] == [
        (BEFORE[2], changed, ("response", "gate_y"))
    ]
    assert edits.unchanged == 2
    assert not edits.is_nothing


@given(QUESTIONS)
def test_a_data_set_is_no_edit_of_itself(asked):
    """Nothing is added, removed or changed, in whatever order."""
    edits = find_edits(asked, asked[::-1])
    assert edits.is_nothing
    assert edits.unchanged == len(asked)


@given(QUESTIONS, QUESTIONS)
def test_every_question_is_counted_once(before, after):
    """All of both versions are added, removed, changed or unchanged."""
    edits = find_edits(before, after)
    both = len(edits.changed) + edits.unchanged
    assert (len(edits.removed) + both, len(edits.added) + both) == (len(before), len(after))


def test_a_difference_shows_each_column_before_and_after(tmp_path):
    """A row a column; formulas are defused there too."""
    after = (replace(BEFORE[0], response="=1"), _question(9))
    write_difference(tmp_path / "edits.csv", find_edits(BEFORE[:2], after))
    with (tmp_path / "edits.csv").open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert list(rows[0].values()) == ["changed", BEFORE[0].id, "response", "answer 1", "'=1"]
    told = {(row["change"], row["id"], row["field"]): (row["before"], row["after"]) for row in rows}
    assert told["added", _question(9).id, "query"] == ("", "question 9?")
    assert told["removed", BEFORE[1].id, "query"] == ("question 2?", "")
    assert told["removed", BEFORE[1].id, "gate_x"] == ("0.5", "")


@pytest.mark.parametrize("file_format", ["csv", "jsonl", "parquet"])
def test_a_download_that_comes_back_is_no_edit(tmp_path, file_format):
    """Download, upload: nothing has changed."""
    write_questions(tmp_path / f"x.{file_format}", BEFORE)
    sheet = read_sheet(tmp_path / f"x.{file_format}", name=f"x.{file_format}")
    assert carry_over(BEFORE, sheet) == BEFORE


def test_columns_that_were_deleted_say_nothing_and_lose_nothing(tmp_path):
    """A file of id, query and response keeps the pages, chunks, types and scores of the version before."""
    rows = [[question.id, question.query, question.response] for question in BEFORE]
    rows[1][2] = "edited"
    after = carry_over(BEFORE, _sheet(tmp_path, rows, ["id", "query", "response"]))
    assert find_edits(BEFORE, after).changed[0].fields == ("response", "gate_x")
    assert find_edits(BEFORE, after).unchanged == 3


def test_scores_of_gates_are_those_of_the_text_that_they_were_measured_on(tmp_path):
    """An edited question has none, whatever the file still says of it; sent a second time, that is no edit either."""
    columns = ["id", "query", "response", "page", "gate_x"]
    rows = [[each.id, each.query, each.response, each.page, 0.5] for each in BEFORE]
    rows[0][1], rows[1][3], rows[2][4] = "edited?", 9, 1.0
    sheet = _sheet(tmp_path, rows, columns)
    after = carry_over(BEFORE, sheet)
    assert [each.gates for each in after] == [{}, *({"x": 0.5},) * 3]
    assert [change.fields for change in find_edits(BEFORE, after).changed] == [("query", "gate_x"), ("page",)]
    assert carry_over(after, sheet) == after


def test_rows_without_ids_are_known_by_their_question_or_their_answer(tmp_path):
    """The seed's three columns: an edited answer and an edited question are changes, not a new row and a lost one."""
    rows = [[question.query, list(question.relevant_chunks), question.response] for question in BEFORE]
    rows[0][2], rows[1][0] = "edited", "edited?"
    rows[2] = ["new?", "[]", "new"]
    after = carry_over(BEFORE, _sheet(tmp_path, rows, COLUMNS[:3]))
    edits = find_edits(BEFORE, after)
    assert [(change.before, change.fields) for change in edits.changed] == [
        (BEFORE[0], ("response", "gate_x")),
        (BEFORE[1], ("query", "gate_x")),
    ]
    assert ([each.query for each in edits.added], edits.removed, edits.unchanged) == (["new?"], (BEFORE[2],), 1)


def test_rows_that_could_be_either_are_not_guessed_at(tmp_path):
    """Two old questions with the same words and one row: nobody can tell which it was."""
    before = (_question(1), _question(2, query="question 1?"))
    after = carry_over(before, _sheet(tmp_path, [["question 1?", "other"]], ["query", "response"]))
    assert len(find_edits(before, after).removed) == 2


def test_a_row_with_an_id_of_its_own_is_new(tmp_path):
    """Where the file has ids, an unknown one with another question is added, also if the answer is known."""
    rows = [["mine", "another?", BEFORE[0].response, BEFORE[0].relevant_chunks[0]]]
    sheet = _sheet(tmp_path, rows, ["id", "query", "response", "relevant_chunks"])
    assert [each.id for each in find_edits(BEFORE, carry_over(BEFORE, sheet)).added] == ["mine"]


def test_evidence_is_found_again_where_its_chunk_was_edited(tmp_path):
    """Offsets and chunk numbers that the file did not hold follow the chunk, or are left out."""
    rows = [[BEFORE[0].id, "q?", "r", "Now answer 1 stands here."], [BEFORE[1].id, "q2?", "r", "Nothing."]]
    sheet = _sheet(tmp_path, rows, ["id", "query", "response", "relevant_chunks"])
    first, second = carry_over(BEFORE, sheet)
    assert (first.evidence_start, first.evidence_end, first.chunk_ids) == (4, 12, ())
    assert (second.evidence, second.evidence_start, second.evidence_end) == ("answer 2", None, None)

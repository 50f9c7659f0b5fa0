"""Labels are read as the judge's own answers are; a bad one is told with file and line."""

from __future__ import annotations

import csv
import json

import pytest

from evaltrail.core.errors import InputError
from evaltrail.scoring.judging.rubric import make_rubric
from evaltrail.scoring.judging.rubric_judge import rubric_judge
from evaltrail.service.calibrating.label_reader import label_reader
from evaltrail.service.calibrating.labels import read_labels


def _reader(**scale):
    return label_reader(rubric_judge(make_rubric("tone", "Grade the tone.", **scale)))


class _Other:
    """A judge without a rubric, as strangers write them."""

    name, better, source, is_grade, target = "other", "higher", "other/1", True, ""

    def __init__(self, unit):
        self.unit = unit


def _write(file, rows, head=("input", "output", "label")):
    with file.open("w", newline="") as out:
        csv.writer(out).writerows([head, *rows])
    return file


YES_NO = {"labels": ("yes", "no")}
PASS_FAIL = {"labels": ("pass", "fail")}
WORDS = {"labels": ("good", "fair", "poor")}
SHARE = {"low": 0, "high": 1}


@pytest.mark.parametrize(
    ("scale", "cell", "value"),
    [
        ({}, "4", 4.0),
        ({}, " 4/5 ", 4.0),
        ({}, 3, 3.0),
        ({}, "2,5", 2.5),
        (SHARE, "0.25", 0.25),
        (SHARE, "yes", 1.0),
        (SHARE, False, 0.0),
        (YES_NO, "Yes", True),
        (YES_NO, "no.", False),
        (YES_NO, "1", True),
        (YES_NO, 0, False),
        (YES_NO, "TRUE", True),
        (YES_NO, True, True),
        (PASS_FAIL, "passed"[:4], True),
        (PASS_FAIL, "0", False),
        (WORDS, "FAIR", "fair"),
    ],
)
def test_a_label_is_the_value_that_the_judge_would_give(scale, cell, value):
    """Numbers, words of the scale, and yes, no, 1, 0, true, false where only one thing can be meant."""
    read = _reader(**scale).read(cell)
    assert (type(read), read) == (type(value), value)


@pytest.mark.parametrize(
    ("scale", "cell"),
    [({}, "6"), ({}, "0"), ({}, "good"), ({}, "yes"), (SHARE, "2"), (YES_NO, "3"), (WORDS, "1"), ({}, True)],
)
def test_what_the_judge_could_not_say_is_no_label(scale, cell):
    """Off the scale, or another scale: an error that says what the judge says."""
    with pytest.raises(InputError, match="which is what the judge says") as raised:
        _reader(**scale).read(cell)
    assert raised.value.code == "bad_label"


@pytest.mark.parametrize(
    ("unit", "cell", "value"),
    [("1", "0.5", 0.5), ("1", "yes", 1.0), ("1..5", "4", 4.0), ("-1..1", "-0.5", -0.5), ("", "A", "A")],
)
def test_a_judge_without_a_rubric_is_read_by_its_unit(unit, cell, value):
    """Ranges are scales, and without a unit any word is a class."""
    assert label_reader(_Other(unit)).read(cell) == value


@pytest.mark.parametrize(
    ("said", "cell", "value"),
    [([True, False], "yes", True), ([0.2, 0.9], "0.5", 0.5), (["yes", True], "yes", "yes"), ([], "4", "4")],
)
def test_a_judge_that_tells_no_scale_is_read_by_what_it_said(said, cell, value):
    """Afterwards it is known whether its labels are truths, numbers or words."""
    read = label_reader(_Other("")).fitted(said).read(cell)
    assert (type(read), read) == (type(value), value)
    known = _reader()
    assert known.fitted(said) is known


def test_what_kind_of_scale_it_is():
    """Words have no mean, right and wrong no steps, numbers both; means stay between the ends."""
    told = {name: _reader(**scale) for name, scale in {"n": {}, "b": YES_NO, "w": WORDS, "s": SHARE}.items()}
    assert {name: (reader.is_number, reader.is_graded) for name, reader in told.items()} == {
        "n": (True, True),
        "b": (True, False),
        "w": (False, False),
        "s": (True, True),
    }
    assert (told["n"].bounds, told["b"].bounds, told["w"].bounds) == ((1.0, 5.0), (0.0, 1.0), (0.0, 1.0))
    assert (told["n"].name(4.0), told["b"].name(value=True), told["w"].name("fair")) == ("4", "yes", "fair")


def test_rows_lose_their_label_and_keep_everything_else(tmp_path):
    """The judge sees input, output, references, contexts and further columns, never what people said."""
    head = ("input", "output", "label", "reference", "contexts", "channel")
    file = _write(
        tmp_path / "l.csv", [("q", "a", "yes", "r", '["c1", "c2"]', "mail"), ("q2", "a2", "", "", "c", "")], head
    )
    first, second = read_labels(file, _reader(**YES_NO))
    assert (first.id, first.label, second.label) == ("l.csv:2", True, None)
    assert first.record == {
        "input": "q",
        "output": "a",
        "reference": ["r"],
        "contexts": ["c1", "c2"],
        "channel": "mail",
    }
    assert (second.record["reference"], second.record["contexts"]) == ([], ["c"])


def test_rows_of_the_second_file_are_unlabelled_whatever_they_say(tmp_path):
    """The table without labels needs no such column, and one that is there is passed over."""
    labels = _write(tmp_path / "l.csv", [("q", "a", "yes")])
    more = _write(tmp_path / "m.csv", [("q", "a", "nonsense")])
    bare = _write(tmp_path / "b.csv", [("q", "a")], ("input", "output"))
    assert [row.label for row in read_labels(labels, _reader(**YES_NO), unlabelled=more)] == [True, None]
    assert [row.id for row in read_labels(labels, _reader(**YES_NO), unlabelled=bare)] == [
        "l.csv:2",
        "unlabelled/b.csv:2",
    ]


def test_lines_of_json_are_read_too(tmp_path):
    """Labels may be JSON numbers and bools, and an output that is no text is shown as JSON."""
    rows = [{"input": "q", "output": {"a": 1}, "label": True}, {"input": "q", "output": "x", "label": None}]
    file = tmp_path / "l.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    first, second = read_labels(file, _reader(**YES_NO))
    assert (first.label, first.record["output"], second.label) == (True, '{"a":1}', None)


@pytest.mark.parametrize(
    ("rows", "head", "code", "where"),
    [
        ([("q", "a", "yes"), ("q", "a", "7")], ("input", "output", "label"), "bad_label", "l.csv:3"),
        ([("q", "two\nlines", "yes"), ("q", "a", "7")], ("input", "output", "label"), "bad_label", "l.csv:4"),
        ([("q", "a", "yes")], ("input", "output", "lable"), "missing_column", "l.csv"),
        ([("q", "a", "yes")], ("question", "output", "label"), "missing_column", "l.csv"),
        ([("q", "a", " ")], ("input", "output", "label"), "no_labels", "l.csv"),
        ([], ("input", "output", "label"), "no_labels", "l.csv"),
        ([("q", "a")], ("input", "output", "label"), "broken_record", "l.csv:2"),
    ],
)
def test_a_bad_table_is_told_by_file_and_line(tmp_path, rows, head, code, where):
    """Nothing is asked before the whole table was read."""
    file = _write(tmp_path / "l.csv", rows, head)
    with pytest.raises(InputError) as raised:
        read_labels(file, _reader(**YES_NO))
    assert (raised.value.code, raised.value.where.removeprefix(f"{tmp_path}/")) == (code, where)
    assert raised.value.hint


def test_a_missing_table_is_told(tmp_path):
    """The nearest file beside it is named."""
    _write(tmp_path / "labels.csv", [])
    with pytest.raises(InputError, match="not there") as raised:
        read_labels(tmp_path / "lables.csv", _reader(**YES_NO))
    assert "labels.csv" in raised.value.hint

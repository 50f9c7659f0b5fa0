"""Data of any shape become columns, and columns get their roles."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from evaltrail.core.errors import InputError
from evaltrail.service.frames.frame import read_frame
from evaltrail.service.frames.frame_task import chat_turns
from evaltrail.service.frames.roles import Named, find_roles, references

ROWS = [{"inputs": "a", "targets": "1"}, {"inputs": "b", "targets": "2"}]
COLUMNS = {"inputs": ["a", "b"], "targets": ["1", "2"]}


class EvaluationDataset:
    """An MLflow dataset of records: it has ``to_df``."""

    name = "kept"

    def to_df(self):
        return pd.DataFrame(ROWS)


class PandasDataset:
    """An MLflow dataset of a table: it has ``df`` and names its targets."""

    def __init__(self):
        self.df, self.name, self.targets, self.predictions = pd.DataFrame(ROWS), "table", "targets", None


class Arrow:
    """Something that pandas can have."""

    def to_pandas(self):
        return pd.DataFrame(ROWS)


def files(folder):
    """The rows in every kind of file."""
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, ROWS)))
    (folder / "rows.json").write_text(json.dumps(ROWS))
    pd.DataFrame(ROWS).to_csv(folder / "rows.csv", index=False)
    pd.DataFrame(ROWS).to_parquet(folder / "rows.parquet")
    return sorted(folder.iterdir())


@pytest.mark.parametrize(
    "data",
    [
        COLUMNS,
        ROWS,
        tuple(ROWS),
        pd.DataFrame(ROWS),
        {name: np.array(values) for name, values in COLUMNS.items()},
        {name: pd.Series(values) for name, values in COLUMNS.items()},
        EvaluationDataset(),
        PandasDataset(),
        Arrow(),
    ],
    ids=lambda data: type(data).__name__,
)
def test_every_shape_gives_the_same_columns(data):
    """Columns, rows, tables and datasets."""
    frame = read_frame(data)
    assert ({name: list(values) for name, values in frame.columns.items()}, frame.size) == (COLUMNS, 2)


def test_files_are_read_by_their_ending(tmp_path):
    """The same readers as for task files; the data's name is the file's."""
    for file in files(tmp_path):
        frame = read_frame(file)
        found = {name: list(map(str, values)) for name, values in frame.columns.items()}
        assert (found, frame.name, frame.source) == (COLUMNS, "rows", file.name)


def test_a_list_of_inputs_is_one_column_and_missing_entries_are_none():
    """Plain inputs need no dict; rows need not have the same keys."""
    assert read_frame(["a", "b"]).columns == {"inputs": ["a", "b"]}
    assert read_frame([{"a": 1}, {"b": 2}]).columns == {"a": [1, None], "b": [None, 2]}


@pytest.mark.parametrize(
    ("data", "code", "told"),
    [
        ({"inputs": ["a", "b"], "targets": ["1"]}, "bad_data", "'inputs' has 2, 'targets' has 1"),
        ({"inputs": []}, "empty_dataset", "'inputs'"),
        ([], "empty_dataset", "no columns"),
        (pd.DataFrame({"a": []}), "empty_dataset", "'a'"),
        ({"inputs": "abc"}, "bad_data", "'inputs' is str"),
        ({"inputs": (text for text in "ab")}, "bad_data", "generator"),
        ([{"a": 1}, "b"], "bad_data", "row 1"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "bad_data", "twice"),
        (None, "bad_data", "nothing"),
        (7, "bad_data", "int"),
        ("missing.jsonl", "missing_dataset", "missing.jsonl"),
    ],
)
def test_data_that_are_none_are_refused(data, code, told):
    """The error names the columns and what they have."""
    with pytest.raises(InputError) as refusal:
        read_frame(data)
    assert refusal.value.code == code
    assert told in str(refusal.value)


def test_roles_are_found_by_their_usual_names():
    """Inputs, targets, contexts and outputs, unless they are named."""
    frame = read_frame([{"question": "q", "ground_truth": "g", "context": "c", "response": "r", "lang": "en"}])
    _, roles = find_roles(frame, Named(), has_model=False)
    assert (roles.inputs, roles.targets, roles.contexts, roles.outputs) == (
        ("question",),
        "ground_truth",
        "context",
        "response",
    )
    _, named = find_roles(frame, Named(inputs="lang", targets="response"), has_model=True)
    assert (named.inputs, named.targets, named.outputs) == (("lang",), "response", "")


def test_without_a_usual_name_a_model_reads_all_columns_left():
    """As rows of a table: a dict of each row's fields."""
    frame, roles = find_roles(read_frame([{"age": 3, "name": "x", "y": 1}]), Named(targets="y"), has_model=True)
    assert roles.asked(frame) == [{"age": 3, "name": "x"}]


def test_targets_may_be_given_beside_the_data():
    """A list of the right length becomes a column."""
    frame, roles = find_roles(read_frame(["a", "b"]), Named(targets=["1", "2"]), has_model=True)
    assert frame.columns[roles.targets] == ["1", "2"]
    with pytest.raises(InputError, match="3 targets for 2 rows"):
        find_roles(read_frame(["a", "b"]), Named(targets=["1", "2", "3"]), has_model=True)


@pytest.mark.parametrize(
    ("named", "code"),
    [(Named(targets="truth"), "missing_column"), (Named(inputs="x"), "missing_column"), (Named(), "no_model")],
)
def test_columns_that_are_not_there_are_named(named, code):
    """A missing column, or neither a model nor outputs: what there is stands in the error."""
    with pytest.raises(InputError) as refusal:
        find_roles(read_frame([{"inputs": "a", "targts": "b"}]), named, has_model=False)
    assert refusal.value.code == code
    assert "targts" in str(refusal.value) or "inputs" in str(refusal.value)


@pytest.mark.parametrize(
    ("cell", "accepted"),
    [
        ("a", "a"),
        (3, "3"),
        (3.0, "3"),
        (True, "true"),
        ([True, {"a": 1}], ["true", '{"a":1}']),
        (["a", "b"], ["a", "b"]),
        (np.array(["a"]), ["a"]),
        (None, None),
        (float("nan"), None),
        ({"expected_response": "x", "expected_facts": ["y"]}, "x"),
        ({"label": "z"}, "z"),
        ({"one": 1, "two": 2}, None),
    ],
)
def test_a_targets_cell_is_one_answer_several_or_none(cell, accepted):
    """Text, a list, or MLflow's expectations; numbers and bools as a task file's templates write them."""
    assert references(cell) == accepted


@pytest.mark.parametrize(
    ("value", "count"),
    [
        ([{"role": "user", "content": "hi"}], 1),
        ({"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]}, 2),
        ([{"role": "user"}], 0),
        ([], 0),
        ("text", 0),
        (["a"], 0),
    ],
)
def test_inputs_that_are_chats_are_known(value, count):
    """Lists of turns, bare or under ``messages``."""
    assert len(chat_turns(value)) == count

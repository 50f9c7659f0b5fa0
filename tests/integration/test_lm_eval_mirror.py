"""The mirror of data sets in front of the library that fetches them."""

from __future__ import annotations

import pyarrow as pa
import pytest
from pyarrow import parquet

from evaltrail.core.errors import InputError
from evaltrail.providers.lm_eval.mirror import Mirror
from lm_eval_tasks import write_rows

ROWS = [{"question": "q", "choices": {"text": ["a", "b"]}, "label": 1}]


def library(path, name=None, **options):
    """Stands where the library does: it has one data set, and says what it was asked."""
    if path in {"org/cached", "json"}:
        return path, name, options
    raise ConnectionError(f"cannot reach the hub for {path}")


def mirror_at(folder, *, own=None, is_offline=True):
    return Mirror(library, folder=folder, own=own, is_offline=is_offline)


@pytest.fixture
def folder(tmp_path):
    """A mirror with a data set of two splits, one a file kind, and one with a configuration."""
    write_rows(tmp_path / "org/data/test.jsonl", ROWS)
    parquet.write_table(pa.Table.from_pylist(ROWS * 3), tmp_path / "org/data/train.parquet")
    write_rows(tmp_path / "org/data/hard/test.jsonl", ROWS * 2)
    (tmp_path / "org/data/notes.txt").write_text("not data")
    return tmp_path


def test_splits_come_from_the_mirror(folder):
    """Both kinds of file, nested fields as they are; a configuration has a folder of its own."""
    found = mirror_at(folder).load_dataset("org/data")
    assert {split: len(rows) for split, rows in found.items()} == {"test": 1, "train": 3}
    assert (found["test"][0], found["train"][0]) == (ROWS[0], ROWS[0])
    assert len(mirror_at(folder).load_dataset("org/data", "hard")["test"]) == 2
    assert len(mirror_at(folder).load_dataset(path="org/data", name="hard", split="test")) == 2


def test_a_stream_is_a_stream(folder):
    """Tasks that stream get rows one at a time."""
    found = mirror_at(folder).load_dataset("org/data", streaming=True)
    assert list(found["test"]) == ROWS


def test_what_the_mirror_has_not_is_the_library_s(folder):
    """A data set that was fetched before lies in the library's own store."""
    assert mirror_at(folder).load_dataset("org/cached", "c", revision="v1") == ("org/cached", "c", {"revision": "v1"})
    assert mirror_at(None).load_dataset("org/cached") == ("org/cached", None, {})


@pytest.mark.parametrize(("at", "word"), [(None, "EVALTRAIL_DATASETS_DIR"), ("folder", "org/gone/c/<split>.jsonl")])
def test_data_that_are_nowhere_are_told(folder, at, word):
    """Where to put the rows, whether there is a mirror or not."""
    with pytest.raises(InputError) as caught:
        mirror_at(folder if at else None).load_dataset("org/gone", "c")
    assert "org/gone (c)" in caught.value.message
    assert word in caught.value.hint


def test_with_the_network_allowed_the_library_speaks_for_itself(folder):
    """What goes wrong on the way to the hub is no missing file."""
    with pytest.raises(ConnectionError):
        mirror_at(folder, is_offline=False).load_dataset("org/gone")


@pytest.mark.parametrize(("path", "name"), [("../org/data", None), ("org/data", "../data"), ("/etc", None)])
def test_nothing_outside_the_mirror_is_read(folder, path, name):
    """Names of data sets are no paths that lead elsewhere."""
    with pytest.raises((InputError, ConnectionError)):
        mirror_at(folder / "org").load_dataset(path, name)


def test_files_beside_the_task_are_found(folder, tmp_path):
    """A relative data file is looked for where one stands, then beside the task file."""
    write_rows(tmp_path / "tasks/rows.jsonl", ROWS)
    mirror = mirror_at(folder, own=tmp_path / "tasks")
    _, _, options = mirror.load_dataset(
        "json", data_files={"test": "rows.jsonl", "train": ["rows.jsonl", "gone.jsonl"]}
    )
    beside = str(tmp_path / "tasks/rows.jsonl")
    assert options == {"data_files": {"test": beside, "train": [beside, "gone.jsonl"]}}
    assert mirror.load_dataset("json", data_files="rows.jsonl")[2] == {"data_files": beside}

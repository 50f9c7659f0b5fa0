"""Data sets: every kind of file gives the same records, and a broken one says where."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaltrail.core.errors import InputError
from evaltrail.providers.datasets import find_dataset
from native_tasks import write_data

ROWS = [{"q": 'é, "x"\n2', "n": 1}, {"q": "b", "n": 2}]
BOM = b"\xef\xbb\xbf"


def write_kind(folder, kind: str, rows=ROWS) -> str:
    file = folder / f"data.{kind}"
    if kind == "parquet":
        import pyarrow as pa  # noqa: PLC0415  heavy, and only where parquet is written
        from pyarrow import parquet  # noqa: PLC0415

        columns = {name: pa.array([row[name] for row in rows]) for name in rows[0]}
        parquet.write_table(pa.table(columns), file)
    elif kind == "csv":
        cell = '"é, ""x""\n2",1\n'
        file.write_text(f"q,n\n{cell}b,2\n")
    elif kind == "json":
        file.write_text(json.dumps(rows))
    else:
        write_data(file, rows)
    return file.name


def read(folder, name: str, mirror=None) -> list[dict]:
    return [dict(record.fields) for record in find_dataset(name, folder, mirror, "t.yaml: dataset")]


def broken(folder, name: str, content: bytes) -> InputError:
    (folder / name).write_bytes(content)
    with pytest.raises(InputError) as caught:
        read(folder, name)
    return caught.value


@pytest.mark.parametrize("kind", ["jsonl", "json", "csv", "parquet"])
def test_every_kind_of_file_gives_its_records(tmp_path, kind):
    """The same table reads alike from each kind; CSV knows only texts."""
    expected = [{**row, "n": str(row["n"])} for row in ROWS] if kind == "csv" else ROWS
    source = find_dataset(write_kind(tmp_path, kind), tmp_path, None, "w")
    assert [record.fields for record in source] == expected
    assert [record.fields for record in source] == expected
    assert (source.name, source.source) == ("data", f"data.{kind}")


@given(st.lists(st.dictionaries(st.text(), st.text() | st.integers() | st.none() | st.lists(st.text()))))
def test_jsonl_records_come_as_they_are(tmp_path_factory, rows):
    """Any JSON object on a line is the record, whole numbers beyond 64 bits included."""
    folder = tmp_path_factory.mktemp("data")
    write_data(folder / "d.jsonl", rows)
    assert read(folder, "d.jsonl") == rows


def test_a_byte_order_mark_is_no_part_of_the_data(tmp_path):
    """Files that begin with a byte order mark read like those without."""
    for name, content in (("d.jsonl", b'{"q": 1}\n'), ("d.json", b'[{"q": 1}]'), ("d.csv", b"q\n1\n")):
        (tmp_path / name).write_bytes(BOM + content)
        assert [str(row["q"]) for row in read(tmp_path, name)] == ["1"]


def test_empty_lines_are_passed_over_and_counted(tmp_path):
    """Empty lines hold no record, and the records after them keep their line numbers."""
    (tmp_path / "d.jsonl").write_text('\n{"q": 1}\r\n   \n\n{"q": 2}')
    (tmp_path / "d.csv").write_text("q,r\n\n1,2\n\n")
    places = [record.where for record in find_dataset("d.jsonl", tmp_path, None, "w")]
    assert places == ["d.jsonl:2", "d.jsonl:5"]
    assert read(tmp_path, "d.csv") == [{"q": "1", "r": "2"}]


def test_a_json_file_may_hold_its_list_under_a_key(tmp_path):
    """The one list of an object is the table, or the one of its lists that holds records."""
    for text in ('{"version": 1, "data": [{"q": 1}]}', '{"splits": ["test"], "empty": [], "data": [{"q": 1}]}'):
        (tmp_path / "d.json").write_text(text)
        assert read(tmp_path, "d.json") == [{"q": 1}]


@pytest.mark.parametrize(
    ("name", "content", "place", "message"),
    [
        ("d.jsonl", b'{"q": 1}\n\n{"q": \n', ":3", "the line is no JSON object"),
        ("d.jsonl", b'{"q": 1}\n[1]\n', ":2", "the line is no JSON object"),
        ("d.jsonl", b'{"q": 1}\n{"q": "\xff"}\n', ":2", "the line is no JSON object"),
        ("d.jsonl", b'{"q": "\\ud800"}\n', ":1", "the line is no JSON object"),
        ("d.json", b"[1", "", "the file is no JSON"),
        ("d.json", b'["\xff"]', "", "the file is no JSON"),
        ("d.json", b"[" * 100_000, "", "the file is no JSON"),
        ("d.json", b'{"a": 1}', "", "the file holds no list of records"),
        ("d.json", b'{"a": [{}], "b": [{}]}', "", "the file holds several lists: 'a', 'b'"),
        ("d.json", b'{"a": [1], "b": []}', "", "the file holds several lists: 'a', 'b'"),
        ("d.json", b'[{"q": 1}, 2]', ", record 2", "the record is no object"),
        ("d.json", b'[{"q": "\\ud800"}]', ", record 1", "the record holds half a character"),
        ("d.csv", b"q,r\n1,2\n3\n", ":3", "the row has not the header's 2 columns"),
        ("d.csv", b"q,r\n1,2\n3,4,5\n", ":3", "the row has not the header's 2 columns"),
        ("d.csv", b"q,r\n1,2\n3,\xff\n4,5\n", ":3", "the row cannot be read"),
        ("d.csv", b"q\n" + b"x" * 200_000, ":2", "the row cannot be read: field larger"),
        ("d.parquet", b"PAR1 no parquet", "", "the file is no parquet"),
    ],
)
def test_a_broken_record_is_told_with_its_place(tmp_path, name, content, place, message):
    """File, line and reason of the first broken record; nothing is skipped in silence."""
    error = broken(tmp_path, name, content)
    assert error.message.startswith(message)
    assert (error.code, error.where) == ("broken_record", f"{tmp_path / name}{place}")


def test_a_missing_file_is_told_with_the_nearest(tmp_path):
    """A typo is answered with a file that lies beside the task."""
    write_kind(tmp_path, "jsonl")
    with pytest.raises(InputError, match=r"'dat\.jsonl' is not there") as caught:
        find_dataset("dat.jsonl", tmp_path, None, "t.yaml: dataset")
    assert (caught.value.hint, caught.value.where) == ("did you mean 'data.jsonl'?", "t.yaml: dataset")
    with pytest.raises(InputError, match="is not there") as caught:
        find_dataset("zzz.csv", tmp_path / "gone", None, "w")
    assert caught.value.hint.startswith("put the file beside the task")


def test_a_mistyped_path_is_answered_as_it_was_written(tmp_path, monkeypatch):
    """The folder is right, the name is not; without a task the paths begin here."""
    write_kind(tmp_path, "jsonl")
    for name in (f"{tmp_path.name}/dta.jsonl", str(tmp_path / "dta.jsonl")):
        monkeypatch.chdir(tmp_path.parent)
        with pytest.raises(InputError) as caught:
            find_dataset(name, Path(), None, "dataset_path")
        assert caught.value.hint == f"did you mean {name.replace('dta', 'data')!r}?"
    with pytest.raises(InputError, match="working folder"):
        find_dataset("gone/zzz.csv", Path(), None, "w")


def test_an_unknown_ending_is_told(tmp_path):
    """Only known kinds are read."""
    with pytest.raises(InputError, match="no known ending") as caught:
        find_dataset("data.xlsx", tmp_path, None, "w")
    assert caught.value.code == "bad_dataset"


def test_lineage_never_holds_an_absolute_path(tmp_path):
    """An absolute path says where it lies on one machine; lineage keeps the file's name."""
    write_kind(tmp_path, "jsonl")
    source = find_dataset(str(tmp_path / "data.jsonl"), tmp_path, None, "w")
    assert (source.name, source.source) == ("data", "data.jsonl")
    assert len(list(source)) == 2


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("hf://org/set?split=test", "org/set/test.jsonl"),
        ("hf://org/set", "org/set/test.jsonl"),
        ("hf://org/set?split=train", "org/set/train-00000-of-00001.jsonl"),
        ("hf://org/set?split=train", "org/set/data/train-00000-of-00001.jsonl"),
        ("hf://org/set?split=test&config=en", "org/set/en/test.jsonl"),
    ],
)
def test_a_hub_name_is_looked_up_in_the_mirror(tmp_path, name, file):
    """EVALTRAIL_DATASETS_DIR serves a hub name without a network."""
    (tmp_path / file).parent.mkdir(parents=True)
    write_data(tmp_path / file, ROWS)
    source = find_dataset(name, tmp_path, tmp_path, "w")
    assert [record.fields for record in source] == ROWS
    assert (source.name, source.source) == ("org/set", name)


def test_the_parts_of_a_split_are_read_in_order(tmp_path):
    """A split in several files is one data set, in the order of their numbers."""
    (tmp_path / "org" / "set").mkdir(parents=True)
    for part in (1, 0, 2, 10):
        write_data(tmp_path / "org" / "set" / f"test-{part}-of-11.jsonl", [{"part": part}])
    assert [row["part"] for row in read(tmp_path, "hf://org/set", tmp_path)] == [0, 1, 2, 10]


@pytest.mark.parametrize(
    ("there", "taken"),
    [
        (("test.jsonl", "test.json", "test-hard.jsonl", "test.backup.jsonl", "tests.jsonl"), "test.jsonl"),
        (("test.json", "test-0-of-1.jsonl"), "test.json"),
        (("test-0-of-1.json", "test-0-of-1.jsonl", "data/test-0-of-1.jsonl"), "test-0-of-1.jsonl"),
        (("test-hard.jsonl", "test-1.jsonl", "data/test-0-of-1.jsonl"), "data/test-0-of-1.jsonl"),
    ],
)
def test_a_split_is_read_from_one_kind_of_file(tmp_path, there, taken):
    """The whole file goes before parts, jsonl before the other kinds; files of other names are other splits."""
    folder = tmp_path / "org" / "set"
    (folder / "data").mkdir(parents=True)
    for name in there:
        row = {"file": name}
        (folder / name).write_text(json.dumps([row] if name.endswith(".json") else row))
    assert read(tmp_path, "hf://org/set", tmp_path) == [{"file": taken}]


def test_a_split_is_a_name_and_no_pattern(tmp_path):
    """Stars and brackets in a split stand for themselves."""
    (tmp_path / "org" / "set").mkdir(parents=True)
    for name in ("train", "[t]rain", "t*n"):
        write_data(tmp_path / "org" / "set" / f"{name}.jsonl", [{"split": name}])
    for name in ("[t]rain", "t*n"):
        assert read(tmp_path, f"hf://org/set?split={name}", tmp_path) == [{"split": name}]


@pytest.mark.parametrize(
    "name", ["hf://org/../../etc", "hf://", "hf://[org/set", "hf://org/set?split=../x", "hf://org/set?config=.."]
)
def test_a_hub_name_cannot_leave_the_mirror(tmp_path, name):
    """A name is no path."""
    with pytest.raises(InputError, match="is no data set name"):
        find_dataset(name, tmp_path, tmp_path, "w")


@pytest.mark.parametrize("name", ["hf:///etc", "hf:////etc", "hf://~/data", "hf://.", "hf://a b/c"])
def test_name_of_the_hub_is_no_folder_of_this_machine(tmp_path, name):
    """The hub's library would read a folder that such a name means."""
    with pytest.raises(InputError, match="no data set name"):
        find_dataset(name, tmp_path, None, "t.yaml: dataset")


def test_folder_beside_us_is_not_taken_for_the_hub(tmp_path, monkeypatch):
    """What is said to be of the hub comes from the mirror or the hub."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "org" / "name").mkdir(parents=True)
    (tmp_path / "org" / "name" / "test.jsonl").write_text('{"q": "of this machine"}\n')
    with pytest.raises(InputError):
        list(find_dataset("hf://org/name?split=test", tmp_path, None, "t.yaml: dataset"))


@pytest.mark.parametrize("name", ["~nobody-of-that-name/x.jsonl", "a" * 3000 + ".jsonl"])
def test_name_that_no_file_can_have_is_not_there(tmp_path, name):
    """It is told as any other that is not there."""
    with pytest.raises(InputError, match="is not there"):
        find_dataset(name, tmp_path, None, "t.yaml: dataset")

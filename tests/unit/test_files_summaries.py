"""Summaries in three formats: an export replaces its own job, keeps everything else, and destroys nothing foreign."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaltrail.core.errors import InputError
from evaltrail.core.metric import MetricValue
from evaltrail.destinations.files.csv_summary import merge_csv
from evaltrail.destinations.files.json_summary import merge_json
from evaltrail.destinations.files.parquet_summary import merge_parquet
from exported_entries import INVOCATION, MODEL, SCORE, entry_of, job_of

FILE = Path("processed_results")
MERGERS = {"json": merge_json, "csv": merge_csv, "parquet": merge_parquet}
EVERY = pytest.mark.parametrize("kind", list(MERGERS))


def csv_rows(data):
    return list(csv.DictReader(io.StringIO(data.decode(), newline="")))


def parquet_rows(data):
    from pyarrow import BufferReader, parquet  # noqa: PLC0415

    return parquet.read_table(BufferReader(data)).to_pylist()


def json_entries(data):
    parts = json.loads(data)["benchmarks"].values()
    return [entry for part in parts for entries in part["models"].values() for entry in entries]


def scores(kind, data):
    """Job to metric to value, as a summary holds them."""
    found = {}
    if kind == "json":
        for entry in json_entries(data):
            found.setdefault(entry["job_id"], {}).update(entry["scores"])
    elif kind == "csv":
        for row in csv_rows(data):
            values = {name: float(cell) for name, cell in list(row.items())[8:] if cell}
            found.setdefault(row["Job ID"], {}).update(values)
    else:
        for row in parquet_rows(data):
            found.setdefault(row["job_id"], {})[row["metric"]] = row["value"]
    return found


def plain(name, value, number, **more):
    return entry_of(MetricValue(name=name, value=value), job=job_of(number), **more)


@EVERY
def test_a_job_is_replaced_and_the_others_stay(kind):
    """Also when its task, model and metrics are others than before."""
    merge = MERGERS[kind]
    first = merge(b"", [plain("a", 0.1, 0), plain("a", 0.2, 1), plain("a", 0.3, 2)], FILE)
    again = merge(first, [plain("b", 0.5, 1, task="gpqa", model="other")], FILE)
    assert scores(kind, again) == {
        f"{INVOCATION}.0": {"a": 0.1},
        f"{INVOCATION}.1": {"b": 0.5},
        f"{INVOCATION}.2": {"a": 0.3},
    }


@EVERY
def test_the_same_export_again_changes_not_one_byte(kind):
    """Nor does looking at a summary."""
    merge = MERGERS[kind]
    entries = [entry_of(SCORE, job=job_of(0)), entry_of(SCORE, job=job_of(None), task="b")]
    first = merge(b"", entries, FILE)
    assert merge(first, entries, FILE) == first
    assert merge(first, entries[:1], FILE) == first
    assert merge(first, [], FILE) == first


@EVERY
def test_evaluations_of_ours_have_no_job_and_are_told_apart_by_their_ids(kind):
    """Each of their tasks is kept, and replaced with the whole."""
    merge = MERGERS[kind]
    mine, other = job_of(None, "aaaa"), job_of(None, "bbbb")
    first = merge(b"", [entry_of(SCORE, job=mine, task=task) for task in ("a", "b")], FILE)
    both = merge(first, [entry_of(SCORE, job=other)], FILE)
    fewer = merge(both, [entry_of(SCORE, job=mine, task="b")], FILE)
    if kind == "json":
        found = [(entry["invocation_id"], entry["task_name"]) for entry in json_entries(fewer)]
    elif kind == "csv":
        found = [(row["Invocation ID"], row["Task Name"]) for row in csv_rows(fewer)]
    else:
        found = [(row["invocation_id"], row["task"]) for row in parquet_rows(fewer)]
    assert sorted(found) == [("aaaa", "b"), ("bbbb", "mmlu")]


def test_json_has_the_launchers_shape_and_everything_else_beside_it():
    """Its keys, then the fuller list."""
    whole = json.loads(merge_json(b"", [entry_of(SCORE)], FILE))
    assert whole.keys() == {"benchmarks", "export_timestamp"}
    (entry,) = whole["benchmarks"]["mmlu"]["models"][MODEL]
    launchers = {"invocation_id", "job_id", "harness", "container", "scores", "timestamp", "executor", "results_dir"}
    assert list(entry)[:8] == [key for key in entry if key in launchers]
    assert entry["scores"] == {"score": 0.625}
    (metric,) = entry["metrics"]
    known = {"value": 0.625, "n": 4, "n_unscored": 1, "stderr": 0.25, "ci_low": 0.1, "ci_high": 0.9, "step": 0}
    assert known.items() <= metric.items()
    assert metric["unscored"] == {"garbage": 1}


def test_json_keeps_what_the_launcher_wrote():
    """Entries and keys of its own, also those we do not know, and NaN."""
    theirs = {"invocation_id": "ffff", "job_id": "ffff.0", "scores": {"x": float("nan")}, "odd": [1]}
    old = {"benchmarks": {"mmlu": {"models": {"m": [theirs]}, "more": 1}}, "export_timestamp": "then", "mine": 2}
    new = json.loads(merge_json(json.dumps(old).encode(), [entry_of(SCORE)], FILE))
    assert (new["mine"], new["benchmarks"]["mmlu"]["more"]) == (2, 1)
    assert new["benchmarks"]["mmlu"]["models"].keys() == {"m", MODEL}
    assert new["benchmarks"]["mmlu"]["models"]["m"][0]["odd"] == [1]


def test_csv_has_the_launchers_columns_and_then_the_metrics():
    """Sorted; one row a job."""
    data = merge_csv(b"", [plain("b", 0.25, 0), entry_of(SCORE, job=job_of(1))], FILE)
    head = data.decode().splitlines()[0].split(",")
    columns = ["Model Name", "Harness", "Task Name", "Executor", "Container", "Invocation ID", "Job ID", "Results Dir"]
    assert head[:8] == columns
    assert head[8:] == ["b", "score", *(f"score_{end}" for end in ("ci_high", "ci_low", "n", "n_unscored", "stderr"))]
    assert [(row["b"], row["score"], row["score_n"]) for row in csv_rows(data)] == [
        ("0.25", "", ""),
        ("", "0.625", "4"),
    ]


def test_csv_keeps_columns_and_byte_order_mark_of_the_file():
    """A spreadsheet's, with a column of its own in the middle."""
    old = '\ufeffJob ID,Invocation ID,Note,Task Name\r\nffff.0,ffff,"a, b",x\r\n'.encode()
    new = merge_csv(old, [plain("a", 1.5, 0)], FILE)
    assert new.startswith("\ufeffJob ID,Invocation ID,Note,Task Name,Model Name,".encode())
    assert b'ffff.0,ffff,"a, b",x' in new
    assert merge_csv(new, [plain("a", 1.5, 0)], FILE) == new


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_csv_texts_never_begin_a_formula(text):
    """In cells and in the names of columns; negative numbers stay numbers; the job is still found again."""
    entry = entry_of(MetricValue(name=text, value=-0.5), job=job_of(0, text), model=text)
    data = merge_csv(b"", [entry], FILE)
    (row,) = csv_rows(data)
    assert (row["Model Name"], row["Invocation ID"], row[f"'{text}"]) == (f"'{text}", f"'{text}", "-0.5")
    assert merge_csv(data, [entry], FILE) == data


def test_a_metric_may_be_called_like_one_of_the_columns():
    """It hides none of them."""
    (row,) = csv_rows(merge_csv(b"", [plain("Job ID", 0.5, 0)], FILE))
    assert (row["Job ID"], row["metric Job ID"]) == (f"{INVOCATION}.0", "0.5")


def test_parquet_has_one_typed_row_a_metric():
    """Long form; what nobody knows is null; counts are whole numbers."""
    entry = entry_of(SCORE, MetricValue(name="bare", value=None, step=3))
    data = merge_parquet(b"", [entry], FILE)
    first, second = parquet_rows(data)
    assert first == {
        "invocation_id": INVOCATION,
        "job_id": f"{INVOCATION}.0",
        "task": "mmlu",
        "model": MODEL,
        "metric": "score",
        "value": 0.625,
        "n": 4,
        "n_unscored": 1,
        "stderr": 0.25,
        "ci_low": 0.1,
        "ci_high": 0.9,
        "step": 0,
    }
    assert (second["value"], second["n"], second["step"]) == (None, None, 3)


def test_parquet_of_a_job_without_metrics_is_an_empty_table():
    """And a later export of others finds its columns there."""
    data = merge_parquet(b"", [], FILE)
    assert parquet_rows(data) == []
    assert len(parquet_rows(merge_parquet(data, [entry_of(SCORE)], FILE))) == 1


@pytest.mark.parametrize(
    ("kind", "old"),
    [
        ("json", b"[]"),
        ("json", b"{"),
        ("json", b'{"benchmarks": []}'),
        ("json", b'{"results": {}}'),
        ("json", b'{"benchmarks": {"a": {"models": {"m": {}}}}}'),
        ("json", b'{"benchmarks": {"a": {"models": {"m": [1]}}}}'),
        ("json", b"[" * 100_000),
        ("json", b"\xff\xfe"),
        ("csv", b"a,b\n1,2\n"),
        ("csv", b"\xef\xbb\xbf"),
        ("csv", b"\xff\xff"),
        ("csv", b"Task Name,Invocation ID,Job ID\na,b,c,d\n"),
        ("csv", b"Task Name,Invocation ID,Job ID,x,x\na,b,c,d,e\n"),
        ("csv", b'Task Name,Invocation ID,Job ID\n"a'),
        ("csv", b'{"benchmarks": {}}'),
        ("parquet", b"Task Name,Invocation ID,Job ID\n"),
        ("parquet", b" "),
    ],
)
def test_a_file_of_another_shape_is_refused(kind, old):
    """With exit code 2, its name, and what to do."""
    with pytest.raises(InputError) as caught:
        MERGERS[kind](old, [entry_of(SCORE)], FILE)
    assert (caught.value.exit_code, caught.value.code, caught.value.where) == (2, "other_shape", str(FILE))
    assert "output_filename" in caught.value.hint


def test_a_table_with_other_columns_is_refused():
    """It is Parquet, but somebody else's."""
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow import parquet  # noqa: PLC0415

    out = io.BytesIO()
    parquet.write_table(pa.schema([("a", pa.int64())]).empty_table(), out)
    with pytest.raises(InputError, match="other columns"):
        merge_parquet(out.getvalue(), [], FILE)


_TEXT = st.text(max_size=8)
_VALUES = st.floats(allow_nan=False, allow_infinity=False)


@EVERY
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_every_number_comes_back_exactly_in_any_order_of_exports(kind, data):
    """Whatever the names, the last export of each job is what the summary holds."""
    exports = data.draw(st.lists(st.tuples(st.integers(0, 3), _TEXT, _VALUES), max_size=8))
    old, last = b"", {}
    for number, text, value in exports:
        entry = entry_of(MetricValue(name=f"m {text}", value=value), job=job_of(number), model=text, task=text)
        old = MERGERS[kind](old, [entry], FILE)
        last[f"{INVOCATION}.{number}"] = {f"m {text}": value}
    if old:
        assert scores(kind, old) == last

from __future__ import annotations

import json
from dataclasses import replace

from evaltrail.core.sample import Sample, Score
from evaltrail.destinations.mlflow.samples import write_table
from mlflow_bundles import some_bundle, some_samples, some_task


def table_of(bundle, folder, rows=100):
    file = folder / "table.json"
    count = write_table(bundle, file, rows=rows)
    table = json.loads(file.read_text())
    assert len(table["data"]) == count
    return [dict(zip(table["columns"], row, strict=True)) for row in table["data"]]


def test_the_table_has_a_column_for_each_score_and_a_row_for_each_sample(tmp_path):
    """Input, reference, output and scores stand beside each other; what is unscored says why."""
    rows = table_of(some_bundle(tmp_path / "b"), tmp_path)
    assert [row["id"] for row in rows] == ["s0", "s1", "s2"]
    assert rows[0]["exact_match"] == 1.0
    assert rows[0]["judge"] is None
    assert json.loads(rows[0]["unscored"]) == {"judge": "no_match"}
    assert (rows[0]["input"], rows[0]["reference"], rows[0]["output"]) == ("question 0", "yes", "yes")
    assert "task" not in rows[0]
    assert "repeat" not in rows[0]


def test_rows_are_shared_between_tasks_and_read_no_further_than_needed(tmp_path):
    """A large first task does not push out the second, and a stream of millions is not read to its end."""
    read = []

    class Endless:
        def __iter__(self):
            for sample in some_samples(10_000):
                read.append(sample.id)
                yield sample

    tasks = (replace(some_task("a"), samples=Endless()), some_task("b"))
    rows = table_of(some_bundle(tmp_path / "b", tasks=tasks), tmp_path, rows=5)
    assert [row["task"] for row in rows] == ["a", "a", "a", "b", "b"]
    assert len(read) == 3


def test_nested_values_become_json_text(tmp_path):
    """MLflow's table shows plain cells: chat turns and several references are JSON text; names never collide."""
    turns = ({"role": "user", "content": "hi"},)
    sample = Sample(id="x", index=0, repeat=1, input=turns, reference=("a", "b"), scores={"output": Score(value=True)})
    (row,) = table_of(some_bundle(tmp_path / "b", tasks=(replace(some_task(), samples=(sample,)),)), tmp_path)
    assert json.loads(row["input"]) == [{"role": "user", "content": "hi"}]
    assert json.loads(row["reference"]) == ["a", "b"]
    assert row["output"] is None
    assert row["score.output"] is True
    assert row["repeat"] == 1

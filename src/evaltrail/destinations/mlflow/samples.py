"""eval_results_table.json: the first samples as the table that MLflow's UI shows.

Source: the JSON of ``mlflow.log_table``, ``{"columns": [...], "data": [[...]]}``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

import msgspec

from evaltrail.bundle.folders import write_whole
from evaltrail.core.result import ResultBundle, TaskResult
from evaltrail.core.sample import Sample
from evaltrail.core.values import Json, Scalar

_LEADING = ("id", "input", "reference", "output", "extracted")
_MOST_CHARACTERS = 20_000_000
"""What a browser still shows; longer tables are in `samples.parquet` whole."""
_CLOSING = ("unscored", "error", "finish_reason", "latency_s")


def write_table(bundle: ResultBundle, file: Path, *, rows: int) -> int:
    """Write the table of the bundle's first samples; every task gets an equal share of the rows.

    Args:
        bundle: its streams are read lazily, no further than needed.
        file: written whole; an unfinished one is never seen.
        rows: rows at most.

    Returns:
        The number of rows written.
    """
    several = len(bundle.tasks) > 1
    records = list(_records(bundle, rows, several=several))
    scores = dict.fromkeys(
        name for record in records for name in record if name not in {*_LEADING, *_CLOSING, "task", "repeat"}
    )
    columns = [*(["task"] if several else []), *_LEADING, *scores, *_CLOSING]
    if any(record["repeat"] for record in records):
        columns.insert(columns.index("id") + 1, "repeat")
    table = {"columns": columns, "data": [[record.get(name) for name in columns] for record in records]}
    write_whole(file, msgspec.json.encode(table))
    return len(records)


def _records(bundle: ResultBundle, rows: int, *, several: bool) -> Iterator[dict[str, Scalar]]:
    """The first samples of each task: its share of the rows, or of the characters where texts are long."""
    tasks = [task for task in bundle.tasks if task.samples is not None]
    for position, task in enumerate(tasks):
        share = rows // len(tasks) + (position < rows % len(tasks))
        room = _MOST_CHARACTERS // len(tasks)
        for sample in islice(iter(task.samples or ()), share):
            record = _record(task, sample, several=several)
            room -= sum(len(value) for value in record.values() if isinstance(value, str))
            if room < 0:
                break
            yield record


def _record(task: TaskResult, sample: Sample, *, several: bool) -> dict[str, Scalar]:
    unscored = {name: score.reason for name, score in sample.scores.items() if score.value is None}
    scores = {name: score.value for name, score in sample.scores.items()}
    own: dict[str, Scalar] = {
        "task": task.name if several else None,
        "id": sample.id,
        "repeat": sample.repeat,
        "input": sample.input if isinstance(sample.input, str) else _text(sample.input),
        "reference": sample.reference[0] if len(sample.reference) == 1 else _text(sample.reference),
        "output": sample.output,
        "extracted": sample.extracted,
        "unscored": _text(unscored) if unscored else None,
        "error": sample.error or None,
        "finish_reason": sample.finish_reason or None,
        "latency_s": sample.usage.latency_s,
    }
    return {**{name if name not in own else f"score.{name}": value for name, value in scores.items()}, **own}


def _text(value: Json | tuple[Mapping[str, str], ...]) -> str:
    return msgspec.json.encode(value).decode()

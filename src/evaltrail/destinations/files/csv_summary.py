"""Summary as CSV: one row a job (a task, where it has several), its metrics as columns.

Source: the columns of the NeMo Evaluator Launcher's local exporter, 0.2.6.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from evaltrail.destinations.files.entry import Entry, Key
from evaltrail.destinations.files.merged_rows import merged
from evaltrail.destinations.files.shape import other_shape

_BOM = "\ufeff"
_COLUMNS = (
    "Model Name",
    "Harness",
    "Task Name",
    "Executor",
    "Container",
    "Invocation ID",
    "Job ID",
    "Results Dir",
)
_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a text begins with that a spreadsheet would compute."""
Row = dict[str, str]


def merge_csv(old: bytes, entries: Sequence[Entry], file: Path) -> bytes:
    """The summary with these entries in it; rows of the same jobs that were there before are replaced.

    Columns stay in their order, new ones come last, sorted. A text that a spreadsheet would take for a formula gets an
    apostrophe before it; numbers never do.

    Args:
        old: the summary so far; empty = none.
        entries: whole jobs.
        file: named in errors.

    Raises:
        InputError: the file holds something else.
    """
    head, rows = _read(old, file)
    fresh: dict[Key, list[Row]] = {}
    for entry in entries:
        row = _row(entry)
        fresh.setdefault(_key(row), []).append(row)
    names = {name for added in fresh.values() for row in added for name in row}
    columns = [*head, *(name for name in _COLUMNS if name not in head)]
    columns += sorted(names.difference(columns))
    if old and not entries:
        return old
    mark = _BOM if old.startswith(_BOM.encode()) else ""
    return (mark + _written(columns, merged(rows, fresh, _key))).encode("utf-8", "replace")


def _written(columns: Sequence[str], rows: Sequence[Row]) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=columns, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _read(old: bytes, file: Path) -> tuple[list[str], list[Row]]:
    """The columns and rows so far."""
    if not old.strip():
        return list(_COLUMNS), []
    try:
        lines = csv.reader(io.StringIO(old.decode("utf-8-sig"), newline=""), strict=True)
        head = next(lines, [])
        missing = [name for name in ("Task Name", "Invocation ID", "Job ID") if name not in head]
        if missing or len(set(head)) != len(head):
            raise other_shape(file, f"its first line lacks {missing[0]!r}" if missing else "two columns have one name")
        rows = []
        for cells in lines:
            if len(cells) > len(head):
                raise other_shape(file, f"line {lines.line_num} has more cells than the first line")
            if cells:
                rows.append(dict(zip(head, cells, strict=False)))
    except (UnicodeDecodeError, csv.Error) as error:
        raise other_shape(file, f"it is no CSV: {error!s:.100}") from error
    return head, rows


def _key(row: Row) -> Key:
    return row.get("Invocation ID", ""), row.get("Job ID", "")


def _row(entry: Entry) -> Row:
    job = entry.job
    texts = (
        entry.model,
        entry.harness,
        entry.task,
        job.executor,
        job.container,
        job.invocation_id,
        job.job_id,
        job.results_dir,
    )
    row = {name: _text(text) for name, text in zip(_COLUMNS, texts, strict=True)}
    for metric in entry.metrics:
        for name, number in metric.columns():
            column = _text(name)
            row[f"metric {column}" if column in _COLUMNS else column] = repr(number)
    return row


def _text(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULAS) else text

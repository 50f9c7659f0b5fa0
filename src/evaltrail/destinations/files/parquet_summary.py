"""Summary as Parquet: one row a metric, typed; pyarrow is loaded here and nowhere before."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from evaltrail.destinations.files.entry import Entry, Key
from evaltrail.destinations.files.merged_rows import merged
from evaltrail.destinations.files.shape import other_shape

_TEXTS = ("invocation_id", "job_id", "task", "model", "metric")
_KINDS = {
    **dict.fromkeys(_TEXTS, "string"),
    "value": "float64",
    "n": "int64",
    "n_unscored": "int64",
    "stderr": "float64",
    "ci_low": "float64",
    "ci_high": "float64",
    "step": "int64",
}
Row = dict[str, Any]


def merge_parquet(old: bytes, entries: Sequence[Entry], file: Path) -> bytes:
    """The summary with these entries in it; rows of the same jobs that were there before are replaced.

    Args:
        old: the summary so far; empty = none.
        entries: whole jobs.
        file: named in errors.

    Raises:
        InputError: the file holds something else.
    """
    import pyarrow as pa  # noqa: PLC0415  60 MB: only where Parquet is asked for
    from pyarrow import parquet  # noqa: PLC0415

    schema = pa.schema([(name, getattr(pa, kind)()) for name, kind in _KINDS.items()])
    before = _read(old, schema, file)
    if old and not entries:
        return old
    out = io.BytesIO()
    parquet.write_table(_table(merged(before, _fresh(entries), _key), schema), out, compression="zstd")
    return out.getvalue()


def _fresh(entries: Sequence[Entry]) -> dict[Key, list[Row]]:
    fresh: dict[Key, list[Row]] = {}
    for entry in entries:
        key = _clean(entry.job.invocation_id), _clean(entry.job.job_id)
        fresh.setdefault(key, []).extend(_rows(entry))
    return fresh


def _key(row: Row) -> Key:
    return row["invocation_id"] or "", row["job_id"] or ""


def _read(old: bytes, schema: Any, file: Path) -> list[Row]:
    from pyarrow import ArrowException, BufferReader, parquet  # noqa: PLC0415

    if not old:
        return []
    try:
        table = parquet.read_table(BufferReader(old))
        if set(table.schema.names) != set(schema.names):
            raise other_shape(file, "it has other columns")
        rows: list[Row] = table.select(schema.names).cast(schema).to_pylist()
    except (ArrowException, OSError) as error:
        raise other_shape(file, f"it cannot be read as such a table: {error!s:.100}") from error
    return rows


def _table(rows: Sequence[Row], schema: Any) -> Any:
    """The rows as a table, by way of JSON: handing Python values to pyarrow would load pandas (0.4 s, Nov 2026)."""
    from pyarrow import json  # noqa: PLC0415

    if not rows:
        return schema.empty_table()
    data = b"\n".join(msgspec.json.encode(row) for row in rows)
    return json.read_json(
        io.BytesIO(data),
        read_options=json.ReadOptions(use_threads=False, block_size=len(data) + 1),
        parse_options=json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="error"),
    )


def _rows(entry: Entry) -> Iterator[Row]:
    job = entry.job
    texts = (job.invocation_id, job.job_id, entry.task, entry.model)
    for each in entry.metrics:
        metric = each.metric
        yield {
            **{name: _clean(text) for name, text in zip(_TEXTS, (*texts, each.name), strict=True)},
            "value": metric.value,
            "n": metric.n,
            "n_unscored": each.n_unscored,
            "stderr": metric.stderr,
            "ci_low": metric.ci_low,
            "ci_high": metric.ci_high,
            "step": metric.step,
        }


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()

"""Tables of questions as parquet: typed, and the same bytes for the same questions.

Arrow reads the JSON lines itself: handing it Python lists would load pandas (57 MB and 0.4 s, Nov 2026).
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from evaltrail.core.errors import InputError
from evaltrail.generation.sheets.columns import COLUMNS
from evaltrail.generation.sheets.csv_sheet import MOST_ROWS

_WHOLE = {"page", "evidence_start", "evidence_end", "window"}
_ROWS_A_GROUP = 10_000
_BATCH = 64
_MOST_BYTES = 1_000_000_000
"""Of the columns, unpacked; a table of questions is a hundredth of it."""
_LEAST_BLOCK_BYTES = 1_048_576


def parquet_bytes(lines: Sequence[bytes], gates: Sequence[str]) -> bytes:
    """A parquet file with the rows.

    Args:
        lines: each row as a JSON object, ended by a line end.
        gates: the columns with scores, in their order.
    """
    import pyarrow as pa  # noqa: PLC0415  60 MB: only where a table is written as parquet
    from pyarrow import json, parquet  # noqa: PLC0415

    schema = pa.schema([(column, _kind(column, pa)) for column in COLUMNS] + [(gate, pa.float64()) for gate in gates])
    if lines:
        table = json.read_json(
            io.BytesIO(b"".join(lines)),
            # a row has to fit into one block and its neighbour
            read_options=json.ReadOptions(use_threads=False, block_size=max(_LEAST_BLOCK_BYTES, *map(len, lines))),
            parse_options=json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="error"),
        ).combine_chunks()
    else:
        table = schema.empty_table()
    out = io.BytesIO()
    parquet.write_table(table, out, compression="zstd", row_group_size=_ROWS_A_GROUP)
    return out.getvalue()


def read_parquet(file: Path, *, name: str) -> tuple[tuple[str, ...], Iterator[Mapping[str, object]]]:
    """The columns of a file, and its rows as they are asked for.

    Raises:
        InputError: it is no parquet, or too large.
    """
    from pyarrow import ArrowException, parquet  # noqa: PLC0415  60 MB: only where a table is parquet

    try:
        with parquet.ParquetFile(file) as table:
            facts = table.metadata
            unpacked = sum(facts.row_group(place).total_byte_size for place in range(facts.num_row_groups))
            if facts.num_rows > MOST_ROWS or unpacked > _MOST_BYTES:
                raise InputError(
                    f"the table has {facts.num_rows:,} rows and {unpacked / 1_000_000:,.0f} MB unpacked",
                    code="too_large",
                    where=name,
                    hint=f"{MOST_ROWS:,} rows and {_MOST_BYTES // 1_000_000:,} MB are the most that is read",
                )
            columns = tuple(table.schema_arrow.names)
    except (OSError, ArrowException) as error:
        raise _broken(error, name) from error
    return columns, _rows(file, name)


def _rows(file: Path, name: str) -> Iterator[Mapping[str, object]]:
    from pyarrow import ArrowException, parquet  # noqa: PLC0415  as above

    try:
        with parquet.ParquetFile(file) as table:
            for batch in table.iter_batches(batch_size=_BATCH, use_threads=False):
                yield from batch.to_pylist()
    except (OSError, ArrowException) as error:
        raise _broken(error, name) from error


def _broken(error: Exception, name: str) -> InputError:
    return InputError(
        f"the file is no parquet that can be read: {error!s:.200}",
        code="broken_table",
        where=name,
        hint="send it as .csv or .jsonl",
    )


def _kind(column: str, arrow: Any) -> Any:
    """Arrow's type of one of our columns."""
    if column in _WHOLE:
        return arrow.int64()
    kinds = {"relevant_chunks": arrow.list_(arrow.string()), "chunk_ids": arrow.list_(arrow.int64())}
    return kinds.get(column, arrow.string())

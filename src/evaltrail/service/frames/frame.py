"""Frame: the data of an `evaluate()` call as columns, whatever shape they came in."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from evaltrail.core.errors import InputError
from evaltrail.core.values import Json
from evaltrail.models.text_repair import whole_text
from evaltrail.providers.datasets import find_dataset
from evaltrail.providers.prompts import as_text

_SHAPES = "a dict of columns, a list of dicts, a DataFrame, a path, or an MLflow dataset"
_LARGEST = 2**63
_MISSING_KINDS = frozenset({"NAType", "NaTType"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Columns of one length, with the values as they were given."""

    columns: Mapping[str, Sequence[object]]
    size: int
    """Number of rows, at least 1."""
    name: str = ""
    """What the data are called; empty = nobody said."""
    source: str = ""
    """Where they came from, for lineage."""
    targets: str = ""
    """The column that the data themselves call the targets."""
    predictions: str = ""
    """The column that the data themselves call the predictions."""

    def row(self, index: int) -> dict[str, object]:
        """One row, column to value."""
        return {name: values[index] for name, values in self.columns.items()}

    def with_column(self, name: str, values: Sequence[object]) -> Frame:
        """The frame with one more column."""
        return replace(self, columns={**self.columns, name: values})


def read_frame(data: object, *, mirror: Path | None = None) -> Frame:
    """The columns of some data.

    Args:
        data: dict of columns, list of dicts (or of plain inputs), DataFrame, path (.jsonl, .json, .csv, .parquet),
            ``hf://`` name, MLflow dataset, or anything with ``to_pandas()``.
        mirror: EVALTRAIL_DATASETS_DIR.

    Raises:
        InputError: it is none of these, columns have different lengths, or there is no row.
    """
    if isinstance(data, str | os.PathLike):
        return _from_file(os.fspath(data), mirror)
    if isinstance(data, Mapping):
        return _from_columns({str(name): _listed(str(name), values) for name, values in data.items()})
    if _is_table(data):
        return _from_table(data)
    if (frame := _from_mlflow(data)) is not None:
        return frame
    if hasattr(data, "to_pandas"):
        return _from_table(data.to_pandas())
    if isinstance(data, Sequence) and not isinstance(data, bytes | bytearray):
        return _from_rows(data)
    given = "nothing" if data is None else type(data).__name__
    raise InputError(f"data is {given}", code="bad_data", hint=f"pass {_SHAPES}")


def pandas() -> Any:
    """The library; it comes with mlflow, and is loaded only where a table is made."""
    import pandas as pd  # type: ignore[import-untyped]  # noqa: PLC0415  0.4 s

    return pd


def is_missing(value: object) -> bool:
    """Whether a cell holds nothing: None, NaN, or pandas' own words for that."""
    if value is None or type(value).__name__ in _MISSING_KINDS:
        return True
    return isinstance(value, float) and math.isnan(value)


def plain(value: object) -> Json:
    """The value as JSON says it; what JSON cannot say becomes text, and what is missing becomes null."""
    if is_missing(value):
        return None
    if isinstance(value, str | bool):
        return str(value) if isinstance(value, str) else value
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(inner) for inner in value]
    return _unpacked(value)


def text_of(value: object) -> str:
    """The value as a text that every file can hold: as a task file's templates write it, what is nested as JSON."""
    told = plain(value)
    if isinstance(told, Mapping | list):
        return json_line(told).decode()
    return whole_text(as_text("" if told is None else told))


def json_line(value: Json) -> bytes:
    """The value as JSON in UTF-8, which has no lone surrogates."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return whole_text(json.dumps(value, ensure_ascii=False)).encode()


def _number(value: float) -> Json:
    """A number that every JSON reader knows, in Python's own types; text beyond."""
    if isinstance(value, int):
        return int(value) if abs(value) < _LARGEST else str(value)
    return float(value) if math.isfinite(value) else str(value)


def _unpacked(value: object) -> Json:
    """What numpy, pandas, pydantic and the calendar make, as JSON says it."""
    for method in ("tolist", "isoformat", "model_dump"):
        if callable(getattr(value, method, None)):
            return plain(getattr(value, method)())
    return str(value)


def _from_file(name: str, mirror: Path | None) -> Frame:
    source = find_dataset(name, Path.cwd(), mirror, "data")
    frame = _from_rows([record.fields for record in source])
    return replace(frame, name=source.name, source=source.source)


def _from_rows(rows: Sequence[Any]) -> Frame:
    if rows and not any(isinstance(row, Mapping) for row in rows):
        return _from_columns({"inputs": list(rows)})
    for number, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise InputError(f"row {number} is {row!r:.80}", code="bad_data", where="data", hint="every row is a dict")
    names = dict.fromkeys(str(name) for row in rows for name in row)
    told = [{str(name): value for name, value in row.items()} for row in rows]
    return _from_columns({name: [row.get(name) for row in told] for name in names})


def _from_columns(columns: Mapping[str, Sequence[object]]) -> Frame:
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name!r} has {length}" for name, length in lengths.items())
        raise InputError(f"the columns differ in length: {told}", code="bad_data", where="data")
    size = next(iter(lengths.values()), 0)
    if not size:
        told = f"the columns {', '.join(map(repr, columns))} are empty" if columns else "the data have no columns"
        raise InputError(told, code="empty_dataset", where="data", hint="at least one row is needed")
    return Frame(columns=columns, size=size)


def _listed(name: str, values: object) -> list[object]:
    if hasattr(values, "tolist"):
        values = values.tolist()
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable) or hasattr(values, "__next__"):
        hint = "each column is a list with one value a row"
        raise InputError(
            f"the column {name!r} is {type(values).__name__}, no list", code="bad_data", where="data", hint=hint
        )
    return list(values)


def _is_table(data: object) -> bool:
    return all(hasattr(data, name) for name in ("columns", "iloc", "to_dict"))


def _from_table(table: Any) -> Frame:
    names = [str(name) for name in table.columns]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"the column {name!r} stands twice", code="bad_data", where="data", hint="rename one")
    return _from_columns({name: table.iloc[:, place].tolist() for place, name in enumerate(names)})


def _from_mlflow(data: Any) -> Frame | None:
    """The table of an MLflow dataset: a PandasDataset has ``df``, an evaluation dataset ``to_df()``."""
    table = getattr(data, "df", None)
    if table is None and callable(getattr(data, "to_df", None)):
        table = data.to_df()
    if table is None or not _is_table(table):
        return None
    frame = _from_table(table)
    told = {word: getattr(data, word, None) for word in ("name", "targets", "predictions")}
    named = {word: value if isinstance(value, str) else "" for word, value in told.items()}
    return replace(frame, name=named["name"], targets=named["targets"], predictions=named["predictions"])

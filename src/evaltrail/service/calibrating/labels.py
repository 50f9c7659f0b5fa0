"""Labels: a table of inputs, outputs and what people said of them, as records that a judge can be shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from evaltrail.core.decoding import decoded
from evaltrail.core.errors import InputError
from evaltrail.core.ids import nearest
from evaltrail.providers.datasets import Record, find_dataset
from evaltrail.scoring.judging.scale import Value
from evaltrail.service.calibrating.label_reader import LabelReader

_LABEL = "label"
_NEEDED = ("input", "output", _LABEL)
_LISTS = ("reference", "contexts")


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledRow:
    """One row: what the judge is shown, and what a person said."""

    id: str
    """File and line, as a person finds it: ``labels.csv:12``."""
    record: Mapping[str, Any]
    """Everything but the label, which no judge may see."""
    label: Value | None
    """None where nobody has labelled it."""


def read_labels(file: Path, reader: LabelReader, *, unlabelled: Path | None = None) -> tuple[LabelledRow, ...]:
    """The rows of a table of labels, then those of a table without.

    Args:
        file: .csv, .jsonl, .json or .parquet with ``input``, ``output``, ``label``, perhaps ``reference`` and
            ``contexts`` (a text, or a JSON list of texts); a row with an empty label counts as unlabelled.
        reader: of the labels.
        unlabelled: the same columns; what stands under ``label`` there is passed over.

    Raises:
        InputError: a file cannot be read, a column is missing, a label is none, or there are no labels at all.
    """
    rows = list(_rows(file, reader))
    if not any(row.label is not None for row in rows):
        hint = f"fill in the column {_LABEL!r}: {reader.told}"
        raise InputError("no row has a label", code="no_labels", where=str(file), hint=hint)
    if unlabelled is not None:
        rows += _rows(unlabelled, None)
    return tuple(rows)


def _rows(file: Path, reader: LabelReader | None) -> Iterator[LabelledRow]:
    """The rows of one file; without a reader none of them has a label."""
    if not file.is_file():
        beside = [path.name for path in file.absolute().parent.glob("*") if path.is_file()]
        hint = nearest(file.name, beside) or f"name a table with the columns {', '.join(_NEEDED)}"
        raise InputError("the table is not there", code="missing_labels", where=str(file), hint=hint)
    source = find_dataset(file.name, file.absolute().parent, None, str(file))
    number = 0
    for number, record in enumerate(source, 1):
        place = str(file.parent / record.where)
        if number == 1:
            _check_columns(record, str(file), needs_labels=reader is not None)
        cell = record.fields.get(_LABEL)
        label = None
        if reader is not None and cell is not None and str(cell).strip():
            try:
                label = reader.read(cell)
            except InputError as error:
                error.where = place
                raise
        yield LabelledRow(
            id=record.where if reader is not None else f"unlabelled/{record.where}",
            record=_shown(record, place),
            label=label,
        )
    if not number:
        raise InputError(
            "the file has no rows", code="no_labels", where=str(file), hint=f"columns: {', '.join(_NEEDED)}"
        )


def _check_columns(record: Record, where: str, *, needs_labels: bool) -> None:
    for name in _NEEDED if needs_labels else _NEEDED[:2]:
        if name not in record.fields:
            there = ", ".join(map(str, record.fields))
            hint = nearest(name, map(str, record.fields)) or f"the columns are: {there}"
            raise InputError(f"there is no column {name!r}", code="missing_column", where=where, hint=hint)


def _shown(record: Record, where: str) -> dict[str, Any]:
    """The record without its label; references and contexts as lists."""
    fields = {name: value for name, value in record.fields.items() if name != _LABEL}
    for name in ("input", "output"):
        value = fields.get(name)
        if value is None:
            raise InputError(f"there is no {name!r}", code="bad_row", where=where, hint="fill it in, or remove the row")
        fields[name] = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return fields | {name: _listed(fields.get(name)) for name in _LISTS}


def _listed(cell: object) -> list[str]:
    """One text, or a JSON list of texts, as a list; nothing as an empty one."""
    if isinstance(cell, str) and cell.lstrip().startswith("["):
        try:
            cell = decoded(cell, list[str])
        except msgspec.DecodeError:
            return [str(cell)]
    if isinstance(cell, list | tuple):
        return [str(part) for part in cell]
    return [str(cell)] if cell is not None and str(cell).strip() else []

"""Samples as a parquet table: one row a sample, full and typed, written and read in batches.

Arrow arrays are built from buffers: handing Python lists to pyarrow would load pandas (57 MB and 0.4 s, Nov 2026).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, chain
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from evaltrail.bundle.folders import storage_error
from evaltrail.core.decoding import converted, decoder
from evaltrail.core.errors import InputError
from evaltrail.core.sample import Sample, Score

_BATCH = 1024
_BATCH_CHARACTERS = 8_000_000
"""Rows with long texts go to the disk sooner, so that a batch of them fits in memory."""
_TEXTS = ("task", "id", "input", "messages", "output", "extracted", "reasoning", "finish_reason")
_MORE_TEXTS = ("error", "detail", "group", "request", "attributes", "scores", "choice_logprobs")
_JSON = ("messages", "attributes", "scores", "choice_logprobs")
_INTEGERS = ("index", "repeat", "prompt_tokens", "completion_tokens", "attempts")
_NUMBERS = ("latency_s", "first_token_s")
_LISTS = ("reference", "choices", "contexts")
_ENCODE = msgspec.json.Encoder().encode


class SamplesWriter:
    """Writes the samples of all tasks into one file.

    Args:
        file: the parquet file to make.
        metrics: names that get a number column of their own, ``score.<metric>``.
    """

    def __init__(self, file: Path, metrics: Sequence[str]) -> None:
        import pyarrow as pa  # noqa: PLC0415  60 MB: only once every answer is there
        from pyarrow import parquet  # noqa: PLC0415

        self._arrow: Any = pa
        self._metrics = tuple(dict.fromkeys(metrics))
        text, listed = pa.large_string(), pa.list_(pa.large_string())
        kinds = {
            **dict.fromkeys(_TEXTS + _MORE_TEXTS, text),
            **dict.fromkeys(_INTEGERS, pa.int64()),
            **dict.fromkeys(_NUMBERS, pa.float64()),
            **dict.fromkeys(_LISTS, listed),
            **dict.fromkeys((f"score.{name}" for name in self._metrics), pa.float64()),
        }
        self._schema = pa.schema(list(kinds.items()))
        self._rows: list[tuple[str, Sample]] = []
        self._characters = 0
        self._file = file
        try:
            self._writer: Any = parquet.ParquetWriter(file, self._schema, compression="zstd")
        except OSError as error:
            raise storage_error(error, file) from error

    def add(self, task: str, sample: Sample) -> None:
        """Add one sample; every few thousand go to the disk together."""
        self._rows.append((task, sample))
        self._characters += _characters(sample)
        if len(self._rows) >= _BATCH or self._characters >= _BATCH_CHARACTERS:
            self._flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self._rows:
            self._flush()
        self._writer.close()

    def _flush(self) -> None:
        columns = self._columns()
        table = self._arrow.Table.from_arrays([columns[name] for name in self._schema.names], schema=self._schema)
        try:
            self._writer.write_table(table)
        except OSError as error:
            raise storage_error(error, self._file) from error
        self._rows.clear()
        self._characters = 0

    def _columns(self) -> dict[str, Any]:
        samples = [sample for _, sample in self._rows]
        own: dict[str, list[str | None]] = {
            "task": [task for task, _ in self._rows],
            "input": [_plain_input(sample) for sample in samples],
            "messages": [None if isinstance(sample.input, str) else _json(sample.input) for sample in samples],
            "attributes": [_json(sample.attributes) if sample.attributes else None for sample in samples],
            "choice_logprobs": [
                _json(sample.choice_logprobs) if sample.choice_logprobs else None for sample in samples
            ],
            "scores": [_json(sample.scores) for sample in samples],
        }
        columns = {
            name: self._texts(own.get(name) or [getattr(sample, name) for sample in samples])
            for name in _TEXTS + _MORE_TEXTS
        }
        for name in _INTEGERS + _NUMBERS:
            holder = samples if name in {"index", "repeat"} else [sample.usage for sample in samples]
            columns[name] = self._numbers([getattr(value, name) for value in holder], whole=name in _INTEGERS)
        for name in _LISTS:
            columns[name] = self._lists([getattr(sample, name) for sample in samples])
        for name in self._metrics:
            columns[f"score.{name}"] = self._numbers([_number(sample.scores.get(name)) for sample in samples])
        return columns

    def _texts(self, values: Sequence[str | None]) -> Any:
        parts = [b"" if value is None else value.encode("utf-8", "replace") for value in values]
        offsets = array("q", [0])
        offsets.extend(accumulate(map(len, parts)))
        buffer = self._arrow.py_buffer
        return self._arrow.LargeStringArray.from_buffers(
            len(parts), buffer(offsets), buffer(b"".join(parts)), self._present(values)
        )

    def _numbers(self, values: Sequence[float | None], *, whole: bool = False) -> Any:
        kind = self._arrow.int64() if whole else self._arrow.float64()
        data = array("q" if whole else "d", [0 if value is None else value for value in values])
        return self._arrow.Array.from_buffers(kind, len(values), [self._present(values), self._arrow.py_buffer(data)])

    def _lists(self, values: Sequence[Sequence[str]]) -> Any:
        offsets = array("i", [0])
        offsets.extend(accumulate(map(len, values)))
        inner = self._texts([text for value in values for text in value])
        kind = self._arrow.list_(self._arrow.large_string())
        return self._arrow.ListArray.from_buffers(
            kind, len(values), [None, self._arrow.py_buffer(offsets)], children=[inner]
        )

    def _present(self, values: Sequence[object]) -> Any:
        if None not in values:
            return None
        bits = bytearray((len(values) + 7) // 8)
        for place, value in enumerate(values):
            if value is not None:
                bits[place >> 3] |= 1 << (place & 7)
        return self._arrow.py_buffer(bytes(bits))


def _characters(sample: Sample) -> int:
    """The characters of the fields that may be long."""
    asked = sample.input if isinstance(sample.input, str) else "".join(turn.get("content", "") for turn in sample.input)
    others = sum(len(value) for value in sample.attributes.values() if isinstance(value, str))
    return len(asked) + len(sample.output or "") + len(sample.reasoning) + sum(map(len, sample.contexts)) + others


class ParquetSamples:
    """The samples of one task, read from the file again at each iteration."""

    def __init__(self, file: Path, task: str) -> None:
        self._file = file
        self._task = task

    def __iter__(self) -> Iterator[Sample]:
        """The samples in order.

        Raises:
            InputError: the file is not there or no longer what was written.
        """
        return (sample for _, sample in self.rows())

    def rows(self, first: int = 0) -> Iterator[tuple[int, Sample]]:
        """The samples in order, each with the number of its row in the file.

        Args:
            first: rows before this one are passed over, most of them unread.

        Raises:
            InputError: the file is not there or no longer what was written.
        """
        from pyarrow import ArrowException, parquet  # noqa: PLC0415  60 MB, only where samples are read

        try:
            with parquet.ParquetFile(self._file) as table:
                for number, group in _groups(table.metadata, self._task, first):
                    rows = chain.from_iterable(
                        batch.to_pylist() for batch in table.iter_batches(batch_size=1024, row_groups=[group])
                    )
                    for place, row in enumerate(rows, number):
                        if place >= first and row["task"] == self._task:
                            yield place, _sample(row)
        except (OSError, KeyError, ArrowException) as error:
            raise InputError(
                f"the samples cannot be read: {error}", code="broken_bundle", where=str(self._file)
            ) from error


def _groups(metadata: Any, task: str, first: int) -> Iterator[tuple[int, int]]:
    """The row groups that may hold a sample of a task from some row on, each with the number of its first row."""
    column, number = metadata.schema.names.index("task"), 0
    for place in range(metadata.num_row_groups):
        group = metadata.row_group(place)
        known = group.column(column).statistics
        is_elsewhere = known is not None and known.has_min_max and not known.min <= task <= known.max
        if number + group.num_rows > first and not is_elsewhere:
            yield number, place
        number += group.num_rows


def _sample(row: Mapping[str, Any]) -> Sample:
    decode = decoder(object).decode
    value = {name: cell for name, cell in row.items() if cell is not None}
    value["usage"] = {name: row[name] for name in ("prompt_tokens", "completion_tokens", "attempts", *_NUMBERS)}
    value |= {name: decode(value[name]) for name in _JSON if name in value}
    value["input"] = value.get("messages", row["input"])
    return converted(value, Sample)


def _plain_input(sample: Sample) -> str:
    if isinstance(sample.input, str):
        return sample.input
    return sample.input[-1].get("content", "") if sample.input else ""


def _json(value: object) -> str:
    return _ENCODE(value).decode()


def _number(score: Score | None) -> float | None:
    return None if score is None or score.value is None or isinstance(score.value, str) else float(score.value)

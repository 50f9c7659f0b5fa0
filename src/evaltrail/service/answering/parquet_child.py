"""The child that reads a page of samples from a parquet file: one question on stdin, one answer on stdout."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from evaltrail.bundle.columns import ParquetSamples
from evaltrail.core.decoding import decoded
from evaltrail.core.errors import InputError
from evaltrail.service.answering.parquet_pages import ParquetAnswer, ParquetQuestion
from evaltrail.service.answering.sample_choice import Found, choose


def answer(question: ParquetQuestion) -> ParquetAnswer:
    """The samples that are asked for, or why there are none."""
    try:
        return ParquetAnswer(chosen=choose(_samples(question), question.wanted))
    except InputError as error:
        return ParquetAnswer(error=error.message)


def _samples(question: ParquetQuestion) -> Iterator[Found]:
    number, first = question.place
    for place, task in enumerate(question.tasks):
        if place < number:
            continue
        for row, sample in ParquetSamples(Path(question.file), task).rows(first if place == number else 0):
            yield Found(sample=sample, task=task, after=(place, row + 1))


if __name__ == "__main__":
    asked = decoded(sys.stdin.buffer.read(), ParquetQuestion)
    sys.stdout.buffer.write(msgspec.json.encode(answer(asked)))

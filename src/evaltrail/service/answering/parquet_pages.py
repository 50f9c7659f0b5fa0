"""Samples from a bundle's parquet file, read by a short-lived child: pyarrow would stay in this process for good."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evaltrail.core.errors import EvaltrailError, InputError
from evaltrail.service.answering.sample_choice import Chosen, Wanted
from evaltrail.service.child_answer import child_answer

_CHILD = "evaltrail.service.answering.parquet_child"
_PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ParquetQuestion:
    """What a child is asked for."""

    file: str
    tasks: tuple[str, ...]
    """Whose samples, in this order."""
    wanted: Wanted
    place: tuple[int, int]
    """Number of the task, and of the row in the file, from which on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParquetAnswer:
    """What a child answers."""

    chosen: Chosen | None = None
    error: str = ""
    """Why there is nothing."""


def read_page(question: ParquetQuestion) -> Chosen:
    """The samples that are asked for; a child has 100 MB for a moment.

    Raises:
        InputError: the file cannot be read.
        EvaltrailError: that took too long, or the child died.
    """
    try:
        answer = child_answer(_CHILD, question, ParquetAnswer, patience_s=_PATIENCE_S)
    except TimeoutError as error:
        raise EvaltrailError("the samples could not be read in time", code="too_slow", hint="ask again") from error
    if answer.chosen is None:
        raise InputError(answer.error, code="broken_bundle", where=Path(question.file).name)
    return answer.chosen

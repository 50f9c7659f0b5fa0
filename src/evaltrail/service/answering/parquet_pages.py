"""Samples from a bundle's parquet file, read by a short-lived child: pyarrow would stay in this process for good."""

from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import msgspec

from evaltrail.core.errors import EvaltrailError, InputError
from evaltrail.service.answering.sample_choice import Chosen, Wanted

_CHILD = "evaltrail.service.answering.parquet_child"
_AT_ONCE = 2
"""Children; each has 100 MB for a moment."""
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


class ParquetPages:
    """Has pages read, a few at once; any thread may use it."""

    def __init__(self) -> None:
        self._places = threading.BoundedSemaphore(_AT_ONCE)

    def read(self, question: ParquetQuestion) -> Chosen:
        """The samples that are asked for.

        Raises:
            InputError: the file cannot be read.
            EvaltrailError: that took too long, or the child died.
        """
        if not self._places.acquire(timeout=_PATIENCE_S):
            raise EvaltrailError("too many ask for samples at once", code="busy", hint="ask again in a moment")
        try:
            done = subprocess.run(  # noqa: S603  our own module in our own interpreter
                [sys.executable, "-P", "-m", _CHILD],
                input=msgspec.json.encode(question),
                capture_output=True,
                timeout=_PATIENCE_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise EvaltrailError("the samples could not be read in time", code="too_slow", hint="ask again") from error
        finally:
            self._places.release()
        return _answered(done, Path(question.file).name)


def _answered(done: subprocess.CompletedProcess[bytes], where: str) -> Chosen:
    try:
        answer = msgspec.json.decode(done.stdout, type=ParquetAnswer)
    except msgspec.DecodeError as error:
        last = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise EvaltrailError(f"what reads the samples died: {last:.200}", code="reader_died", where=where) from error
    if answer.chosen is None:
        raise InputError(answer.error, code="broken_bundle", where=where)
    return answer.chosen

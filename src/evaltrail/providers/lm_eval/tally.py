"""How far the child is, told to its parent as JSON lines a few times a second."""

from __future__ import annotations

import os
from collections import Counter
from contextlib import suppress
from time import monotonic

import msgspec

from evaltrail.core.progress import Progress
from evaltrail.providers.lm_eval.exchange import Failure, Report

_PERIOD_S = 0.2


class Tally:
    """Counts documents.

    Args:
        task: its name, as the parent knows it.
        handle: the pipe's descriptor.
    """

    def __init__(self, task: str, handle: int) -> None:
        self._task = task
        self._handle = handle
        self._total = self._done = self._tokens = self._in_flight = 0
        self._errors: Counter[str] = Counter()
        self._told_at = 0.0
        self._encode = msgspec.json.Encoder().encode

    def expect(self, count: int) -> None:
        """So many more are to come."""
        self._total += count
        self.tell()

    def begin(self) -> None:
        """One is being asked."""
        self._in_flight += 1

    def end(self) -> None:
        """One is done."""
        self._in_flight -= 1
        self._done += 1
        if monotonic() - self._told_at >= _PERIOD_S:
            self.tell()

    def spend(self, tokens: int) -> None:
        """So many tokens were used."""
        self._tokens += tokens

    def fail(self, reason: str) -> None:
        """One has no answer."""
        self._errors[reason] += 1

    def tell(self) -> None:
        """Tell how far it is, now."""
        self._told_at = monotonic()
        self._send(
            Report(
                progress=Progress(
                    task=self._task,
                    done=self._done,
                    total=self._total,
                    errors=dict(self._errors),
                    tokens=self._tokens,
                    in_flight=self._in_flight,
                )
            )
        )

    def finish(self) -> None:
        """The results are whole."""
        self._send(Report(is_done=True))

    def give_up(self, failure: Failure) -> None:
        """There will be no results, and why."""
        self._send(Report(failure=failure))

    def _send(self, report: Report) -> None:
        line = self._encode(report) + b"\n"
        with suppress(BrokenPipeError):  # the parent is gone; the journal keeps what is answered
            while line:
                line = line[os.write(self._handle, line) :]

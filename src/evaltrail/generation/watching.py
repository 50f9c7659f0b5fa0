"""Watcher: tells how far a generation has come, also while nothing comes."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable

from evaltrail.core.progress import Progress, ProgressSink

TASK = "generate"
_TELL_SECONDS = 0.2
_TICK_SECONDS = 1.0
_SILENT_SECONDS = 5.0
"""Before so long a silence is told: models take their time."""


class Watcher:
    """Counts what came and hands it on, a few times a second at most, and each second while nothing comes.

    Args:
        total: questions that are asked for.
        sink: who is told.
        tokens: used so far.
        in_flight: requests that are waited for.
        silent_s: seconds since the last answer came.
    """

    def __init__(
        self,
        total: int,
        sink: ProgressSink,
        *,
        tokens: Callable[[], int] = lambda: 0,
        in_flight: Callable[[], int] = lambda: 0,
        silent_s: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._total = total
        self._sink = sink
        self._tokens, self._in_flight, self._silent_s = tokens, in_flight, silent_s
        self._good = 0
        self._reasons: Counter[str] = Counter()
        self._told_at = 0.0

    def checked(self, reason: str) -> None:
        """One question was checked; the reason is empty where it passed."""
        if reason:
            self._reasons[reason] += 1
        else:
            self._good += 1
        self.tell()

    def lost(self, reason: str) -> None:
        """One window gave nothing."""
        self._reasons[reason] += 1
        self.tell()

    def round_ended(self, accepted: int) -> None:
        """So many questions are good for certain."""
        self._good = accepted
        self.tell(force=True)

    def tell(self, *, force: bool = False) -> None:
        """Hand on what is known."""
        now = time.monotonic()
        if force or now - self._told_at >= _TELL_SECONDS:
            self._told_at = now
            silent_s = self._silent_s()
            self._sink(
                Progress(
                    task=TASK,
                    done=min(self._good, self._total),
                    total=self._total,
                    errors=dict(self._reasons),
                    tokens=self._tokens(),
                    in_flight=self._in_flight(),
                    silent_s=silent_s if silent_s >= _SILENT_SECONDS else 0.0,
                )
            )

    async def keep_telling(self, *, every_s: float = _TICK_SECONDS) -> None:
        """Tell each second, until cancelled."""
        while True:
            await asyncio.sleep(every_s)
            self.tell()

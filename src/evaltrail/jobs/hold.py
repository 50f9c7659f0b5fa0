"""Hold: a unit in the hands of what does it, which may have to let go at any moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from evaltrail.core.progress import Progress
from evaltrail.core.values import Json
from evaltrail.jobs.account import JobDetail
from evaltrail.jobs.claim import Claim
from evaltrail.jobs.lease import LeaseQueue
from evaltrail.jobs.order import NewUnit
from evaltrail.jobs.states import Verdict

HoldReason = Literal["", "cancelled", "late", "leaving", "lost"]
"""Why a unit is to be let go; ``late``: its job ran out of time; ``leaving``: the process ends."""


class LetGoError(Exception):
    """The unit was let go before it was done; what it has done so far is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a unit came to."""

    result: Json = None
    """A small value that is kept with it."""
    verdict: Verdict = ""
    """Of the last unit: how the whole ended."""
    more: tuple[NewUnit, ...] = ()
    """Units that the job turned out to need; they go before its last one."""
    afterwards: Callable[[], None] = lambda: None
    """Called once the queue knows that it is done, by whoever did it alone."""


Handler = Callable[["Hold"], Done]
"""Does a unit. It raises LetGoError when it was told to stop, and an EvaltrailError when it failed."""


class Hold:
    """A unit in our hands.

    Args:
        queue: that lent it.
        claim: the unit.
    """

    def __init__(self, queue: LeaseQueue, claim: Claim) -> None:
        self.claim = claim
        self.reason: HoldReason = ""
        """Why to let go; empty = go on."""
        self.progress: Progress | None = None
        """What the next sign of life tells."""
        self.safe_until: Callable[[], float] = lambda: float("inf")
        """Until when nobody else can have the unit, on the monotonic clock; set by who keeps the lease."""
        self._queue = queue
        self._lock = threading.RLock()
        self._stop: Callable[[], None] | None = None

    def tell(self, progress: Progress) -> None:
        """Have the next sign of life tell how far the work is."""
        self.progress = progress

    def tell_now(self, progress: Progress) -> None:
        """Tell how far the work is.

        Raises:
            LetGoError: the unit is no longer ours.
            StorageError: the database is away.
        """
        self.progress = progress
        if not self._queue.beat(self.claim, progress).is_ours:
            self.let_go("lost")
            raise LetGoError("lost")

    def let_go(self, reason: HoldReason) -> None:
        """Have the work stop; from any thread, or from a signal's handler."""
        with self._lock:
            if self.reason == "lost" or not reason:
                return
            self.reason = reason
            if self._stop is not None:
                self._stop()

    @contextmanager
    def stoppable(self, stop: Callable[[], None]) -> Iterator[None]:
        """Call ``stop``, from any thread, where the unit is to be let go while the block runs.

        Raises:
            LetGoError: it was to be let go already.
        """
        with self._lock:
            if self.reason:
                raise LetGoError(self.reason)
            self._stop = stop
        try:
            yield
        finally:
            with self._lock:
                self._stop = None

    def check_ours(self) -> None:
        """Return while nobody else can have the unit: the last moment to keep a late write back.

        Raises:
            LetGoError: the lease may have run out, for example because the process was stopped and continued.
        """
        if self.reason == "lost" or time.monotonic() > self.safe_until():
            self.let_go("lost")
            raise LetGoError("lost")

    def job(self) -> JobDetail:
        """The unit's job with all its units."""
        return self._queue.show(self.claim.job_id)

    @property
    def queue(self) -> LeaseQueue:
        """The queue that lent it."""
        return self._queue

    def note_runs(self, run_ids: Mapping[str, str]) -> None:
        """Note MLflow runs with the job.

        Raises:
            LetGoError: the unit is no longer ours.
        """
        if not self._queue.note_runs(self.claim, run_ids):
            raise LetGoError("lost")

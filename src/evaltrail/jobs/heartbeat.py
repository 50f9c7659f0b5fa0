"""Signs of life of a unit in our hands, from a thread of their own: an event loop that is busy keeps no lease."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Literal, Self

from evaltrail.core.errors import EvaltrailError
from evaltrail.core.progress import Progress
from evaltrail.jobs.claim import Claim
from evaltrail.jobs.lease import LeaseQueue

StopReason = Literal["", "cancelled", "lost"]
"""``cancelled``: stop and hand the unit back. ``lost``: another may have it; stop, and write nothing more."""

_SHARE = 1 / 3
_SHARE_WHEN_AWAY = 1 / 20
_JOIN_S = 5.0


class Heartbeat:
    """Keeps a lease while the block runs; leave the block before the unit is finished, failed or handed back.

    A database that is away is asked again and again until the lease is surely over.

    Args:
        queue: that lent the unit.
        claim: the unit, claimed just now.
        stop: called once a reason, from the heartbeat's thread, when the work should end.
        progress: how far the work is; asked before each sign of life, from the heartbeat's thread.
    """

    def __init__(
        self,
        queue: LeaseQueue,
        claim: Claim,
        *,
        stop: Callable[[StopReason], None],
        progress: Callable[[], Progress | None] = lambda: None,
    ) -> None:
        self.reason: StopReason = ""
        """Why the work should end, where it should."""
        self._queue = queue
        self._claim = claim
        self._stop = stop
        self._progress = progress
        self._told: Progress | None = None
        self._safe_until = claim.asked_at + claim.lease_s
        self._asking_since: float | None = None
        self._ended = threading.Event()
        self._telling = threading.RLock()
        self._threads = [
            threading.Thread(target=work, name=f"{word} {claim.unit_id}", daemon=True)
            for word, work in (("heartbeat", self._beat_on), ("watch", self._watch))
        ]

    @property
    def safe_until(self) -> float:
        """Until when nobody else can have the unit, on this process's monotonic clock, which a stop does not halt."""
        return self._safe_until

    def __enter__(self) -> Self:
        """Begin."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End; a database that does not answer is not waited for."""
        with self._telling:  # a reason that is being told just now is told before we return
            self._ended.set()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(_JOIN_S)

    def _beat_on(self) -> None:
        try:
            share = _SHARE
            while not self._ended.wait(self._claim.lease_s * share):
                share = self._beat()
                if self.reason == "lost":
                    return
        finally:
            if not self._ended.is_set():
                self._tell("lost")  # no thread, no lease

    def _beat(self) -> float:
        """The share of a lease after which to ask again."""
        progress = self._progress()
        asked_at = self._asking_since = time.monotonic()
        try:
            beat = self._queue.beat(self._claim, None if progress == self._told else progress, patience_s=0.0)
        except EvaltrailError:
            if time.monotonic() > self._safe_until:
                self._tell("lost")
            return _SHARE_WHEN_AWAY
        finally:
            self._asking_since = None
        if not beat.is_ours:
            self._tell("lost")
            return _SHARE
        self._told = progress
        self._safe_until = asked_at + self._claim.lease_s
        if beat.is_cancelled:
            self._tell("cancelled")
        return _SHARE

    def _watch(self) -> None:
        """Notice a database that was asked and never answers."""
        while not self._ended.wait(self._claim.lease_s * _SHARE / 2):
            since = self._asking_since
            now = time.monotonic()
            if since is not None and now > self._safe_until and now - since > self._claim.lease_s * _SHARE:
                self._tell("lost")
            if self.reason == "lost":
                return

    def _tell(self, reason: StopReason) -> None:
        with self._telling:
            if self._ended.is_set() or self.reason in {reason, "lost"}:
                return
            self.reason = reason
            self._stop(reason)

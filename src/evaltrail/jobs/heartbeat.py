"""Signs of life of a unit in our hands, from a thread of their own: an event loop that is busy keeps no lease.

The threads begin when the first sign of life is due; most units are done before.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Literal, Self

from evaltrail.core.errors import EvaltrailError
from evaltrail.core.progress import Progress
from evaltrail.jobs.alarm import Alarm
from evaltrail.jobs.claim import Claim
from evaltrail.jobs.lease import LeaseQueue

StopReason = Literal["", "cancelled", "late", "lost"]
"""``cancelled``: stop and hand the unit back. ``late``: stop, and let it fail. ``lost``: another may have it; stop, and
write nothing more."""

_SHARE = 1 / 3
_SHARE_WHEN_AWAY = 1 / 20
_LONGEST_PAUSE_S = 3.0
"""However long a lease is: who calls a job off, or follows it, waits so long for it. A sign of life is one short
transaction, so a table that takes 300 of them a second still keeps 900 units alive."""
_PROGRESS_SHARE = 1 / 100
"""Of the time that we have had the unit, but a third of the lease at most: how often its progress is told, for each
time is an event that is kept. With a lease of a minute that is 330 of the first hour and 170 of each later one, where
every 3 s were 1,200."""
_JOIN_S = 5.0
_ALARM = Alarm()


class Heartbeat:
    """Keeps a lease while the block runs; leave the block before the unit is finished, failed or handed back.

    A database that is away is asked again and again until the lease is surely over. That the time of the job is over is
    told when it is, not with the next sign of life.

    Args:
        queue: that lent the unit.
        claim: the unit, claimed just now.
        stop: called once a reason, from another thread, when the work should end.
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
        self._tells_at = 0.0
        self._pause_s = min(claim.lease_s * _SHARE, _LONGEST_PAUSE_S)
        self._pause_when_away_s = min(claim.lease_s * _SHARE_WHEN_AWAY, _LONGEST_PAUSE_S)
        self._safe_until = claim.asked_at + claim.lease_s
        self._asking_since: float | None = None
        self._ended = threading.Event()
        self._telling = threading.RLock()
        self._threads: list[threading.Thread] = []
        self._alarms: list[object] = []

    @property
    def safe_until(self) -> float:
        """Until when nobody else can have the unit, on this process's monotonic clock, which a stop does not halt."""
        return self._safe_until

    def __enter__(self) -> Self:
        """Begin."""
        self._alarms.append(_ALARM.set(self._pause_s, self._start))
        if self._claim.late_at is not None:
            late_in_s = max(0.0, self._claim.late_at - time.monotonic())
            self._alarms.append(_ALARM.set(late_in_s, lambda: self._tell("late")))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End; a database that does not answer is not waited for."""
        for alarm in self._alarms:
            _ALARM.call_off(alarm)
        with self._telling:  # a reason that is being told just now is told before we return
            self._ended.set()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(_JOIN_S)

    def _start(self) -> None:
        with self._telling:
            if self._ended.is_set():
                return
            try:
                for word, work in (("watch", self._watch), ("heartbeat", self._beat_on)):
                    thread = threading.Thread(target=work, name=f"{word} {self._claim.unit_id}", daemon=True)
                    thread.start()
                    self._threads.append(thread)
            except RuntimeError:  # the process can have no further thread
                self._tell("lost")

    def _beat_on(self) -> None:
        try:
            while not self._ended.wait(self._beat()):
                if self.reason == "lost":
                    return
        finally:
            if not self._ended.is_set():
                self._tell("lost")  # no thread, no lease

    def _beat(self) -> float:
        """Seconds after which to ask again."""
        progress = self._progress()
        asked_at = self._asking_since = time.monotonic()
        is_news = progress != self._told and asked_at >= self._tells_at
        try:
            beat = self._queue.beat(self._claim, progress if is_news else None, patience_s=0.0)
        except EvaltrailError:
            if time.monotonic() > self._safe_until:
                self._tell("lost")
            return self._pause_when_away_s
        finally:
            self._asking_since = None
        if not beat.is_ours:
            self._tell("lost")
            return self._pause_s
        if is_news:
            had_s = asked_at - self._claim.asked_at
            self._told, self._tells_at = progress, asked_at + min(had_s * _PROGRESS_SHARE, self._claim.lease_s * _SHARE)
        self._safe_until = asked_at + self._claim.lease_s
        if beat.is_cancelled:
            self._tell("cancelled")
        elif beat.is_late:
            self._tell("late")
        return self._pause_s

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
            if self._ended.is_set() or self.reason in {reason, "lost"} or (reason == "late" and self.reason):
                return
            self.reason = reason
            self._stop(reason)

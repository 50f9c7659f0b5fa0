"""Reach: whether an endpoint is there and serves, as all its requests together find out.

A request that fails while others are served is that request's own trouble and counts against its retries. When nobody
is served any more it is the endpoint's, and no sample should be given up for it.
"""

from __future__ import annotations

from typing import Literal

Miss = Literal["wait", "never", "gone"]
"""After a failed connection: try again; it never answered at all; it answered once and has been away for too long."""
Failure = Literal["count", "wait", "gone"]
"""After a failed answer: count it against the retries; nobody is served, so wait; nobody was for too long."""

FIRST_TRIES = 3
FIRST_PATIENCE_S = 3.0
OUTAGE_REQUESTS = 8
"""Different requests that fail one after the other, none served between, before it is an outage; fewer where fewer
are in flight, but never a single one, which may be at fault itself."""


class Reach:
    """Remembers when an endpoint last served, and since when it does not.

    Args:
        outage_s: how long an endpoint that had served may be away.
        concurrency: requests in flight at most.
    """

    def __init__(self, outage_s: float, concurrency: int = OUTAGE_REQUESTS) -> None:
        self._outage_s = outage_s
        self._enough = min(OUTAGE_REQUESTS, max(2, concurrency))
        self._has_answered = self._has_served = False
        self._missed_since: float | None = None
        self._failing_since: float | None = None
        self._failing = 0
        self.barred = 0
        """Requests in a row, none served between, that were told to come back later than anybody waits."""

    def answered(self, *, is_served: bool) -> None:
        """Note that an answer came; ``is_served`` when it was what a working endpoint says."""
        self._has_answered = True
        self._missed_since = None
        if is_served:
            self._has_served = True
            self._failing_since = None
            self._failing = 0
            self.barred = 0

    def missed(self, *, tries: int, began_at: float, now: float) -> Miss:
        """What one more failed connection means.

        Args:
            tries: how often this request has failed to connect, this time included.
            began_at: when the request was first tried.
            now: the present, on the same clock.
        """
        if not self._has_answered:
            return "never" if tries >= FIRST_TRIES or now - began_at > FIRST_PATIENCE_S else "wait"
        if self._missed_since is None:
            self._missed_since = now
        return "gone" if now - self._missed_since > self._outage_s else "wait"

    def bar(self) -> bool:
        """Count one more request that was told to come back later than anybody waits; True when nobody is let in."""
        self.barred += 1
        return self.barred >= self._enough

    def failed(self, *, is_first: bool, now: float) -> Failure:
        """What one more failed answer (5xx, reset, time-out) means.

        Args:
            is_first: whether it is this request's first failure.
            now: the present.
        """
        if not self._has_served:
            return "count"
        if self._failing_since is None:
            self._failing_since = now
        self._failing += is_first
        if self._failing < self._enough:
            return "count"
        return "gone" if now - self._failing_since > self._outage_s else "wait"

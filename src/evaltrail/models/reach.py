"""Reach: whether an endpoint can be reached at all, as all its requests together find out."""

from __future__ import annotations

from typing import Literal

Outlook = Literal["wait", "count", "never", "gone"]
"""Wait and try again; count it against the retries; it never answered; it answered once and is gone."""

FIRST_TRIES = 3
FIRST_PATIENCE_S = 3.0


class Reach:
    """Remembers when an endpoint answered last and since when nobody reaches it.

    Args:
        outage_s: how long an endpoint that had answered may be out of reach.
    """

    def __init__(self, outage_s: float) -> None:
        self._outage_s = outage_s
        self._answered_at: float | None = None
        self._missed_since: float | None = None

    def answered(self, now: float) -> None:
        """Note that an answer came, whatever it says."""
        self._answered_at = now
        self._missed_since = None

    def missed(self, *, tries: int, began_at: float, now: float) -> Outlook:
        """What one more failed connection means.

        Args:
            tries: how often this request has failed to connect, this time included.
            began_at: when the request was first tried.
            now: the present, on the same clock.
        """
        if self._answered_at is None:
            return "never" if tries >= FIRST_TRIES or now - began_at > FIRST_PATIENCE_S else "wait"
        if self._missed_since is None:
            self._missed_since = now
        if now - self._missed_since > self._outage_s:
            return "gone"
        return "count" if self._answered_at > began_at else "wait"

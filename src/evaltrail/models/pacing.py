"""Pacing: requests and tokens a minute, kept by spacing requests out. Pure; the clock is passed in."""

from __future__ import annotations


class Pacing:
    """When the next request may go out.

    Args:
        rpm: requests a minute at most, or None.
        tpm: tokens a minute at most, or None; what a request will cost is guessed from the ones before it.
        now: the present on any monotonic clock, in seconds.
    """

    def __init__(self, *, rpm: int | None, tpm: int | None, now: float) -> None:
        self._gap_s = 60.0 / rpm if rpm else 0.0
        self._tokens_per_s = tpm / 60.0 if tpm else 0.0
        self._next_at = now
        self._left = self._tokens_per_s
        self._filled_at = now
        self._known_tokens = self._known_requests = 0
        self.is_free = not (rpm or tpm)
        """Whether there is nothing to pace."""

    def ready_at(self, now: float) -> float:
        """The earliest moment for the next request."""
        ready = self._next_at
        if self._tokens_per_s:
            self._fill(now)
            if self._left < 0:
                ready = max(ready, now - self._left / self._tokens_per_s)
        return ready

    def spend(self, guess: int, now: float) -> int:
        """Book a request that goes out now; the tokens booked for it, to be handed to ``settle``.

        Args:
            guess: tokens the request may cost, used until an endpoint's own counts are known.
            now: the present.
        """
        self._next_at = max(now, self._next_at) + self._gap_s
        if not self._tokens_per_s:
            return 0
        booked = self._known_tokens // self._known_requests if self._known_requests else guess
        self._left -= booked
        return booked

    def settle(self, booked: int, used: int | None) -> None:
        """Correct a booking by what the endpoint counted; None = it does not say, the booking stands."""
        if self._tokens_per_s and used is not None:
            self._left += booked - used
            self._known_tokens += used
            self._known_requests += 1

    def _fill(self, now: float) -> None:
        # One second's worth is the most that is saved up: a minute's worth at once is what providers refuse.
        self._left = min(self._tokens_per_s, self._left + (now - self._filled_at) * self._tokens_per_s)
        self._filled_at = now

"""Limiter: the gate all requests to one endpoint pass, by admission, by pace, and by the endpoint's own pauses."""

from __future__ import annotations

import asyncio
from collections import deque
from time import monotonic
from typing import Any, NamedTuple

from evaltrail.core.errors import EndpointError
from evaltrail.core.request import RequestLimits
from evaltrail.models.admission import START, Admission, Outcome
from evaltrail.models.pacing import Pacing

_EARLY_S = 0.005
"""Timers of some loops fire up to a millisecond early; an endpoint is never asked earlier than it said."""


class Pass(NamedTuple):
    """What a request holds while it is in flight."""

    ticket: int
    booked: int


class Limiter:
    """Lets requests out one by one, first come first served, those that were sent before ahead of new ones."""

    def __init__(self, limits: RequestLimits, start: int = START) -> None:
        now = monotonic()
        self._loop = asyncio.get_running_loop()
        self._admission = Admission(limits.concurrency, now, start)
        self._pacing = Pacing(rpm=limits.rpm, tpm=limits.tpm, now=now)
        self._waiters: deque[tuple[asyncio.Future[Pass], int]] = deque()
        self._sleepers: set[asyncio.Future[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._paused_until = now
        self._ended: EndpointError | None = None

    @property
    def in_flight(self) -> int:
        """Requests in flight now."""
        return self._admission.in_flight

    async def enter(self, guess: int, *, again: bool) -> Pass:
        """A pass for one request, as soon as it may go out.

        Args:
            guess: tokens the request may cost.
            again: whether the request was sent before; it then goes ahead of new ones.

        Raises:
            EndpointError: the endpoint was given up.
        """
        if self._ended is not None:
            raise self._ended
        if not self._waiters and self._pacing.is_free and self._admission.may_send() and self._is_running():
            return Pass(self._admission.sent(), 0)
        waiter: asyncio.Future[Pass] = self._loop.create_future()
        (self._waiters.appendleft if again else self._waiters.append)((waiter, guess))
        self._pump()
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self.leave(waiter.result(), "lost")
            raise

    def leave(self, held: Pass, outcome: Outcome, *, tokens: int | None = None, retry_in_s: float = 0.0) -> None:
        """Give a pass back with how the request ended, and let the next one out."""
        now = monotonic()
        if self._admission.settled(held.ticket, outcome, now):
            self._paused_until = max(self._paused_until, now + retry_in_s + _EARLY_S)
        if held.booked:
            self._pacing.settle(held.booked, tokens)
        if self._waiters:
            self._pump()

    async def sleep(self, seconds: float) -> None:
        """Wait out a back-off.

        Raises:
            EndpointError: the endpoint was given up meanwhile.
        """
        sleeper: asyncio.Future[None] = self._loop.create_future()
        timer = self._loop.call_later(seconds + _EARLY_S, _wake, sleeper)
        self._sleepers.add(sleeper)
        try:
            await sleeper
        finally:
            timer.cancel()
            self._sleepers.discard(sleeper)
            if sleeper.done() and not sleeper.cancelled():
                sleeper.exception()  # seen, also where a cancelled task leaves it behind

    def tick(self, now: float) -> None:
        """Let time pass; called a few times a second."""
        self._admission.tick(now)
        if self._waiters:
            self._pump()

    def end(self, error: EndpointError) -> EndpointError:
        """Give the endpoint up: everyone who waits and everyone who comes gets the first error, which is returned."""
        if self._ended is None:
            self._ended = error
            waiting: list[asyncio.Future[Any]] = [waiter for waiter, _ in self._waiters]
            for one in (*waiting, *self._sleepers):
                if not one.done():
                    one.set_exception(error)
            self._waiters.clear()
        return self._ended

    def close(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()

    def _is_running(self) -> bool:
        return monotonic() >= self._paused_until

    def _pump(self) -> None:
        while self._waiters and self._admission.may_send():
            waiter, guess = self._waiters[0]
            if waiter.done():
                self._waiters.popleft()
                continue
            now = monotonic()
            ready_at = max(self._paused_until, self._pacing.ready_at(now))
            if ready_at > now:
                self._pump_at(ready_at - now)
                return
            self._waiters.popleft()
            waiter.set_result(Pass(self._admission.sent(), self._pacing.spend(guess, now)))

    def _pump_at(self, seconds: float) -> None:
        if self._timer is None:
            self._timer = self._loop.call_later(seconds, self._timed_pump)

    def _timed_pump(self) -> None:
        self._timer = None
        self._pump()


def _wake(sleeper: asyncio.Future[None]) -> None:
    if not sleeper.done():
        sleeper.set_result(None)

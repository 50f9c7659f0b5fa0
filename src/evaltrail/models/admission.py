"""Admission: how many requests one endpoint lets in at a time, learnt from its refusals. Pure; the clock is passed in.

Slow start doubles the limit up to what was asked. A request above the safe level is a question: refusals there that
are more frequent than at the levels below mean that the level is too high; as frequent ones are about something else.
"""

from __future__ import annotations

import math
from typing import Literal

Outcome = Literal["served", "limited", "lost"]
"""Answered, refused for being too many (429), or neither known (timeout, reset)."""

START = 16
_TOLERANCE = 0.25
"""Share of refusals above the usual one that tells a full endpoint from bad luck."""
_PROOF = 1000
"""Outcomes after which a new level is no longer compared with the one before."""
_KNOWN, _FRESH, _ABOVE = 0, 1, 2
"""At a level long known, at one accepted lately, at one in question."""
_LEAST = 8
"""Outcomes below which nothing is concluded about a level."""
_PATIENCE_S = 1.0
"""Endpoints refuse at once: what is unanswered for so long was let in."""
_FIRST_INTERVAL_S, _LAST_INTERVAL_S = 0.25, 60.0


class Admission:
    """The limit of requests in flight: never above ``asked``, never below 1.

    Args:
        asked: the most that may ever be in flight.
        now: the present on any monotonic clock, in seconds.
        start: so many are let in before anything is known.
    """

    def __init__(self, asked: int, now: float, start: int = START) -> None:
        self.asked = max(1, asked)
        self.safe = min(start, self.asked)
        """Up to here requests are let in, as far as known."""
        self.limit = self.safe
        """Safe, or the level in question above it."""
        self.in_flight = 0
        self._reached = self.safe
        self._is_ramp = True
        self._epoch = self._lowered_at = 0
        self._began_at = now
        self._above_in_flight = self._above_ok = self._above_bad = 0
        self._seen = self._bad = 0
        self._usual = _Tally()
        self._new = _Tally()
        self._previous = 0
        self._trial: tuple[int, float] | None = None
        self._step = 1
        self._interval_s = _FIRST_INTERVAL_S
        self._next_probe_at = now

    def may_send(self) -> bool:
        """Whether one more request may go out now."""
        if self.in_flight < self.safe:
            return True
        if self.in_flight >= self.limit or self._above_in_flight >= self.limit - self.safe:
            return False
        return self._above_bad == 0 or self._above_in_flight == 0

    def sent(self) -> int:
        """A ticket for the request that goes out now; hand it to ``settled``."""
        self.in_flight += 1
        if self.in_flight > self.safe:
            self._above_in_flight += 1
            self._reached = max(self._reached, self.in_flight)
            return self._epoch << 2 | _ABOVE
        return self._epoch << 2 | (_FRESH if 0 < self._previous < self.in_flight else _KNOWN)

    def settled(self, ticket: int, outcome: Outcome, now: float) -> bool:
        """Take in how a request ended; True when most are refused and all should pause."""
        self.in_flight -= 1
        epoch, kind = ticket >> 2, ticket & 3
        is_current, is_above = epoch == self._epoch, kind == _ABOVE
        if is_above and is_current:
            self._above_in_flight -= 1
        if outcome == "lost":
            return False
        if is_above:
            if is_current:
                self._judge_question(outcome, now)
            return False
        # Sent while too many were in flight: what became of it says nothing about the present level.
        if epoch < self._lowered_at:
            return False
        return self._judge_level(outcome == "limited", kind == _FRESH, now)

    def tick(self, now: float) -> None:
        """Let time pass: a ramp that nobody refuses goes on, a level in doubt is probed again."""
        if self.limit > self.safe:
            waited = now - self._began_at >= _PATIENCE_S
            if self._is_ramp and waited and self._above_in_flight and not self._above_bad:
                self._accept(now)
        elif self._is_ramp:
            if now - self._began_at >= _PATIENCE_S and not self._bad:
                self._question(now)
        else:
            self._probe(now)

    def _question(self, now: float) -> None:
        if self.safe < self.asked:
            wider = self.safe * 2 if self._is_ramp else self.safe + self._step
            self._move(self.safe, min(wider, self.asked), now)

    def _probe(self, now: float) -> None:
        is_known = not self._previous or self._new.seen >= max(20, self.safe)
        if is_known and now >= self._next_probe_at and self.limit == self.safe and not self._is_ramp:
            self._question(now)

    def _judge_question(self, outcome: Outcome, now: float) -> None:
        if outcome == "limited":
            self._above_bad += 1
        else:
            self._above_ok += 1
        seen, width = self._above_ok + self._above_bad, self.limit - self.safe
        least = 4 if self._usual.share > 0.02 else 1
        if self._above_bad > (self._usual.share + _TOLERANCE) * max(seen, width, least):
            self._refuse(self.safe, width, now)
        elif seen >= max(width, 4):
            self._accept(now)

    def _accept(self, now: float) -> None:
        if self._previous:
            self._usual.merge(self._new)
        self._previous, self._new = self.safe, _Tally()
        self._move(self._reached, self._reached, now)
        self._seen = self._bad = 0
        if self._is_ramp:
            self._question(now)
        else:
            self._step *= 2
            self._interval_s = max(_FIRST_INTERVAL_S, self._interval_s / 2)

    def _refuse(self, level: int, width: int, now: float) -> None:
        """Go back to a level after a question of some width; narrower ones follow, the narrowest ever more rarely."""
        self._is_ramp = False
        self._previous = 0
        self._step = max(1, width // 4)
        self._next_probe_at = now + _FIRST_INTERVAL_S
        if width == 1:
            self._interval_s = min(self._interval_s * 2, _LAST_INTERVAL_S)
            self._next_probe_at = now + self._interval_s
        self._move(level, level, now)
        self._lowered_at = self._epoch

    def _judge_level(self, is_bad: bool, is_fresh: bool, now: float) -> bool:
        self._seen += 1
        self._bad += is_bad
        if self._previous and is_fresh:
            self._new.add(is_bad)
            if is_bad and self._new.bad > self._usual.expected(self._new.seen):
                self._seen = self._bad = 0
                self._refuse(self._previous, self.safe - self._previous, now)
                return False
            if self._new.seen >= _PROOF:
                self._usual.merge(self._new)
                self._previous = 0
        else:
            self._usual.add(is_bad)
        # Refusals come back sooner than answers: those still on their way count as answers to be.
        is_storm = self._seen >= max(_LEAST, self.safe // 4) and self._bad * 2 > self._seen + self.in_flight
        if is_storm or self._seen >= max(20, self.safe):
            return self._judge_window(now)
        self._probe(now)
        return False

    def _judge_window(self, now: float) -> bool:
        seen, bad = self._seen, self._bad
        share, self._seen, self._bad = bad / seen, 0, 0
        trial, self._trial = self._trial, None
        if trial is not None and trial[1] <= 0.5 and share > 0.7 * trial[1]:
            # Fewer requests were refused as often: the refusals are not about how many there are.
            self._usual = _Tally(seen, bad)
            self._move(trial[0], trial[0], now)
        elif bad > (self._usual_before(seen, bad) + _TOLERANCE) * seen + math.sqrt(seen):
            if self.safe > 1:
                self._trial = (self.safe, share)
                self._usual = _Tally()
                self._refuse(max(self.safe // 2, int(self.safe * (1 - share))), 1, now)
            return share > 0.5
        elif self._is_ramp and self.limit == self.safe:
            self._question(now)
        else:
            self._probe(now)
        return False

    def _usual_before(self, seen: int, bad: int) -> float:
        """The usual share of refusals without the window that is compared with it."""
        return _Tally(max(0, self._usual.seen - seen), max(0, self._usual.bad - bad)).share

    def _move(self, safe: int, limit: int, now: float) -> None:
        self.safe, self.limit = safe, limit
        self._epoch += 1
        self._began_at = now
        self._reached = safe
        self._above_in_flight = self._above_ok = self._above_bad = 0


class _Tally:
    """Outcomes and how many of them were refusals, the old ones fading."""

    __slots__ = ("bad", "seen")

    def __init__(self, seen: float = 0, bad: float = 0) -> None:
        self.seen = seen
        self.bad = bad

    @property
    def share(self) -> float:
        """Share of refusals; 0 before anything was seen."""
        return self.bad / self.seen if self.seen else 0.0

    def add(self, is_bad: bool) -> None:
        """Count one outcome."""
        self.seen += 1
        self.bad += is_bad
        if self.seen > 4 * _PROOF:
            self.seen /= 2
            self.bad /= 2

    def merge(self, other: _Tally) -> None:
        """Count another tally's outcomes."""
        self.seen += other.seen
        self.bad += other.bad

    def expected(self, seen: float) -> float:
        """The most refusals that so many further outcomes should bring if nothing changed (three deviations)."""
        mean = seen * (self.bad + 1) / (self.seen + 2)
        return mean + 3 * math.sqrt(mean) + 2

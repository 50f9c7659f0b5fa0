"""The admission law against simulated endpoints, on a simulated clock."""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaltrail.models.admission import START, Admission


@dataclass
class Outcome:
    """What a simulated run came to."""

    seconds: float
    refused: int
    peak: int
    lowest: int
    mean: float
    final: int


def simulate(
    *, asked=256, admits=10**9, items=10_000, latency=0.02, refusal=0.0, p429=0.0, retry_after=1.0, jitter=0.2, seed=0
):
    """Ask ``items`` times with as many workers as asked; the server refuses above ``admits``, and by chance."""
    draw = random.Random(seed)
    law = Admission(asked, 0.0)
    events = []
    order = now = 0.0
    waiting, server, refused, peak, lowest, area = items, 0, 0, 0, asked, 0.0
    workers, next_tick, pause, done = asked, 0.1, 0.0, 0
    while done < items:
        while waiting and workers and now >= pause and law.may_send():
            waiting, workers, order, server = waiting - 1, workers - 1, order + 1, server + 1
            is_bad = server > admits or draw.random() < p429
            took = (refusal or latency) if is_bad else latency * draw.uniform(1 - jitter, 1 + jitter)
            heapq.heappush(events, (now + took, order, "back", law.sent(), is_bad))
            peak = max(peak, law.in_flight)
        at = min(next_tick, events[0][0] if events else next_tick)
        area += law.in_flight * (at - now)
        now = at
        if now == next_tick:
            law.tick(now)
            next_tick += 0.1
            continue
        _, _, what, ticket, is_bad = heapq.heappop(events)
        if what == "again":
            waiting, workers = waiting + 1, workers + 1
            continue
        server -= 1
        if law.settled(ticket, "limited" if is_bad else "served", now):
            pause = max(pause, now + retry_after)
        lowest = min(lowest, law.safe)
        assert 1 <= law.safe <= law.limit <= asked
        if is_bad:
            refused += 1
            heapq.heappush(events, (now + retry_after, order, "again", 0, False))
        else:
            workers, done = workers + 1, done + 1
        assert now < 3600, f"stuck at a limit of {law.safe}"
    return Outcome(now, refused, peak, lowest, area / now, law.safe)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("refusal", [0.0, 0.002])
@pytest.mark.parametrize("admits", [1, 4, 16, 20, 32, 60, 100, 200, 255])
def test_it_finds_the_level_that_an_endpoint_admits(admits, refusal, seed):
    """Of 10,000 requests at most 5 % are wasted, and 80 % of what is admitted is used."""
    found = simulate(admits=admits, refusal=refusal, seed=seed, items=2_000 if admits < 16 else 10_000)
    items = 2_000 if admits < 16 else 10_000
    assert found.refused <= 0.05 * items
    assert found.seconds <= items * 0.02 / admits / 0.8 + 2.0

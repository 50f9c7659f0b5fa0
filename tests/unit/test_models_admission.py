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


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("refusal", [0.0, 0.002])
@pytest.mark.parametrize("admits", [1, 4, 16, 20, 32, 60, 100, 200, 255])
def test_it_finds_the_level_that_an_endpoint_admits(admits, refusal, seed):
    """At most 5 % of the requests are wasted beyond the first search, and 80 % of what is admitted is used."""
    items = max(1_000, 300 * admits)
    found = simulate(admits=admits, refusal=refusal, seed=seed, items=items)
    assert found.refused <= 0.05 * items + 64
    assert found.seconds <= items * 0.02 / admits / 0.8 + 2.0


@pytest.mark.parametrize("refusal", [0.0, 0.002])
def test_it_reaches_what_was_asked_where_all_is_admitted(refusal):
    """Slow start doubles: 256 are reached, and 80 % of it is used on average."""
    found = simulate(items=20_000, refusal=refusal)
    assert found.refused == 0
    assert found.peak == found.final == 256
    assert found.mean >= 0.8 * 256


@pytest.mark.parametrize("share", [0.05, 0.2])
@pytest.mark.parametrize("seed", range(3))
def test_random_refusals_do_not_lower_the_limit_for_good(share, seed):
    """What is refused as often at any level is not about the level."""
    found = simulate(items=20_000, p429=share, seed=seed, asked=64, retry_after=0.1)
    assert found.final >= 32


def test_slow_answers_do_not_hold_the_start_up():
    """An endpoint that takes 30 s for an answer refuses at once: what it has not refused it has let in."""
    law = Admission(256, 0.0)
    for tenth in range(1, 100):
        while law.may_send():
            law.sent()
        law.tick(tenth / 10)
    assert law.in_flight == 256


@given(
    asked=st.integers(1, 300),
    steps=st.lists(st.tuples(st.sampled_from(["served", "limited", "lost"]), st.floats(0, 5)), max_size=400),
)
@settings(deadline=None)
def test_the_limit_stays_between_one_and_what_was_asked(asked, steps):
    """Whatever happens, in whatever order, and something may always be sent in the end."""
    law = Admission(asked, 0.0)
    now, tickets, draw = 0.0, [], random.Random(asked)
    for outcome, later in steps:
        now += later
        law.tick(now)
        while law.may_send() and len(tickets) < START:
            tickets.append(law.sent())
        assert 1 <= law.safe <= law.limit <= asked
        assert law.in_flight <= asked
        if tickets:
            law.settled(tickets.pop(draw.randrange(len(tickets))), outcome, now)
    for ticket in tickets:
        law.settled(ticket, "lost", now)
    assert law.in_flight == 0
    assert law.may_send()

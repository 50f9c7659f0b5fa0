"""Followers of evaluations: told everything once and in order, by one look for all."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from evaltrail.api.event_feed import EventFeed
from evaltrail.api.event_stream import sent_event
from evaltrail.core.errors import InputError
from evaltrail.service.answering.watching import Happening, Happenings

AT = datetime(2026, 1, 1, tzinfo=UTC)


class Table:
    """Events of one evaluation, read at most two at a time."""

    def __init__(self, *ids, is_over=False):
        self.ids = list(ids)
        self.is_over = is_over
        self.reads = 0

    def read(self, _evaluation_id, after):
        """What came after an event."""
        self.reads += 1
        new = [each for each in self.ids if each > after][:2]
        events = tuple(Happening(event_id=each, kind="state", at=AT) for each in new)
        last = new[-1] if new else after
        return Happenings(events=events, after=last, is_over=self.is_over and last == self.ids[-1])


async def met(feed, after=0):
    """The events of one follower, heartbeats as None."""
    return [each and each.event_id async for each in feed.follow("e", after)]


def feed_of(table, **times):
    """A feed that looks often."""
    return EventFeed(table.read, **{"poll_s": 0.005, "heartbeat_s": 5.0, **times})


def test_all_that_happened_is_told_then_what_happens():
    """Old events come at once, new ones when they are there, and the end ends the line."""

    async def story():
        table = Table(1, 2, 3)
        line = asyncio.create_task(met(feed_of(table)))
        await asyncio.sleep(0.03)
        table.ids += [4, 5]
        table.is_over = True
        return await line

    assert asyncio.run(story()) == [1, 2, 3, 4, 5]


def test_known_events_are_left_out():
    """A follower that comes back is told what it has not met; after the end there is nothing."""
    table = Table(1, 2, 3, is_over=True)
    assert asyncio.run(met(feed_of(table), after=2)) == [3]
    assert asyncio.run(met(feed_of(table), after=3)) == []


def test_followers_share_the_look():
    """Fifty followers that wait cost one read a look."""

    async def story():
        table = Table(1)
        feed = feed_of(table, poll_s=0.02)
        lines = [asyncio.create_task(met(feed)) for _ in range(50)]
        for _ in range(1000):
            if table.reads >= 100:
                break
            await asyncio.sleep(0.005)
        before = table.reads
        await asyncio.sleep(0.1)
        looks = table.reads - before
        feed.close()
        assert await asyncio.gather(*lines) == [[1]] * 50
        return looks

    assert asyncio.run(story()) <= 6


def test_silence_is_broken_by_heartbeats():
    """Who is told nothing is told that the line stands."""

    async def story():
        feed = feed_of(Table(1), heartbeat_s=0.01)
        line = feed.follow("e", 0)
        return [await anext(line), await anext(line), await anext(line)][1:]

    assert asyncio.run(story()) == [None, None]


def test_closed_feed_ends_its_lines_and_takes_none():
    """A service that ends waits for nobody who only listens."""

    async def story():
        feed = feed_of(Table(1))
        line = asyncio.create_task(met(feed))
        await asyncio.sleep(0.02)
        feed.close()
        return await line, await met(feed)

    assert asyncio.run(story()) == ([1], [])


def test_evaluation_that_is_gone_ends_its_line():
    """What was deleted is told as an error to whoever follows it."""

    def gone(_evaluation_id, _after):
        raise InputError("gone", code="unknown_id")

    with pytest.raises(InputError):
        asyncio.run(met(EventFeed(gone)))


def test_event_goes_over_the_line_as_the_standard_says():
    """An id, a kind and one line of JSON, with the contract's word for a state."""
    event = Happening(event_id=7, kind="state", at=AT, data={"state": "running", "message": "a\nb"})
    assert sent_event(event) == (
        b'id: 7\nevent: state\ndata: {"at":"2026-01-01T00:00:00Z","status":"running","message":"a\\nb"}\n\n'
    )


def test_what_one_follower_claims_to_know_keeps_nothing_from_others():
    """A Last-Event-ID out of the air delays nobody's events until the next heartbeat."""

    async def story():
        table = Table(1)
        feed = feed_of(table)
        liar = asyncio.create_task(met(feed, after=2**63 - 1))
        await asyncio.sleep(0.03)
        line = asyncio.create_task(met(feed))
        await asyncio.sleep(0.03)
        table.ids.append(2)
        table.is_over = True
        async with asyncio.timeout(2):
            told = await line
        feed.close()
        await liar
        return told

    assert asyncio.run(story()) == [1, 2]

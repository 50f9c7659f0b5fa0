"""What is told while a generation runs."""

from __future__ import annotations

import asyncio

from evaltrail.generation.rounds import at_most
from evaltrail.generation.watching import Watcher


def test_a_silence_is_told_once_it_is_long():
    """Models take their time; after some seconds somebody should know."""
    told = []
    for silent_s in (1.0, 30.0):
        Watcher(4, told.append, silent_s=lambda seconds=silent_s: seconds).tell(force=True)
    assert [each.silent_s for each in told] == [0.0, 30.0]


def test_a_silence_is_told_again_and_again():
    """Each second, though nothing comes: a bar that stands still says for how long."""
    told = []
    silences = iter((6.0, 7.0))

    async def silent():
        second = asyncio.Event()

        def take(progress):
            told.append(progress)
            if len(told) == 2:
                second.set()

        ticking = asyncio.create_task(Watcher(4, take, silent_s=lambda: next(silences)).keep_telling(every_s=0.01))
        await asyncio.wait_for(second.wait(), 10)
        ticking.cancel()

    asyncio.run(silent())
    assert [(each.done, each.silent_s) for each in told] == [(0, 6.0), (0, 7.0)]


def test_good_and_bad_are_counted_and_never_more_than_asked_for():
    """The reasons of the bad ones, and of windows that gave nothing."""
    told = []
    watcher = Watcher(2, told.append)
    for reason in ("", "evidence", "", "", "evidence"):
        watcher.checked(reason)
    watcher.lost("unreadable")
    watcher.tell(force=True)
    assert (told[-1].done, told[-1].total, told[-1].errors) == (2, 2, {"evidence": 2, "unreadable": 1})
    watcher.round_ended(1)
    assert told[-1].done == 1


def test_one_order_asks_for_no_more_than_a_model_can_count():
    """Of every type about as large a part; the rest follows in further orders."""
    assert at_most({"simple": 3}, 25) == {"simple": 3}
    assert at_most({"simple": 40, "numeric": 10}, 25) == {"simple": 20, "numeric": 5}
    assert sum(at_most({"simple": 7, "numeric": 9, "reasoning": 10, "multi_hop": 1}, 25).values()) == 25

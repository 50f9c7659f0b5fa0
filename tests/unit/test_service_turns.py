"""Turns: who works at once, and who waits where."""

from __future__ import annotations

import asyncio
import threading

import pytest
from anyio.to_thread import current_default_thread_limiter, run_sync

from evaltrail.core.errors import InputError
from evaltrail.service.turns import Turns


def test_those_who_wait_for_a_turn_keep_no_thread():
    """Of five, two work; the third thread is free for others, and all five come to their end."""
    begun, may_end = threading.Semaphore(0), threading.Event()

    def work():
        begun.release()
        assert may_end.wait(10)
        return "done"

    async def meet():
        current_default_thread_limiter().total_tokens = 3
        turns = Turns(2, patience_s=10)
        try:
            working = [asyncio.create_task(turns.take(work)) for _ in range(5)]
            for _ in range(2):
                assert await run_sync(begun.acquire)
            assert not await run_sync(begun.acquire, False)  # noqa: FBT003  the standard library's own order
        finally:
            may_end.set()
        return await asyncio.gather(*working)

    assert asyncio.run(meet()) == ["done"] * 5


def test_who_gets_no_turn_in_time_is_told_so():
    """The work that has the place goes on, and the next one gets it."""
    may_end = threading.Event()

    async def meet():
        turns = Turns(1, patience_s=0)
        working = asyncio.create_task(turns.take(lambda: may_end.wait(10)))
        await asyncio.sleep(0)
        with pytest.raises(InputError) as caught:
            await turns.take(may_end.set)
        may_end.set()
        return caught.value.code, await working, await turns.take(lambda: "next")

    assert asyncio.run(meet()) == ("rate_limited", True, "next")

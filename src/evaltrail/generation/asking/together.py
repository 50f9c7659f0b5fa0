"""Several things at the same time, none of which outlives the first failure of another."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import TypeVar

Found = TypeVar("Found")


async def together(work: Iterable[Coroutine[object, object, Found]]) -> list[Found]:
    """What each comes to, in order; the first error of one ends all of them.

    Raises:
        Exception: what one raised, once none of them runs any more.
    """
    tasks = [asyncio.create_task(one) for one in work]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

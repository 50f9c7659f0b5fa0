"""Workers that pull from one source of work until it is empty; when one fails, all of them end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine


async def side_by_side(work: Callable[[], Coroutine[object, object, None]], count: int) -> None:
    """Run so many workers to their end; the first error of one ends them all.

    Args:
        work: a worker's whole life: it takes what is left until nothing is.
        count: workers at a time.

    Raises:
        Exception: what a worker raised, once none of them runs any more.
    """
    workers = [asyncio.create_task(work()) for _ in range(count)]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)

"""Turns: work that lasts, a few at once; whoever waits does so on the event loop and keeps no thread from others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from anyio.to_thread import run_sync

from evaltrail.core.errors import InputError

_Result = TypeVar("_Result")


class Turns:
    """Places for work in threads; for one event loop.

    Args:
        places: how many work at once.
        patience_s: how long a place is waited for.
    """

    def __init__(self, places: int, *, patience_s: float) -> None:
        self._places = asyncio.Semaphore(places)
        self._patience_s = patience_s

    async def take(self, work: Callable[[], _Result]) -> _Result:
        """What the work returns, done in a thread once there is a place.

        Raises:
            InputError: there was none in time (``rate_limited``).
        """
        try:
            async with asyncio.timeout(self._patience_s):
                await self._places.acquire()
        except TimeoutError as error:
            raise InputError("too many ask at once", code="rate_limited", hint="ask again in a moment") from error
        try:
            return await run_sync(work)
        finally:
            self._places.release()

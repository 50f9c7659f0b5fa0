"""Budget: a hard end of the tokens that may be spent. What is in flight counts with its worst case."""

from __future__ import annotations

import asyncio
from collections import deque


class Budget:
    """Books calls before they are sent and settles them when they are answered; used by many coroutines of one loop.

    Args:
        tokens: prompt and completion together; None = no end.
        spent: of these by earlier runs of the same work.
    """

    def __init__(self, tokens: int | None, spent: int = 0) -> None:
        self._tokens = tokens
        self._spent = spent
        self._booked = 0
        self._begun: list[int] = []
        self._calls: deque[tuple[int, asyncio.Future[bool]]] = deque()
        self._works: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def is_limited(self) -> bool:
        """Whether there is an end."""
        return self._tokens is not None

    @property
    def spent(self) -> int:
        """Tokens that were spent, by earlier runs too."""
        return self._spent

    async def book(self, worst: int) -> bool:
        """Whether a call may be sent; waits while calls in flight may yet leave room for it.

        Args:
            worst: tokens that the call may take at most.
        """
        if self._fits(worst):
            self._booked += worst
            return True
        if not self._booked:
            return False
        waiter: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._calls.append((worst, waiter))
        return await waiter

    def settle(self, worst: int, used: int) -> None:
        """Take in what a booked call really took, and let others go on."""
        self._booked -= worst
        self._spent += used
        waiting, self._calls = self._calls, deque()
        for need, waiter in waiting:
            if waiter.done():
                continue
            if self._fits(need):
                self._booked += need
                waiter.set_result(True)
            else:
                self._calls.append((need, waiter))
        # Nobody is left who could leave room.
        while self._calls and not self._booked:
            self._calls.popleft()[1].set_result(False)

    async def begin(self, worst: int) -> None:
        """Wait until a piece of work of several calls fits as a whole, or until no other one is under way.

        Works that are begun together would each spend their first calls and have nothing left for the last ones.

        Args:
            worst: tokens that all of its calls may take at most; ``finish`` is told the same.
        """
        if not self._may_begin(worst):
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._works.append((worst, waiter))
            await waiter
            return
        self._begun.append(worst)

    def finish(self, worst: int) -> None:
        """A piece of work is done."""
        self._begun.remove(worst)
        while self._works and (self._works[0][1].done() or self._may_begin(self._works[0][0])):
            need, waiter = self._works.popleft()
            if not waiter.done():
                self._begun.append(need)
                waiter.set_result(None)

    def _fits(self, worst: int) -> bool:
        return self._tokens is None or self._spent + self._booked + worst <= self._tokens

    def _may_begin(self, worst: int) -> bool:
        return self._tokens is None or not self._begun or self._spent + sum(self._begun) + worst <= self._tokens

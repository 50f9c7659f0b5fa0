"""EventFeed: who follows jobs; one look at the table a moment for all of them, however many there are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from anyio import CapacityLimiter
from anyio.to_thread import run_sync

from evaltrail.core.errors import EvaltrailError
from evaltrail.service.answering.watching import Happening, Happenings

POLL_S = 0.5
HEARTBEAT_S = 15.0
_MOST_READERS = 4


class _Watch:
    """Those who follow one job."""

    def __init__(self) -> None:
        self.after = 0
        """The newest event that was read: never what a client says that it knows, for others would miss what is new."""
        self.bells: set[asyncio.Event] = set()

    def ring(self) -> None:
        """Have everybody read on."""
        for bell in self.bells:
            bell.set()


class EventFeed:
    """Lets any number of clients of one event loop follow evaluations and generations.

    Args:
        read: what happened to a job after an event, some at a time; called in threads.
        poll_s: between two looks at the table.
        heartbeat_s: after which a client that was told nothing is told that the line stands.
    """

    def __init__(
        self,
        read: Callable[[str, int], Happenings],
        *,
        poll_s: float = POLL_S,
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        self._read = read
        self._poll_s = poll_s
        self._heartbeat_s = heartbeat_s
        self._watches: dict[str, _Watch] = {}
        self._looking: asyncio.Task[None] | None = None
        self._threads = CapacityLimiter(_MOST_READERS)
        self._is_closed = False

    async def follow(self, job_id: str, after: int) -> AsyncIterator[Happening | None]:
        """What happens to a job until it is over or the feed is closed; None = nothing yet, the line stands.

        Args:
            job_id: its whole id, which is that of the evaluation or the generation.
            after: the last event that is known already; 0 = none.

        Raises:
            InputError: there is no such job any more.
            StorageError: the table is away.
        """
        bell = asyncio.Event()
        watch = self._watches.setdefault(job_id, _Watch())
        watch.bells.add(bell)
        try:
            while not self._is_closed:
                bell.clear()
                found = await run_sync(self._read, job_id, after, limiter=self._threads)
                for event in found.events:
                    yield event
                after = found.after
                if found.is_over:
                    return
                if found.events:
                    watch.after = max(watch.after, after)
                    continue
                self._keep_looking()
                if not await self._has_rung(bell):
                    yield None
        finally:
            watch.bells.discard(bell)
            if not watch.bells:
                self._watches.pop(job_id, None)

    def close(self) -> None:
        """End all lines, and take no new ones."""
        self._is_closed = True
        for watch in self._watches.values():
            watch.ring()
        if self._looking is not None:
            self._looking.cancel()

    async def _has_rung(self, bell: asyncio.Event) -> bool:
        try:
            async with asyncio.timeout(self._heartbeat_s):
                await bell.wait()
        except TimeoutError:
            return False
        return True

    def _keep_looking(self) -> None:
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())

    async def _look(self) -> None:
        while self._watches:
            await asyncio.sleep(self._poll_s)
            known = {name: watch.after for name, watch in self._watches.items()}
            newest = await run_sync(self._newest, known, limiter=self._threads)
            for name, number in newest.items():
                watch = self._watches.get(name)
                if watch is not None:
                    watch.after = max(watch.after, number)
                    watch.ring()

    def _newest(self, known: dict[str, int]) -> dict[str, int]:
        """The jobs of which there is something to read, each with its newest event."""
        found: dict[str, int] = {}
        for name, after in known.items():
            try:
                happenings = self._read(name, after)
            except EvaltrailError:  # whoever follows it finds out by the next heartbeat
                continue
            if happenings.events or happenings.is_over:
                found[name] = happenings.after
        return found

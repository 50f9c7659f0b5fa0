"""Waker: the sweeper beside a Celery worker, which has hints sent for as long as a unit is due and a process idle."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from evaltrail.core.errors import StorageError
from evaltrail.jobs.hints import failure_words, hint_queue
from evaltrail.jobs.lease import LeaseQueue
from evaltrail.jobs.sweeping import sweep, sweep_pause_s

if TYPE_CHECKING:
    from evaltrail.jobs.broker import Broker

_UNTAKEN_S = 0.3
"""A unit that is due for less is being taken just now, or a hint for it is on its way."""
_MOST_DUE = 200


class Waker:
    """Takes back units of silent workers, and wakes idle processes of ours by the broker, from a thread of its own.

    Hints go to the queues that we read, one for each idle process at most, so that they can never pile up.

    Args:
        queue: of units.
        broker: that hints are sent by; used by this thread alone.
        queues: that we take units from; empty = all.
        idle: how many of our processes could take a unit now.
        notice: told, in one sentence, what a person watching wants to know.
    """

    def __init__(
        self,
        queue: LeaseQueue,
        broker: Broker,
        queues: tuple[str, ...],
        *,
        idle: Callable[[], int],
        notice: Callable[[str], None],
    ) -> None:
        self._queue = queue
        self._broker = broker
        self._queues = queues
        self._idle = idle
        self._notice = notice
        self._ended = threading.Event()
        self._unread_since: float | None = None
        self._told = ""
        self._thread = threading.Thread(target=self._wake_on, name="waker", daemon=True)

    @property
    def unread_s(self) -> float:
        """For how long hints have lain at the broker, unread, while a process of ours was idle; 0 = they have not."""
        since = self._unread_since
        return 0.0 if since is None else time.monotonic() - since

    def heard(self) -> None:
        """Take note that a process of ours was woken."""
        self._unread_since = None

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, *, within_s: float) -> None:
        """End; a server that does not answer is not waited for."""
        self._ended.set()
        self._thread.join(within_s)

    def _wake_on(self) -> None:
        pause_s = sweep_pause_s(self._queue)
        while not self._ended.wait(pause_s):
            try:
                sweep(self._queue, self._notice)
                self._wake()
            except Exception as error:  # noqa: BLE001  a wall: the next turn may succeed, and nobody else sweeps here
                self._unread_since = None
                self._complain(error)
            else:
                self._told = ""
        self._broker.close()

    def _wake(self) -> None:
        idle = self._idle()
        names = self._due_queues() if idle else ()
        unread = [self._broker.top_up(name, idle) for name in names]
        if not any(unread):
            self._unread_since = None
        elif self._unread_since is None:
            self._unread_since = time.monotonic()

    def _due_queues(self) -> tuple[str, ...]:
        """The broker's queues that we read and that something is due for."""
        due = self._queue.due(limit=_MOST_DUE, waiting_for_s=_UNTAKEN_S)
        if not self._queues:
            return (hint_queue(),) if due else ()
        if len(due) == _MOST_DUE:  # there may be others behind them
            return tuple(map(hint_queue, self._queues))
        found = {unit.queue for unit in due}
        return tuple(hint_queue(name) for name in self._queues if name in found)

    def _complain(self, error: Exception) -> None:
        """Tell once what a person has to mend; that the broker is away is told by who listens to it."""
        said = failure_words(error)
        if not isinstance(error, StorageError) and said != self._told:
            self._told = said
            self._notice(said)

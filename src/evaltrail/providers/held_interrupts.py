"""Interrupts that are put off: one that is raised between the start of a child and its watch would leave it running."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class HeldInterrupts:
    """What SIGINT and SIGTERM would raise in the main thread, put off until they are let through."""

    def __init__(self) -> None:
        self._before: dict[signal.Signals, Any] = {}
        self._came: list[int] = []

    def hold(self) -> None:
        """Put them off from now on; other threads get none."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in (signal.SIGINT, signal.SIGTERM):
            handler = signal.getsignal(number)
            if callable(handler):  # else nothing is raised, and the child is to inherit that it is ignored
                self._before[number] = handler
                signal.signal(number, lambda number, _: self._came.append(number))

    def let_through(self) -> None:
        """Raise what has come, and put off nothing any more; to be called again where it raises.

        Raises:
            KeyboardInterrupt: as the handlers have it.
        """
        for number, handler in list(self._before.items()):
            signal.signal(number, handler)
            del self._before[number]  # only now: an interrupt may come at any line
        while self._came:
            signal.raise_signal(self._came.pop())


@contextmanager
def held_interrupts() -> Iterator[HeldInterrupts]:
    """Interrupts are put off in the block until it lets them through, and let through at its end."""
    held = HeldInterrupts()
    try:
        held.hold()
        yield held
    finally:
        held.let_through()

"""Alarm: calls back after a while, from one thread of the process that sleeps until then."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Alarm:
    """Calls back after a while. Setting one and calling it off cost no thread: units may take less than a millisecond.

    What it calls must not block: all others wait behind it.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._due: dict[object, tuple[float, Callable[[], None]]] = {}
        self._wakes_at = 0.0
        self._thread: threading.Thread | None = None

    def set(self, after_s: float, call: Callable[[], None]) -> object:
        """Have it called after so many seconds, once; what is returned calls it off.

        Raises:
            RuntimeError: the process can have no further thread.
        """
        key, at = object(), time.monotonic() + after_s
        with self._changed:
            if self._thread is None or not self._thread.is_alive():  # none yet, or it stayed behind in a fork's parent
                self._thread = threading.Thread(target=self._run, name="alarm", daemon=True)
                self._thread.start()
            self._due[key] = (at, call)
            if at < self._wakes_at:
                self._changed.notify()
        return key

    def call_off(self, key: object) -> None:
        """Let it not be called, unless that is being done just now."""
        with self._changed:
            self._due.pop(key, None)

    def _run(self) -> None:
        while True:
            for call in self._ripe():
                call()

    def _ripe(self) -> list[Callable[[], None]]:
        """What is due by now, or after a sleep until the next may be."""
        with self._changed:
            now = time.monotonic()
            self._wakes_at = min((at for at, _ in self._due.values()), default=float("inf"))
            if self._wakes_at > now:
                self._changed.wait(None if self._wakes_at == float("inf") else self._wakes_at - now)
                self._wakes_at = 0.0
                return []
            ripe = [key for key, (at, _) in self._due.items() if at <= now]
            return [self._due.pop(key)[1] for key in ripe]

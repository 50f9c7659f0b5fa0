"""HeldTogether: a change to the whole process, such as to its environment, that several threads need at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager


class HeldTogether:
    """Who comes first makes the change, and who goes last takes it back; who needs another one waits until then."""

    def __init__(self) -> None:
        self._turn = threading.Condition()
        self._holders = 0
        self._key: object = None
        self._change = ExitStack()

    @contextmanager
    def hold(self, change: Callable[[], AbstractContextManager[None]], key: object = None) -> Iterator[None]:
        """Have the change while the block runs.

        Args:
            change: makes it, and takes it back; called where nobody holds it.
            key: equal ones are the same change.
        """
        with self._turn:
            self._turn.wait_for(lambda: not self._holders or self._key == key)
            if not self._holders:
                self._change.enter_context(change())
                self._key = key
            self._holders += 1
        try:
            yield
        finally:
            with self._turn:
                self._holders -= 1
                if not self._holders:
                    self._change.close()
                    self._turn.notify_all()

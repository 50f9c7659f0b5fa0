"""Presence: a worker's sign of life in the table, whatever its process may look like from outside."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Literal, Self

from evaltrail.core.errors import EvaltrailError
from evaltrail.core.ids import new_id
from evaltrail.core.version import VERSION
from evaltrail.jobs.account import WorkerAccount
from evaltrail.jobs.lease import LeaseQueue

Engine = Literal["embedded", "celery"]
_SHARE = 1 / 3
_JOIN_S = 5.0


class Presence:
    """Says, while the block runs, that a worker is alive; a database that is away is asked again.

    Args:
        queue: that it works for.
        engine: what wakes it.
        queues: it takes units of these only; empty = of all.
        concurrency: units at a time.
    """

    def __init__(self, queue: LeaseQueue, *, engine: Engine, queues: Sequence[str], concurrency: int) -> None:
        self._queue = queue
        self._worker = WorkerAccount(
            id=new_id(),
            host=socket.gethostname(),
            pid=os.getpid(),
            engine=engine,
            version=VERSION,
            queues=tuple(queues),
            concurrency=concurrency,
        )
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._tell, name="presence", daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End: nobody has to wait for the last sign of life to run out."""
        self._ended.set()
        self._thread.join(_JOIN_S)
        with suppress(EvaltrailError):
            self._queue.forget_worker(self._worker.id)

    def _tell(self) -> None:
        is_over = False
        while not is_over:
            with suppress(EvaltrailError):  # who is cut off from the table counts as dead: that is what it is for
                self._queue.note_worker(self._worker)
            is_over = self._ended.wait(self._queue.lease_s * _SHARE)

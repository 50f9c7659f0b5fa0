"""Patience: how long a destination is waited for, and the one loop that tries again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from evaltrail.core.errors import DestinationUnreachableError
from evaltrail.destinations.mlflow.port import ANSWER_LOST

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Bounds of one request to MLflow, and of the wait for one's turn; the defaults suit a person who waits."""

    connect_s: float = 3.0
    """Seconds to reach the server."""
    read_s: float = 30.0
    """Seconds without a byte of the answer."""
    retry_s: float = 10.0
    """Seconds after which nothing is tried again."""
    pause_s: float = 0.25
    """Seconds before the second attempt; doubled before each further one."""
    lease_s: float = 5.0
    """Seconds another process that sends the same delivery is waited for."""

    def insist(self, attempt: Callable[[], Result]) -> Result:
        """What the attempt returns, tried again while MLflow cannot be reached and patience lasts.

        A lost answer ends it at once: only the caller can find out what became of the request.

        Raises:
            DestinationUnreachableError: the last attempt's, when patience is at its end.
        """
        started, pause = time.monotonic(), self.pause_s
        while True:
            try:
                return attempt()
            except DestinationUnreachableError as error:
                if error.code == ANSWER_LOST or time.monotonic() - started + pause > self.retry_s:
                    raise
                time.sleep(pause)
                pause *= 2

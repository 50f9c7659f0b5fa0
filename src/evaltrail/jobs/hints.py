"""Hints: workers on a broker are told that something is due. The tables are the truth; a lost hint costs a second."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from evaltrail.config.settings import Settings
from evaltrail.core.errors import EvaltrailError, InputError
from evaltrail.core.ids import digest

if TYPE_CHECKING:
    from evaltrail.jobs.broker import Broker

_MOST = 64
"""Hints that lie in a queue at most: each wakes a worker, who then goes on for as long as anything is due."""
_PAUSE_WHEN_AWAY_S = 10.0
_PREFIX = "evaltrail"
_LONGEST_NAME = 200
"""Bytes of a queue's name; AMQP takes 255 at most."""


def hint_queue(queue: str = "") -> str:
    """The broker's queue for hints of one of our queues; of an empty name: for workers that take from all of them."""
    if not queue:
        return _PREFIX
    name = f"{_PREFIX}.{queue}"
    return name if len(name.encode()) <= _LONGEST_NAME else f"{_PREFIX}.{digest(queue)}"


class Hints:
    """Tells workers that units of a queue are due; for one thread.

    Args:
        url: EVALTRAIL_QUEUE_URL; empty = workers look by themselves.
        notice: told, in one sentence, that the broker is away.
    """

    def __init__(self, url: str = "", *, notice: Callable[[str], None] = lambda _: None) -> None:
        self._url = url
        self._notice = notice
        self._broker: Broker | None = None
        self._asks_again_at = 0.0

    def send(self, queue: str, count: int) -> bool:
        """Whether workers are told, or need not be; a broker that is away is no error, nor is what its library raises.

        Args:
            queue: that the units are in.
            count: of units that are due.
        """
        if not self._url or count < 1:
            return True
        if time.monotonic() < self._asks_again_at:
            return False
        try:
            self._send(queue, min(count, _MOST))
        except Exception as error:  # noqa: BLE001  a wall: what was accepted stays so, whatever a library raises
            self._asks_again_at = time.monotonic() + _PAUSE_WHEN_AWAY_S
            said = failure_words(error)
            self._notice(f"{said}; what is accepted is safe, and workers find it as soon as they can be told again")
            return False
        return True

    def close(self) -> None:
        """Give the connection back."""
        if self._broker is not None:
            self._broker.close()
            self._broker = None

    def _send(self, queue: str, count: int) -> None:
        if self._broker is None:
            self._broker = open_broker(self._url)
        for name in (hint_queue(), hint_queue(queue)):
            self._broker.top_up(name, count)


@contextmanager
def open_hints(settings: Settings, *, notice: Callable[[str], None] = lambda _: None) -> Iterator[Hints]:
    """What tells the workers of these settings, while the block runs.

    Args:
        settings: name the broker, if there is one.
        notice: told, in one sentence, that the broker is away.
    """
    hints = Hints(settings.queue_url, notice=notice)
    try:
        yield hints
    finally:
        hints.close()


def failure_words(error: Exception) -> str:
    """What people are told of a failure; of a foreign one its kind alone, for its words may hold the password."""
    kind = type(error)
    return str(error) if isinstance(error, EvaltrailError) else f"hints failed: {kind.__module__}.{kind.__name__}"


def open_broker(url: str) -> Broker:
    """The broker of that address; nothing has been asked of it yet.

    Raises:
        InputError: Celery is not installed.
    """
    try:
        from evaltrail.jobs.broker import Broker  # noqa: PLC0415  Celery, which few installations have
    except ModuleNotFoundError as error:
        raise InputError(
            "hints by a broker need Celery",
            code="missing_extra",
            hint="pip install 'evaltrail[celery]'",
            where="EVALTRAIL_QUEUE_URL",
        ) from error
    return Broker(url)

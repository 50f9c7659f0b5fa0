"""Follower: a client of the events of one evaluation that asks on from the last event whenever its line is cut."""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress
from http.client import HTTPException
from types import TracebackType
from typing import Self

from service_stand import EVALUATIONS, OVER

from service_client import ServiceClient

_PAUSE_S = 0.1
_PATIENCE_S = 60.0


class Follower:
    """Follows in a thread of its own while the block runs.

    Args:
        client: of the service.
        evaluation_id: that is followed.
    """

    def __init__(self, client: ServiceClient, evaluation_id: str) -> None:
        self.events: list[dict[str, str]] = []
        self.lines = 0
        """Times that it connected."""
        self._client = client
        self._path = f"{EVALUATIONS}/{evaluation_id}/events"
        self._ends = time.monotonic() + _PATIENCE_S
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is None:
            self._thread.join(_PATIENCE_S)

    @property
    def states(self) -> list[str]:
        """The states it was told, in their order."""
        told = [json.loads(event["data"]) for event in self.events if event.get("event") == "state"]
        return [each["status"] for each in told]

    def _follow(self) -> None:
        while time.monotonic() < self._ends and not OVER & set(self.states[-1:]):
            with suppress(OSError, HTTPException, AssertionError):  # the service is away, or just begins
                self._read_on()
            time.sleep(_PAUSE_S)

    def _read_on(self) -> None:
        last = {"Last_Event_ID": self.events[-1]["id"]} if self.events else {}
        with self._client.events(self._path, **last) as told:
            self.lines += 1
            self.events += (event for event in told if "id" in event and "data" in event)


def all_events(client: ServiceClient, evaluation_id: str) -> list[dict[str, str]]:
    """Every event of an evaluation that is over, by one line."""
    with client.events(f"{EVALUATIONS}/{evaluation_id}/events") as told:
        return [event for event in told if "id" in event and "data" in event]

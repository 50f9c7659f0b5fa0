"""What the documents of a harness's tasks cost to ask, put into the rows that the harness writes."""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping, Sequence
from typing import Any, Protocol

import msgspec

KEY = "evaltrail_usage"
"""Of a row: what asking its document cost. A document that has several rows, one a filter, says it in the first."""


class Cost(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Of one request with its retries, or of all requests of one document."""

    attempts: int = 0
    """Requests sent."""
    prompt_tokens: int | None = None
    """None where the endpoint did not tell."""
    completion_tokens: int | None = None
    latency_s: float | None = None
    """Seconds of the last attempt."""


class Charged(Protocol):
    """As much of a request of the harness as counts here."""

    task_name: str | None
    doc_id: int | None


class Costs:
    """What each document cost so far."""

    def __init__(self) -> None:
        self._spent: dict[tuple[str, int], Cost] = {}

    def note(self, request: Charged, cost: Cost) -> None:
        """This was spent on a request's document."""
        place = (str(request.task_name), int(request.doc_id or 0))
        before = self._spent.get(place)
        self._spent[place] = cost if before is None else _together(before, cost)

    def mark(self, task: str, rows: Iterable[MutableMapping[str, Any]]) -> None:
        """Put into a task's rows what their documents cost."""
        told: set[int] = set()
        for row in rows:
            cost = self._spent.get((task, row["doc_id"]))
            if cost is not None and row["doc_id"] not in told:
                told.add(row["doc_id"])
                row[KEY] = msgspec.to_builtins(cost)


def _together(first: Cost, second: Cost) -> Cost:
    """Of both; tokens only where both are told."""
    return Cost(
        attempts=first.attempts + second.attempts,
        prompt_tokens=_sum((first.prompt_tokens, second.prompt_tokens)),
        completion_tokens=_sum((first.completion_tokens, second.completion_tokens)),
        latency_s=first.latency_s if second.latency_s is None else second.latency_s,
    )


def _sum(parts: Sequence[int | None]) -> int | None:
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None

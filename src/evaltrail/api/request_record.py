"""What is known of a request beside what it says: made by the outermost guard, told in the log and in problems."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

RECORD = "evaltrail.request"
"""Key of an ASGI scope that holds it."""


@dataclass(slots=True, kw_only=True)
class RequestRecord:
    """One request; what becomes known on the way is written into it."""

    id: str
    """X-Request-Id: the client's where that is one, else a new one."""
    client: str = ""
    """Name of the key that it came with; empty = none was asked for."""
    job_id: str = ""
    """The evaluation that it is about."""
    prefix: str = ""
    """Path that a proxy takes off before it asks us: ``/evals``; empty = none."""
    fault: BaseException | None = None
    """Of ours, that it was answered with 500 for; None = there was none, or it was raised."""


def record_of(scope: Mapping[str, object]) -> RequestRecord:
    """The record of a request; an empty one where no guard stands before the application."""
    found = scope.get(RECORD)
    return found if isinstance(found, RequestRecord) else RequestRecord(id="")

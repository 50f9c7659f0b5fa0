"""Following an evaluation: looking at it until it is over, and its events on a line that is taken up again."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from http.client import HTTPException

from evaltrail.client.answers import OVER, Evaluation, ServiceEvent
from evaltrail.client.event_lines import read_events
from evaltrail.client.line import Line
from evaltrail.client.refusal import strange
from evaltrail.core.errors import EndpointError, EvaltrailError

_FIRST_LOOK_S, _LAST_LOOK_S = 0.1, 2.0
_AWAY_S = 60.0
"""How long a service may be away while one waits for an evaluation."""
_LASTING = frozenset({"not_the_service", "redirected"})
"""What time does not mend."""
_SILENCE_S = 45.0
"""Three of the service's heartbeats."""
_MOST_LINES = 5
"""Lines in a row that may end without an event."""
_RECONNECT_S = 0.5


def await_end(
    look: Callable[[], Evaluation], *, timeout_s: float | None, on_progress: Callable[[Evaluation], None]
) -> Evaluation:
    """The evaluation once it is over; see ``Client.wait``.

    Args:
        look: how it is now.
        timeout_s: seconds to wait at most; None = until it is over.
        on_progress: told how it is after every look.

    Raises:
        EndpointError: the service stays away.
        EvaltrailError: (code ``wait_timed_out``) it is not over in time.
    """
    ends = None if timeout_s is None else time.monotonic() + timeout_s
    pause_s, seen_at = _FIRST_LOOK_S, time.monotonic()
    while True:
        try:
            found = look()
        except EndpointError as error:
            now = time.monotonic()
            if error.code in _LASTING or now - seen_at > _AWAY_S or (ends is not None and now > ends):
                raise
        else:
            seen_at = time.monotonic()
            on_progress(found)
            if found.is_over:
                return found
        left_s = pause_s if ends is None else min(pause_s, ends - time.monotonic())
        if left_s <= 0:
            raise EvaltrailError(
                f"the evaluation is not over within {timeout_s:g} s",
                code="wait_timed_out",
                hint="it goes on; wait for it again, or cancel it",
            )
        time.sleep(left_s)
        pause_s = min(_LAST_LOOK_S, 1.5 * pause_s)


def follow_events(line: Line, path: str, *, after: int, is_over: Callable[[], bool]) -> Iterator[ServiceEvent]:
    """What happens to an evaluation until it is over; see ``Client.events``.

    Args:
        line: to the service.
        path: of the events.
        after: the last event that is known already; 0 = from the beginning.
        is_over: asked after a line that brought nothing.

    Raises:
        InputError: there is no such evaluation.
        EndpointError: the service cannot be reached any more, or fails.
    """
    silent, heard_at = 0, -math.inf
    while True:
        came = after
        try:
            for event in _one_line(line, path, after):
                after = event.id
                yield event
                if event.kind == "state" and event.data.get("status") in OVER:
                    return
            silent = silent + 1 if after == came else 0
            if silent and is_over():
                return
            heard_at = time.monotonic()
        except EndpointError as error:
            if error.code in _LASTING or time.monotonic() - heard_at > _AWAY_S:
                raise
        if silent > _MOST_LINES:
            shown = line.address.shown
            raise EndpointError("the service ends every line without an event", code="no_events", where=shown)
        time.sleep(_RECONNECT_S)


def _one_line(line: Line, path: str, after: int) -> Iterator[ServiceEvent]:
    """The events that one line brings, however it ends."""
    headers = {"Accept": "text/event-stream", "Last-Event-ID": str(after)}
    try:
        with line.stream(path, headers, silence_s=_SILENCE_S) as stream:
            yield from read_events(stream)
    except (OSError, HTTPException):  # it broke: what came counts
        return
    except ValueError as error:
        raise strange(line.address.shown, str(error)) from error

"""/events of an evaluation, a generation or edits: what happens to it, as server-sent events (WHATWG HTML)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import msgspec
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from evaltrail.api.backend import Backend
from evaltrail.api.replies import QueryForm, read_query
from evaltrail.api.request_record import record_of
from evaltrail.core.errors import EvaltrailError, InputError
from evaltrail.service.answering.watching import Happening

_HEARTBEAT = b": the line stands\n\n"
_RETRY = b"retry: 2000\n\n"
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
_LARGEST_ID = 2**63 - 1


LAST_EVENT = {"Last-Event-ID": "the last event that is known already"}
EVENT_STREAM = "text/event-stream"


class EventRoutes:
    """Streams events.

    Args:
        backend: what is spoken to.
    """

    def __init__(self, backend: Backend) -> None:
        self._answers = backend.answers
        self._generations = backend.generations
        self._feed = backend.feed

    async def evaluation(self, request: Request) -> Response:
        """Follow an evaluation: server-sent events from its beginning, or from after Last-Event-ID, to its end."""
        return await self._follow(request, "evaluation_id", lambda given: self._answers.evaluation(given).id)

    async def generation(self, request: Request) -> Response:
        """Follow a generation: server-sent events from its beginning, or from after Last-Event-ID, to its end."""
        return await self._follow(request, "generation_id", lambda given: self._generations.generation(given).id)

    async def edits(self, request: Request) -> Response:
        """Follow edited questions: server-sent events from their upload, or from after Last-Event-ID, to their end."""
        return await self._follow(request, "job_id", lambda given: self._generations.edits(given).id)

    async def _follow(self, request: Request, name: str, whole_id: Callable[[str], str]) -> Response:
        read_query(QueryForm, request)
        after = _last_event(request)
        job_id = await run_sync(whole_id, str(request.path_params[name]))
        record_of(request.scope).job_id = job_id
        return StreamingResponse(self._stream(job_id, after), 200, _HEADERS, EVENT_STREAM)

    async def _stream(self, job_id: str, after: int) -> AsyncIterator[bytes]:
        yield _RETRY
        try:
            async for happening in self._feed.follow(job_id, after):
                yield _HEARTBEAT if happening is None else sent_event(happening)
        except EvaltrailError as error:  # the answer has begun: the client asks again, and is then told by a status
            yield b": ended early, %s\n\n" % error.code.encode()


def sent_event(happening: Happening) -> bytes:
    """One event as it goes over the line."""
    data = {"status" if name == "state" else name: value for name, value in happening.data.items()}
    told = msgspec.json.encode({"at": happening.at, **data})
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (happening.event_id, happening.kind.encode(), told)


def _last_event(request: Request) -> int:
    text = request.headers.get("last-event-id", "").strip()
    if not text:
        return 0
    if text.isascii() and text.isdecimal() and len(text) < 20 and int(text) <= _LARGEST_ID:
        return int(text)
    raise InputError(
        f"{text!r:.40} is no event's id", where="Last-Event-ID", hint="send the id of the last event that was received"
    )

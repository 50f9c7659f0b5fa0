"""Connection: one client's line, cut where it sends without end, or begins what it does not bring to an end."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from evaltrail.api.problems import MEDIA_TYPE, Problem

if TYPE_CHECKING:
    from asyncio import TimerHandle

MOST_HEAD_BYTES = 65_536
"""Of a request's line and headers, which are kept before anybody knows who sends them; uvicorn has no bound."""
PATIENCE_S = 30.0
"""That a request is waited for, beyond the time that its bytes take at the slowest pace."""
_SLOWEST_BYTES_A_SECOND = 10_000


class Connection(HttpToolsProtocol):
    """uvicorn's protocol with two bounds: how much a head may hold, and how long a request may be on its way."""

    patience_s = PATIENCE_S
    _unread = 0
    """Bytes since the last that were part of a body, or ended a head."""
    _received = 0
    """Bytes of the request that is on its way."""
    _began_at = 0.0
    _alarm: TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Wait for a first request."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._rest()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on."""
        self._received += len(data)
        self._unread += len(data)
        super().data_received(data)
        if self._unread > MOST_HEAD_BYTES:
            message = f"the request's headers are larger than {MOST_HEAD_BYTES:,} bytes"
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "headers_too_large", message)
        elif self._alarm is None and (self._is_idle or self.cycle.more_body):
            self._wait()

    def send_400_response(self, msg: str) -> None:
        """Tell of what is no HTTP."""
        self._refuse(HTTPStatus.BAD_REQUEST, "bad_request", msg.rstrip("."))

    def on_headers_complete(self) -> None:
        """Have the request answered."""
        self._unread = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Hand a piece of the body on."""
        self._unread = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Wait no more: the request is here."""
        self._rest()
        super().on_message_complete()

    @property
    def _is_idle(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def _wait(self) -> None:
        self._began_at = self.loop.time()
        self._alarm = self.loop.call_later(self.patience_s, self._look)

    def _rest(self) -> None:
        self._received = 0
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _look(self) -> None:
        """Cut the line, unless its bytes have been worth the time."""
        ends_at = self._began_at + self.patience_s + self._received / _SLOWEST_BYTES_A_SECOND
        left_s = ends_at - self.loop.time()
        if left_s > 0:
            self._alarm = self.loop.call_later(left_s, self._look)
        else:
            self.transport.close()

    def _refuse(self, status: HTTPStatus, code: str, message: str) -> None:
        """End the line with a problem, unless an answer of another request is on it."""
        if self._is_idle and not self.transport.is_closing():
            body = Problem(status=status, code=code, message=message, hint="send HTTP/1.1").body()
            head = (
                f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {MEDIA_TYPE}\r\n"
                f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            )
            self.transport.write(head.encode() + body)
        self.transport.close()

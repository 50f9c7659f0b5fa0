"""One keep-alive HTTP/1.1 connection (RFC 9112) with one exchange at a time, and the reply it ends in."""

from __future__ import annotations

import asyncio
import math
import zlib
from time import monotonic
from typing import NamedTuple

import httptools

MAX_REPLY_BYTES = 16 << 20
_FRAMING_BYTES = 1 << 20
"""What headers and chunk sizes may add to a reply."""

Headers = tuple[tuple[bytes, bytes], ...]


class Reply(NamedTuple):
    """What one request came to: an HTTP answer, or the reason why there is none."""

    status: int = 0
    """0 exactly when ``error`` is set."""
    headers: Headers = ()
    """As sent by the peer, in its own case."""
    body: bytes = b""
    """Decompressed."""
    latency_s: float = 0.0
    """From sending the request to its last byte."""
    marks: tuple[tuple[int, float], ...] = ()
    """(bytes of the body so far, seconds since sending) as each piece arrived."""
    error: str = ""
    """``reset``, ``timeout``, ``too_large``, ``garbage`` or ``unreachable``."""
    detail: str = ""
    is_stale: bool = False
    """The peer had closed this idle connection before a byte of an answer: the request may be sent again."""


class Connection(asyncio.Protocol):
    """One connection; ``exchange`` may be called again when its future is done and ``is_reusable`` holds."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._transport: asyncio.WriteTransport | None = None
        self._waiter: asyncio.Future[Reply] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._exchanges = 0
        self.deadline = math.inf
        """When the sweeper ends the exchange under way, on the monotonic clock; infinite while idle."""
        self.is_reusable = False
        self._clear()

    def exchange(self, request: bytes, deadline: float) -> asyncio.Future[Reply]:
        """A future reply to a whole request; it never fails, and it is done soon after the deadline."""
        self._clear()
        self._exchanges += 1
        self.is_reusable = False
        self.deadline = deadline
        self._waiter = waiter = self._loop.create_future()
        self._sent_at = monotonic()
        if self._transport is None:
            self._lost("closed")
        else:
            self._transport.write(request)
        return waiter

    def fail(self, error: str, detail: str) -> None:
        """End the exchange under way with an error and close the connection."""
        self._resolve(Reply(error=error, detail=detail))
        self.abort()

    def abort(self) -> None:
        """Close at once; an exchange under way is forgotten."""
        self._waiter, self.deadline, self.is_reusable = None, math.inf, False
        if self._transport is not None:
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport  # type: ignore[assignment]  # a stream's transport can be written to

    def connection_lost(self, exc: Exception | None) -> None:
        """Complete a reply that ends with the connection, or report the loss."""
        self._transport = None
        self.is_reusable = False
        if self._waiter is None:
            return
        if exc is None and self._ends_with_close():
            self._complete()
        else:
            self._lost(str(exc or "the connection was closed before the answer ended"))

    def data_received(self, data: bytes) -> None:
        """Feed the parser, within the byte cap."""
        if self._waiter is None:
            self.abort()
            return
        self._received += len(data)
        if self._received > MAX_REPLY_BYTES + _FRAMING_BYTES:
            self.fail("too_large", f"the answer is larger than {MAX_REPLY_BYTES >> 20} MB")
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self.fail("garbage", f"not an HTTP answer: {error}")

    # httptools callbacks

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a header; note the compression."""
        self._headers.append((name, value))
        if len(name) == 16 and name.lower() == b"content-encoding":
            self._encoding = value.strip().lower()

    def on_headers_complete(self) -> None:
        """Note that a body may end with the connection from here on."""
        self._has_head = True

    def on_body(self, piece: bytes) -> None:
        """Collect a piece of the body and when it came."""
        self._parts.append(piece)
        self._size += len(piece)
        self._marks.append((self._size, monotonic() - self._sent_at))

    def on_message_complete(self) -> None:
        """Hand the reply over; an interim answer (1xx) is skipped."""
        if self._parser.get_status_code() < 200:
            self._headers.clear()
            self._has_head = False
            return
        self._complete()

    def _complete(self) -> None:
        if self._waiter is None:
            self.abort()
            return
        parts = self._parts
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        if self._encoding:
            try:
                body = inflate(body, self._encoding)
            except zlib.error as error:
                self.fail("garbage", f"broken compression: {error}")
                return
        if len(body) > MAX_REPLY_BYTES:
            self.fail("too_large", f"the answer is larger than {MAX_REPLY_BYTES >> 20} MB")
            return
        self.is_reusable = self._transport is not None and self._parser.should_keep_alive()
        status = self._parser.get_status_code()
        latency_s = monotonic() - self._sent_at
        self._resolve(Reply(status, tuple(self._headers), body, latency_s, tuple(self._marks)))
        if not self.is_reusable:
            self.abort()

    def _ends_with_close(self) -> bool:
        framed = {b"content-length", b"transfer-encoding"}
        return self._has_head and not any(name.lower() in framed for name, _ in self._headers)

    def _lost(self, detail: str) -> None:
        is_stale = self._exchanges > 1 and not self._received
        self._resolve(Reply(error="reset", detail=detail, is_stale=is_stale))

    def _resolve(self, reply: Reply) -> None:
        waiter, self._waiter = self._waiter, None
        self.deadline = math.inf
        if waiter is not None and not waiter.done():
            waiter.set_result(reply)

    def _clear(self) -> None:
        self._headers: list[tuple[bytes, bytes]] = []
        self._parts: list[bytes] = []
        self._marks: list[tuple[int, float]] = []
        self._encoding = b""
        self._has_head = False
        self._received = self._size = 0
        self._sent_at = 0.0


def inflate(body: bytes, encoding: bytes) -> bytes:
    """The decompressed body, cut one byte after the cap; unknown encodings are left as they are.

    Raises:
        zlib.error: the body is not compressed as its header says.
    """
    if encoding in {b"gzip", b"x-gzip"}:
        return zlib.decompressobj(wbits=31).decompress(body, MAX_REPLY_BYTES + 1)
    if encoding == b"deflate":
        # RFC 9110 means zlib's format, some servers send the bare stream.
        is_zlib = len(body) > 1 and body[0] & 0x0F == 8 and (body[0] << 8 | body[1]) % 31 == 0
        return zlib.decompressobj(wbits=15 if is_zlib else -15).decompress(body, MAX_REPLY_BYTES + 1)
    return body

"""BodyLimit and RateLimit: how much a client may send, and how often it may ask."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from evaltrail.api.request_record import record_of
from evaltrail.core.errors import InputError
from evaltrail.server.access import is_form, is_open_path, is_upload
from evaltrail.server.refusal import header, refuse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_MOST_REMEMBERED = 10_000
_FRAME_BYTES = 100_000


@dataclass(slots=True)
class _Bucket:
    tokens: float
    filled_at: float


class TokenBuckets:
    """One bucket of tokens for each client: full at first, a token goes with each request, and it fills evenly.

    Args:
        a_minute: tokens that come in a minute, and that a bucket holds; above 0.
        clock: seconds that only grow.
        most: clients that are remembered; the one that has been away for longest is forgotten first.
    """

    def __init__(self, a_minute: int, *, clock: Callable[[], float] = monotonic, most: int = _MOST_REMEMBERED) -> None:
        self._size = float(a_minute)
        self._a_second = a_minute / 60
        self._clock = clock
        self._most = most
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, client: str) -> float:
        """Take a token; the seconds until there will be one where there is none, else 0."""
        wait_s = self.wait_s(client)
        if not wait_s:
            self._buckets[client].tokens -= 1
        return wait_s

    def wait_s(self, client: str) -> float:
        """The seconds until there will be a token; 0 where there is one."""
        now = self._clock()
        bucket = self._buckets.get(client)
        if bucket is None:
            if len(self._buckets) >= self._most:
                self._buckets.popitem(last=False)
            bucket = self._buckets[client] = _Bucket(self._size, now)
        else:
            self._buckets.move_to_end(client)
            bucket.tokens = min(self._size, bucket.tokens + (now - bucket.filled_at) * self._a_second)
            bucket.filled_at = now
        return 0.0 if bucket.tokens >= 1 else (1 - bucket.tokens) / self._a_second


class RateLimit:
    """Refuses a client that asks more often than it may; each key is a client, without keys each address.

    Args:
        app: what answers.
        a_minute: requests of one client; above 0.
    """

    def __init__(self, app: ASGIApp, a_minute: int) -> None:
        self._app = app
        self._a_minute = a_minute
        self._buckets = TokenBuckets(a_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, unless its client has used up what it may."""
        if scope["type"] == "http" and not is_open_path(scope["path"]):
            wait_s = self._buckets.take(client_of(scope))
            if wait_s:
                await refuse_for_now(scope, send, wait_s, f"more than {self._a_minute:,} requests in a minute")
                return
        await self._app(scope, receive, send)


class BodyLimit:
    """Refuses a body that is larger than the service takes, before the application reads it.

    Args:
        app: what answers.
        most_bytes: the largest one that is taken.
        most_upload_bytes: the same of requests that bring a file; empty = as of all others.
    """

    def __init__(self, app: ASGIApp, most_bytes: int, most_upload_bytes: int | None = None) -> None:
        self._app = app
        self._most_bytes = most_bytes
        self._most_upload_bytes = most_bytes if most_upload_bytes is None else most_upload_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, unless its body is too large."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        shows_page = is_form(scope["method"], scope["path"])
        frame_bytes = _frame_bytes(scope)
        # 90 MB of a form that is no multipart take 4 GB of memory to read (measured November 2026)
        brings_file = is_upload(scope["method"], scope["path"]) and (not shows_page or frame_bytes > 0)
        most = self._most_upload_bytes + frame_bytes if brings_file else self._most_bytes
        length = header(scope, b"content-length")
        if length is None and header(scope, b"transfer-encoding") is not None:
            if brings_file or shows_page:
                await self._app(scope, _counted(receive, most), send)
            else:
                await self._unmeasured(scope, receive, send)
        elif length is not None and not _is_within(length, most):
            if shows_page:
                await self._app(scope, _refusing(most), send)
            else:
                await self._refuse(scope, send, most)
        else:  # the server ends a body where its length says
            await self._app(scope, receive, send)

    async def _unmeasured(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read a body that does not tell its length, and hand it on whole."""
        body = bytearray()
        message: Message = {"more_body": True}
        while message.get("more_body"):
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            if len(body) > self._most_bytes:
                await self._refuse(scope, send, self._most_bytes)
                return
        whole: list[Message] = [{"type": "http.request", "body": bytes(body), "more_body": False}]

        async def replay() -> Message:
            return whole.pop() if whole else await receive()

        await self._app(scope, replay, send)

    async def _refuse(self, scope: Scope, send: Send, most: int) -> None:
        error = _too_large(most)
        await refuse(scope, send, status=413, code=error.code, message=error.message, hint=error.hint)


def _frame_bytes(scope: Scope) -> int:
    """What a form puts around its file: the file itself is measured again when it is kept."""
    return _FRAME_BYTES if (header(scope, b"content-type") or b"").lower().startswith(b"multipart/") else 0


def _refusing(most: int) -> Receive:
    """No message: whoever reads the body meets an error, which is answered."""

    async def next_part() -> Message:
        raise _too_large(most)

    return next_part


def _counted(receive: Receive, most: int) -> Receive:
    """The same messages, until their bodies are too much: then whoever reads them meets an error, which is answered."""
    size_bytes = 0

    async def next_part() -> Message:
        nonlocal size_bytes
        message = await receive()
        size_bytes += len(message.get("body", b""))
        if size_bytes > most:
            raise _too_large(most)
        return message

    return next_part


def _too_large(most: int) -> InputError:
    return InputError(
        f"the body is larger than {most // 100_000 / 10:,g} MB",
        code="too_large",
        hint="send less; data sets are named by path, not sent; the operator sets EVALTRAIL_MAX_BODY_MB; files: 100 MB",
    )


def client_of(scope: Scope) -> str:
    """Who is counted: the name of the key that the request came with, else its address."""
    key = record_of(scope).client
    return f"key {key}" if key else address_of(scope)


def address_of(scope: Scope) -> str:
    """Where the request came from; empty where that is not known."""
    client = scope.get("client")
    return str(client[0]) if client else ""


async def refuse_for_now(scope: Scope, send: Send, wait_s: float, message: str) -> None:
    """Tell a client to come back later.

    Args:
        scope: of the request.
        send: to its client.
        wait_s: after how many seconds.
        message: what there was too much of.
    """
    seconds = str(max(1, math.ceil(wait_s)))
    hint = f"send it again in {seconds} s; the operator sets EVALTRAIL_RATE_LIMIT"
    told = [("Retry-After", seconds)]
    await refuse(scope, send, status=429, code="rate_limited", message=message, hint=hint, headers=told)


def _is_within(length: bytes, most: int) -> bool:
    try:
        return int(length) <= most
    except ValueError:
        return False

"""RequestLog: an id for each request, and one line of JSON when it was answered, without queries and bodies."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from time import perf_counter
from typing import TYPE_CHECKING

import msgspec

from evaltrail.api.request_record import RECORD, RequestRecord
from evaltrail.config.secrets import redact
from evaltrail.core.ids import new_id
from evaltrail.server.refusal import header

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

WriteLine = Callable[[bytes], None]
_ID = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
_MOST_PATH = 300


class RequestLog:
    """The outermost guard.

    Args:
        app: what answers.
        write: takes a line, which ends in a line break.
    """

    def __init__(self, app: ASGIApp, write: WriteLine) -> None:
        self._app = app
        self._write = write
        self._encode = msgspec.json.Encoder().encode

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have a request answered, then tell of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = perf_counter()
        record = scope[RECORD] = RequestRecord(id=_request_id(scope))
        own = (b"x-request-id", record.id.encode())
        status = 500  # where the application raises before it has answered

        async def tell(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), own]
            await send(message)

        try:
            await self._app(scope, receive, tell)
        finally:
            self._write(self._encode(_told(scope, record, status, perf_counter() - began)) + b"\n")


def write_to_stderr(line: bytes) -> None:
    """Write a line to this process's stderr; a log that nobody reads any more never stops the service."""
    try:
        sys.stderr.buffer.write(line)
        sys.stderr.buffer.flush()
    except (OSError, ValueError):
        return


def _request_id(scope: Scope) -> str:
    given = header(scope, b"x-request-id")
    return given.decode() if given is not None and _ID.fullmatch(given) else new_id()


def _told(scope: Scope, record: RequestRecord, status: int, seconds: float) -> dict[str, object]:
    client = scope.get("client")
    told: dict[str, object] = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "method": scope["method"],
        "path": redact(_plain(scope["path"][:_MOST_PATH])),
        "status": status,
        "ms": round(seconds * 1000, 2),
        "request_id": record.id,
        "client": record.client or (client[0] if client else ""),
    }
    if record.job_id:
        told["job_id"] = record.job_id
    return told


def _plain(path: str) -> str:
    """The path with what would begin a line, or move a terminal's cursor, spelled out (CWE-117)."""
    return path if path.isprintable() else path.encode("unicode_escape").decode()

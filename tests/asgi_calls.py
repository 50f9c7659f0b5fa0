"""One request to an ASGI application without a server between, and applications behind a real one."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """What was answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


async def answer(scope, receive, send):
    """An application that tells how much body it read."""
    size, is_more = 0, True
    while is_more:
        message = await receive()
        size += len(message.get("body", b""))
        is_more = message.get("more_body", False)
    body = json.dumps({"path": scope["path"], "size": size}).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": body})


async def called(
    app,
    method: str = "GET",
    path: str = "/api/v1/evaluations",
    *,
    host: str = "127.0.0.1:8000",
    chunks: Sequence[bytes] = (),
    client: str = "127.0.0.1",
    **headers: str,
) -> Called:
    """The answer to one request.

    Args:
        app: of ASGI.
        method: of HTTP.
        path: without a query.
        host: the header; empty = there is none.
        chunks: of the body, as they come.
        client: address that it comes from.
        headers: others, with ``_`` for ``-``.
    """
    given = {**({"host": host} if host else {}), **{name.replace("_", "-"): value for name, value in headers.items()}}
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"secret=in-the-query",
        "client": (client, 5000),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in given.items()],
    }
    waiting = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    waiting.append({"type": "http.request", "body": b"", "more_body": False})
    sent: list[dict[str, Any]] = []

    async def receive():
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    await app(scope, receive, send)
    head = {name.decode(): value.decode("latin-1") for name, value in sent[0]["headers"]}
    return Called(status=sent[0]["status"], headers=head, body=b"".join(each.get("body", b"") for each in sent[1:]))


def call(app, *words: str, **given: Any) -> Called:
    """The same, in a loop of its own."""
    return asyncio.run(called(app, *words, **given))


@contextmanager
def served(app, **config):
    """The port that an application is served on, by the server that the service uses."""
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", ws="none", **config))
    with socket.create_server(("127.0.0.1", 0)) as door:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [door]})
        thread.start()
        try:
            yield door.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(10)

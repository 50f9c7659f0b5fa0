"""A plain HTTP client of the service: one connection a request, and what was answered."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

_PATIENCE_S = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What was answered."""

    status: int
    headers: Mapping[str, str]
    """Names in small letters."""
    body: bytes

    @property
    def object(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class ServiceClient:
    """Speaks to one service.

    Args:
        address: ``http://HOST:PORT``.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        url = urlsplit(address)
        self._place = (url.hostname or "", url.port or 80)

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Reply:
        """The answer to a request.

        Args:
            method: HTTP's.
            path: with the query.
            body: bytes as they are, an iterator of them in chunks, anything else as JSON; None = no body.
            headers: further ones, ``_`` for ``-``.
        """
        sent = body if body is None or isinstance(body, bytes | Iterator) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if sent is not None:
            named.setdefault("Content-Type", "application/json")
        with closing(http.client.HTTPConnection(*self._place, timeout=_PATIENCE_S)) as connection:
            connection.request(method, path, sent, named, encode_chunked=isinstance(sent, Iterator))
            answer = connection.getresponse()
            fields = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(status=answer.status, headers=fields, body=answer.read())

    def get(self, path: str, **headers: str) -> Reply:
        """The answer to a GET."""
        return self.ask("GET", path, **headers)

    def post(self, path: str, body: object, **headers: str) -> Reply:
        """The answer to a POST."""
        return self.ask("POST", path, body, **headers)

    @contextmanager
    def events(self, path: str, **headers: str) -> Iterator[Iterator[dict[str, str]]]:
        """The server-sent events of a path as they come; heartbeats are events whose only field is ``comment``."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with closing(http.client.HTTPConnection(*self._place, timeout=_PATIENCE_S)) as connection:
            connection.request("GET", path, headers=named)
            answer = connection.getresponse()
            assert (answer.status, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
            yield _events(answer)


def _events(lines: http.client.HTTPResponse) -> Iterator[dict[str, str]]:
    found: dict[str, str] = {}
    for raw in lines:
        name, _, value = raw.decode().rstrip("\n").partition(": ")
        if name or value:
            found[name or "comment"] = value
        elif found:
            yield found
            found = {}

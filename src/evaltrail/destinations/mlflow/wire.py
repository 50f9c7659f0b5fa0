"""Wire: one kept-alive HTTP connection to a tracking server, without the 40 ms stalls of delayed acknowledgements.

Source: RFC 9112 by the standard library; TCP_QUICKACK is Linux's, see tcp(7).
"""

from __future__ import annotations

import select
import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import BinaryIO
from urllib.parse import SplitResult

_QUICK_ACK: int | None = getattr(socket, "TCP_QUICKACK", None)
_BLOCK_BYTES = 1 << 18


class NotSentError(Exception):
    """The server cannot be reached; it saw nothing of the request."""


class NoAnswerError(Exception):
    """The request went out, wholly or in part, and no whole answer came back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the server said."""

    status: int
    body: bytes


class Wire:
    """A connection that is opened when needed and kept while the server keeps it.

    Args:
        url: scheme, host and port of the server.
        tls: for https.
        connect_s: seconds to reach the server.
    """

    def __init__(self, url: SplitResult, *, tls: ssl.SSLContext | None, connect_s: float) -> None:
        host = url.hostname or ""
        if url.scheme == "https":
            self._http: HTTPConnection = HTTPSConnection(
                host, url.port, timeout=connect_s, context=tls, blocksize=_BLOCK_BYTES
            )
        else:
            self._http = HTTPConnection(host, url.port, timeout=connect_s, blocksize=_BLOCK_BYTES)

    def exchange(
        self, method: str, target: str, *, body: bytes | BinaryIO | None, headers: Mapping[str, str], read_s: float
    ) -> Reply:
        """The server's answer to one request.

        Args:
            method: GET, POST, PUT...
            target: path and query.
            body: bytes, or an open file that is streamed; its length stands in the headers.
            headers: all of them but Host.
            read_s: seconds without a byte before the answer is given up.

        Raises:
            NotSentError: nothing was sent.
            NoAnswerError: something was sent, and the answer is lost.
        """
        connection = self._connected(read_s)
        try:
            # A server that refuses a body early answers and closes before it has read all of it.
            with suppress(BrokenPipeError, ConnectionResetError):
                self._http.request(method, target, body=body, headers=dict(headers))
            _acknowledge_at_once(connection)
            response = self._http.getresponse()
            _acknowledge_at_once(connection)
            return Reply(status=response.status, body=self._whole(response))
        except (OSError, HTTPException) as error:
            self.close()
            raise NoAnswerError(_said(error)) from error

    def close(self) -> None:
        """Close the connection; the next request opens a new one."""
        self._http.close()

    def _connected(self, read_s: float) -> socket.socket:
        connection: socket.socket | None = self._http.sock
        if connection is not None and _is_stale(connection):
            self.close()
            connection = None
        if connection is None:
            try:
                self._http.connect()
            except (OSError, HTTPException) as error:
                self.close()
                raise NotSentError(_said(error)) from error
            connection = self._http.sock
        connection.settimeout(read_s)
        return connection

    def _whole(self, response: HTTPResponse) -> bytes:
        body = response.read()
        if response.will_close:
            self.close()
        return body


def _acknowledge_at_once(connection: socket.socket) -> None:
    """Ask the kernel for immediate acknowledgements, before each read because it forgets the wish."""
    if _QUICK_ACK is not None:
        connection.setsockopt(socket.IPPROTO_TCP, _QUICK_ACK, 1)


def _is_stale(connection: socket.socket) -> bool:
    """Whether the server has closed an idle connection: between requests there is nothing else to read."""
    waiting = select.poll()  # select.select takes no descriptor above 1,023
    waiting.register(connection, select.POLLIN)
    return bool(waiting.poll(0))


def _said(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__

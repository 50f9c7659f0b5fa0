"""Receiver: a real server that callbacks are sent to, which answers as it is told."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


class Receiver:
    """Takes POSTs while the block runs.

    Args:
        statuses: of its first answers; later ones are 200.
    """

    def __init__(self, statuses: Sequence[int] = ()) -> None:
        self.bodies: list[bytes] = []
        """Of all requests, as they came."""
        self.headers: list[dict[str, str]] = []
        """Of the same, names in small letters."""
        self.taken = threading.Event()
        """Set by the first 200."""
        self._statuses = list(statuses)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """Where it receives."""
        return f"http://127.0.0.1:{self._server.server_port}/told?by=evaltrail"

    def receive(self, headers: dict[str, str], body: bytes) -> int:
        """Note a request; the status of its answer."""
        self.bodies.append(body)
        self.headers.append(headers)
        status = self._statuses.pop(0) if self._statuses else 200
        if status == 200:
            self.taken.set()
        return status


def _handler_of(owner: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the name that http.server looks for
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = owner.receive({name.lower(): value for name, value in self.headers.items()}, body)
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler

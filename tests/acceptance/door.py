"""A TCP door: a port that can be opened late and leads to another server."""

from __future__ import annotations

import select
import socket
import socketserver
import threading
from types import TracebackType
from typing import Self


class _Visit(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        """Carry bytes both ways until one side has ended."""
        with socket.create_connection(self.server.behind, timeout=10) as other:
            ways = {self.request: other, other: self.request}
            while True:
                for side in select.select(list(ways), [], [])[0]:
                    data = side.recv(65536)
                    if not data:
                        return
                    ways[side].sendall(data)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    behind: tuple[str, int]


class Door:
    """An open door while the block runs.

    Args:
        port: of 127.0.0.1, where the door stands.
        behind: the port that it leads to.
    """

    def __init__(self, port: int, behind: int) -> None:
        self._server = _Server(("127.0.0.1", port), _Visit)
        self._server.behind = ("127.0.0.1", behind)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

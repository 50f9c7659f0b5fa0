"""TunnelProxy: an HTTP proxy that knows CONNECT alone, joins two sockets, and notes what it was asked for."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Self


class TunnelProxy:
    """Takes one connection after the other; ``lines`` holds the first line of each."""

    def __enter__(self) -> Self:
        self.lines: list[str] = []
        self._door = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._door.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._serve)]
        self._threads[0].start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._door.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        self._door.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._door.accept()
                with client:
                    self._join(client)

    def _join(self, client: socket.socket) -> None:
        head = client.recv(65_536)
        self.lines.append(head.partition(b"\r\n")[0].decode())
        host, _, port = head.split(b" ")[1].decode().rpartition(":")
        with socket.create_connection((host.strip("[]"), int(port)), timeout=5) as server:
            client.sendall(b"HTTP/1.1 200 joined\r\n\r\n")
            back = threading.Thread(target=_copy, args=(server, client))
            back.start()
            self._threads.append(back)
            _copy(client, server)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)

"""A real HTTP proxy before a tracking server: on command it loses answers or answers 503; it counts requests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import urlsplit

Deed = Literal["forward", "lose", "refuse", "fail_after"]
"""Pass on; pass on and cut the connection; answer 503 without passing on; pass on and answer 503."""


class UnreliableProxy:
    """What the proxy saw, and what it does with the next request.

    Args:
        url: the server behind.
        judge: (method, path, how many requests came before) to what becomes of the request.
    """

    def __init__(self, url: str, judge: Callable[[str, str, int], Deed]) -> None:
        self.judge = judge
        self.seen: list[str] = []
        self.url = ""
        self._behind = urlsplit(url)
        self._lock = threading.Lock()

    def decide(self, method: str, path: str) -> Deed:
        """Note the request and judge it."""
        with self._lock:
            deed = self.judge(method, path, len(self.seen))
            self.seen.append(f"{method} {path.partition('?')[0]}")
            return deed

    def pass_on(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        """The real server's status and body."""
        connection = HTTPConnection(self._behind.hostname or "", self._behind.port, timeout=30)
        try:
            connection.request(method, path, body=body, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


@contextmanager
def unreliable(url: str, judge: Callable[[str, str, int], Deed], *, host: str = "") -> Iterator[UnreliableProxy]:
    """A running proxy before the server; ``host`` is the Host header it passes on, instead of the server's own."""
    proxy = UnreliableProxy(url, judge)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            deed = proxy.decide(self.command, self.path)
            status, answer = 503, b"busy"
            if deed != "refuse":
                headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
                headers |= {"Host": host} if host else {}
                status, answer = proxy.pass_on(self.command, self.path, body, headers)
            if deed == "lose":
                self.close_connection = True
                return
            if deed == "fail_after":
                status, answer = 503, b"busy"
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = do_PUT = handle_any  # noqa: N815 - http.server looks for these names

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    proxy.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

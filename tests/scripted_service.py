"""A real HTTP server that answers as it is told, one answer a request, and keeps what it was asked."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Scripted:
    """One answer."""

    status: int = 200
    body: object = field(default_factory=dict)
    """JSON, or bytes as they are."""
    headers: dict[str, str] = field(default_factory=dict)
    is_cut: bool = False
    """Whether the connection is closed in place of an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    port: int
    """Of the client's end: equal ones came over one connection."""


class ScriptedService:
    """Gives its answers in order; the last one is given again and again."""

    def __init__(self, *answers: Scripted) -> None:
        self.asked: list[Asked] = []
        self._answers = list(answers)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except OSError:
                    self.close_connection = True

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                outer._take(self, body)

            do_GET = do_POST = do_DELETE = _answer  # noqa: N815  as the handler wants them named

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def _take(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        headers = {name.lower(): value for name, value in handler.headers.items()}
        port = handler.client_address[1]
        self.asked.append(Asked(method=handler.command, path=handler.path, headers=headers, body=body, port=port))
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if answer.is_cut:
            handler.close_connection = True
            return
        data = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        handler.send_response(answer.status)
        for name, value in {"Content-Length": str(len(data)), **answer.headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(data)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

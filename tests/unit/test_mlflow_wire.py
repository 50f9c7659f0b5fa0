"""The kept connection to a tracking server."""

from __future__ import annotations

import os
import resource
import threading
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import urlsplit

from evaltrail.destinations.mlflow.wire import Wire


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *words):
        """Write nothing."""


def test_a_connection_is_kept_in_a_process_with_many_open_files():
    """A descriptor above 1,023, as in a large server or notebook, is looked at like any other."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with ExitStack() as held:
        server = held.enter_context(HTTPServer(("127.0.0.1", 0), _Answers))
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        held.callback(thread.join)
        held.callback(server.shutdown)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 1200), hard))
        held.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        highest = os.open(os.devnull, os.O_RDONLY)
        held.callback(os.close, highest)
        while highest < 1024:
            highest = os.open(os.devnull, os.O_RDONLY)
            held.callback(os.close, highest)
        wire = Wire(urlsplit(f"http://127.0.0.1:{server.server_port}"), tls=None, connect_s=3)
        held.callback(wire.close)
        for _ in range(2):
            assert wire.exchange("GET", "/", body=None, headers={}, read_s=5).body == b"ok"

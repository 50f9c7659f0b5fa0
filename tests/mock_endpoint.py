"""MockEndpoint: the benchmark's mock server as a context manager, on a free port, ended by its pid."""

from __future__ import annotations

import json
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Self

_SERVER = Path(__file__).resolve().parents[1] / "benchmarks" / "mock_server.py"


class MockEndpoint:
    """An OpenAI-compatible endpoint with deterministic answers and faults.

    Args:
        port: 0 = a free one.
        cert: certificate file (PEM) to serve TLS with; ``cert_key`` is its key.
        knobs: see ``KNOBS`` in benchmarks/mock_server.py; latency is 1 ms unless said.
    """

    def __init__(self, *, port: int = 0, cert: str = "", cert_key: str = "", **knobs: object) -> None:
        self.port = port
        self.url = ""
        self._tls = ["--cert", cert, "--cert-key", cert_key] if cert else []
        self._knobs = {"latency_ms": 1.0, **knobs}
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the server (again, on the same port) and wait until it listens."""
        arguments = [f"--{key.replace('_', '-')}={value}" for key, value in self._knobs.items()]
        command = [sys.executable, str(_SERVER), f"--port={self.port}", *self._tls, *arguments]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if "mock on " not in line:
            self.stop()
            raise RuntimeError("the mock server did not start")
        self.url = line.rpartition("mock on ")[2].strip()
        self.port = int(self.url.rpartition(":")[2].partition("/")[0])

    def stop(self) -> None:
        """Kill the server by its pid, as a crash would."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()

    def stats(self) -> dict[str, Any]:
        """The counters: total, ok, unique, status, kind, peak_inflight, last_request... (not over TLS)."""
        return self._admin("GET", "/admin/stats")

    def configure(self, **knobs: object) -> None:
        """Change knobs while the server runs."""
        self._admin("POST", "/admin/config", knobs)

    def reset(self) -> None:
        """Clear the counters."""
        self._admin("POST", "/admin/reset", {})

    def _admin(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None)
            found: dict[str, Any] = json.loads(connection.getresponse().read())
            return found
        finally:
            connection.close()

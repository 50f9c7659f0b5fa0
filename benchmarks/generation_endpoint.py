"""The tests' question endpoint behind a loop that costs little, so that a benchmark measures who asks, not who answers.

Usage: python benchmarks/generation_endpoint.py [--port N] [--latency-ms X]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httptools
import uvloop

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from mock_endpoint import MockEndpoint
from question_endpoint import QuestionEndpoint


class GenerationEndpoint(MockEndpoint):
    """The server below in a process of its own; asked, counted and ended as the mock endpoint is."""

    def start(self) -> None:
        """Start the server and wait until it listens."""
        options = [f"--port={self.port}", f"--latency-ms={self._knobs['latency_ms']}"]
        self._process = subprocess.Popen([sys.executable, __file__, *options], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        self.port = int(self.url.rpartition(":")[2].partition("/")[0])


class Counters:
    """What the server has seen."""

    def __init__(self) -> None:
        self.total = self.ok = self.in_flight = self.peak = 0
        self.first = self.last_answer = 0.0

    def reset(self) -> None:
        """Forget what was seen; nothing is in flight then."""
        self.total = self.ok = self.peak = 0
        self.first = self.last_answer = 0.0

    @property
    def stats(self) -> dict[str, Any]:
        """As the mock endpoint gives them."""
        return {
            "total": self.total,
            "ok": self.ok,
            "peak_inflight": self.peak,
            "first": self.first,
            "last_answer": self.last_answer,
        }


class Connection(asyncio.Protocol):
    """One connection; the next request comes after the answer."""

    def __init__(self, mind: QuestionEndpoint, counters: Counters, latency_s: float) -> None:
        self._mind, self._counters, self._latency_s = mind, counters, latency_s
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._url, self._parts = b"", []

    def connection_made(self, transport: Any) -> None:
        """Keep the transport."""
        self._transport = transport

    def connection_lost(self, _: Exception | None) -> None:
        """Forget it."""
        self._transport = None

    def data_received(self, data: bytes) -> None:
        """Feed the parser."""
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._url, self._parts = b"", []

    def on_url(self, url: bytes) -> None:
        """Collect the path."""
        self._url += url

    def on_body(self, part: bytes) -> None:
        """Collect the body."""
        self._parts.append(part)

    def on_message_complete(self) -> None:
        """Answer after the latency, which begins when the request is here."""
        counters = self._counters
        if self._url == b"/admin/stats":
            self._send(200, counters.stats)
            return
        if self._url == b"/admin/reset":
            counters.reset()
            self._send(200, {})
            return
        now = time.time()
        counters.first = counters.first or now
        counters.total += 1
        counters.in_flight += 1
        counters.peak = max(counters.peak, counters.in_flight)
        asyncio.get_running_loop().call_later(self._latency_s, self._answer, b"".join(self._parts))

    def _answer(self, body: bytes) -> None:
        status, answer = self._mind.reply(json.loads(body))
        self._counters.in_flight -= 1
        self._counters.ok += status == 200
        self._send(status, answer)
        self._counters.last_answer = time.time()

    def _send(self, status: int, answer: dict[str, Any]) -> None:
        data = json.dumps(answer).encode()
        head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        if self._transport is not None:
            self._transport.write(head.encode() + data)


async def serve(port: int, latency_s: float) -> None:
    """Serve until ended."""
    mind, counters = QuestionEndpoint(), Counters()
    made = await asyncio.get_running_loop().create_server(
        lambda: Connection(mind, counters, latency_s), "127.0.0.1", port, backlog=512
    )
    print(f"http://127.0.0.1:{made.sockets[0].getsockname()[1]}/v1", flush=True)
    await made.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency-ms", type=float, default=200)
    given = parser.parse_args()
    uvloop.run(serve(given.port, given.latency_ms / 1000))

"""Seed 003's way to generate, for comparison: one window after the other, its calls shared out among four workers.

Usage: python benchmarks/seed_generator.py URL REQUESTS

Nothing but the pattern: no window begins before the one before it is whole, and a worker sends its calls one after the
other. The calls are those that our generation sends, and every worker may send any of them at once: a check need not
wait until its question is written, which is better than the pattern could do.
"""

from __future__ import annotations

import http.client
import json
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

WORKERS = 4


def generated_in(url: str, requests: Sequence[Sequence[bytes]]) -> float:
    """Seconds that it takes to send all requests, a list a window, in the seed's pattern."""
    with ThreadPoolExecutor(WORKERS) as workers:
        connections = [_connected(url) for _ in range(WORKERS)]
        began = time.perf_counter()
        for window in requests:
            # list() is the barrier: it waits for every worker's share.
            list(workers.map(_sent, connections, [window[place::WORKERS] for place in range(WORKERS)], [url] * WORKERS))
        return time.perf_counter() - began


def read_requests(file: Path) -> list[list[bytes]]:
    """The requests of every window, of JSON lines ``[window, request]``."""
    windows: dict[int, list[bytes]] = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        window, request = json.loads(line)
        windows.setdefault(window, []).append(json.dumps(request).encode())
    return [windows[window] for window in sorted(windows)]


def _connected(url: str) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    connection.connect()
    return connection


def _sent(connection: http.client.HTTPConnection, share: Sequence[bytes], url: str) -> None:
    for request in share:
        connection.request("POST", f"{urlsplit(url).path}/chat/completions", request)
        answer = connection.getresponse()
        json.loads(answer.read())
        if answer.status != http.client.OK:
            raise SystemExit(f"the endpoint answered {answer.status}")


if __name__ == "__main__":
    print(json.dumps({"seconds": generated_in(sys.argv[1], read_requests(Path(sys.argv[2])))}))

"""HTTP requests over a few connections that are kept open, one under way on each: how long every answer took."""

from __future__ import annotations

import re
import selectors
import socket
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from measure import NotMeasuredError

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_END_OF_CHUNKS = b"\r\n0\r\n\r\n"
_PATIENCE_S = 60.0
_HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one request was told, and when."""

    status: int
    body: bytes
    seconds: float
    """From the first byte that was sent to the last one that came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """Some requests, all answered."""

    answers: tuple[Answer, ...]
    """In the order of the requests."""
    seconds: float
    """From the first request to the last answer."""

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.answers) / self.seconds

    @property
    def p50_ms(self) -> float:
        """The median answer."""
        return 1000 * statistics.median(answer.seconds for answer in self.answers)

    @property
    def p99_ms(self) -> float:
        """Of a hundred answers one takes longer."""
        ordered = sorted(answer.seconds for answer in self.answers)
        return 1000 * ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]


@dataclass(slots=True, kw_only=True)
class _Line:
    """One connection, and the request that is under way on it."""

    socket: socket.socket
    number: int = -1
    began: float = 0.0
    received: bytearray = field(default_factory=bytearray)


def post(path: str, body: bytes, headers: Mapping[str, str] | None = None) -> bytes:
    """A POST of JSON as it is sent."""
    told = {"Content-Type": "application/json", "Content-Length": str(len(body)), **(headers or {})}
    lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
    return f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n".encode() + body


def get(path: str) -> bytes:
    """A GET as it is sent."""
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def delete(path: str) -> bytes:
    """A DELETE as it is sent."""
    return f"DELETE {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def ask(port: int, requests: Sequence[bytes], *, connections: int, status: int) -> Course:
    """Every request's answer; one thread, so that no switch between threads is counted as the server's time.

    Args:
        port: of this machine.
        requests: as they are sent, in this order.
        connections: how many are kept open.
        status: that every answer has to have.

    Raises:
        NotMeasuredError: an answer has another status, or none comes.
    """
    waiting = iter(enumerate(requests))
    found: list[Answer | None] = [None] * len(requests)
    with selectors.DefaultSelector() as selector:
        for _ in range(min(connections, len(requests))):
            opened = socket.create_connection((_HOST, port), timeout=_PATIENCE_S)
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(opened, selectors.EVENT_READ, _Line(socket=opened))
        try:
            began = time.perf_counter()
            open_lines = sum(_send_next(key.data, waiting) for key in list(selector.get_map().values()))
            while open_lines:
                ready = selector.select(_PATIENCE_S)
                if not ready:
                    raise NotMeasuredError(f"no answer within {_PATIENCE_S:g} s")
                for key, _ in ready:
                    line: _Line = key.data
                    answer = _receive(line)
                    if answer is None:
                        continue
                    if answer.status != status:
                        raise NotMeasuredError(f"{answer.status} instead of {status}: {answer.body[:300]!r}")
                    found[line.number] = answer
                    open_lines -= not _send_next(line, waiting)
            seconds = time.perf_counter() - began
        finally:
            for key in list(selector.get_map().values()):
                key.data.socket.close()
    return Course(answers=tuple(answer for answer in found if answer is not None), seconds=seconds)


def _send_next(line: _Line, waiting: Iterator[tuple[int, bytes]]) -> bool:
    """Send the next request, if there is one."""
    following = next(waiting, None)
    if following is None:
        return False
    line.number, request = following
    line.received.clear()
    line.began = time.perf_counter()
    line.socket.sendall(request)
    return True


def _receive(line: _Line) -> Answer | None:
    """The answer, once all of it has come."""
    part = line.socket.recv(1 << 20)
    if not part:
        raise NotMeasuredError("the server closed a connection in the middle")
    line.received += part
    head_end = line.received.find(b"\r\n\r\n")
    if head_end < 0:
        return None
    head = bytes(line.received[:head_end])
    length = _LENGTH.search(head)
    begin = head_end + 4
    if length is not None:
        is_whole = len(line.received) >= begin + int(length[1])
    else:  # in chunks; an empty one is the last
        is_whole = line.received.endswith(_END_OF_CHUNKS)
    if not is_whole:
        return None
    seconds = time.perf_counter() - line.began
    body = bytes(line.received[begin:])
    return Answer(status=int(head[9:12]), body=_joined(body) if length is None else body, seconds=seconds)


def _joined(chunks: bytes) -> bytes:
    """A body that came in chunks (RFC 9112)."""
    found = bytearray()
    while size := int(chunks[: (end := chunks.index(b"\r\n"))].partition(b";")[0], 16):
        found += chunks[end + 2 : end + 2 + size]
        chunks = chunks[end + 4 + size :]
    return bytes(found)

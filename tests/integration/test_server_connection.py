"""Lines of clients that send without end, or do not bring to an end what they begin."""

from __future__ import annotations

import json
import socket
import time

import pytest

from asgi_calls import answer, served
from evaltrail.server.connection import Connection

_HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\n"


class Impatient(Connection):
    """A line that is cut soon."""

    patience_s = 0.3


class Patient(Connection):
    """A line that is not cut because a busy machine makes its client late."""

    patience_s = 0.6


def lines_of(protocol):
    """A port that is served by such lines."""
    return served(answer, http=protocol, timeout_keep_alive=1)


def told_to(port, *pieces, pause_s=0.0):
    """What is answered to the pieces until the line is cut."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as line:
        try:
            for piece in pieces:
                line.sendall(piece)
                time.sleep(pause_s)
            answered = b""
            while data := line.recv(65_536):
                answered += data
        except ConnectionError:
            return b"cut"
        return answered


@pytest.mark.parametrize(
    "pieces",
    [
        [],
        [b"\r\n"] * 3,
        [b"GET / HTT"],
        [_HEAD + b"X-Name: "],
        [_HEAD + b"Content-Length: 100\r\n\r\n", b"{", b"}"],
        [_HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"5\r\nab"],
    ],
)
def test_what_is_begun_and_not_ended_is_cut(pieces):
    """A client that is silent, or sends byte by byte, does not hold its line for ever."""
    with lines_of(Impatient) as port:
        began = time.monotonic()
        told_to(port, *pieces)
        assert time.monotonic() - began < 5


def test_drip_of_bytes_does_not_buy_time_for_ever():
    """Each byte is worth a tenth of a millisecond: a body has to come at a pace."""
    with lines_of(Impatient) as port:
        began = time.monotonic()
        told_to(port, _HEAD + b"Content-Length: 1000\r\n\r\n", *[b"x"] * 40, pause_s=0.05)
        assert time.monotonic() - began < 1.9 + 3


def test_body_that_comes_at_a_pace_is_waited_for():
    """Longer than the patience with the first byte, where bytes keep coming; each piece of these is worth 5 s."""
    with lines_of(Patient) as port:
        piece = b"x" * 50_000
        head = _HEAD + b"Content-Length: 400000\r\nConnection: close\r\n\r\n"
        said = told_to(port, head + piece, *[piece] * 7, pause_s=0.1)
    assert said.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "endless",
    [
        [b"GET /" + b"a" * 1000] + [b"a" * 1000] * 400,
        [_HEAD] + [b"X-Name: " + b"a" * 1000 + b"\r\n"] * 400,
        [_HEAD + b"X-Name: "] + [b"a" * 1000] * 400,
        [_HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n"] + [b"X-Name: " + b"a" * 1000 + b"\r\n"] * 400,
    ],
)
def test_head_without_end_is_refused(endless):
    """What is kept before anybody knows who sends it has a bound."""
    with lines_of(Connection) as port:
        said = told_to(port, *endless, pause_s=0.001)
    assert said in {b"cut", b""} or b" 431 " in said.partition(b"\r\n")[0] or b"200" in said


def test_what_is_no_http_is_told_as_a_problem():
    """Also where no application has seen it."""
    with lines_of(Connection) as port:
        head, _, body = told_to(port, b"nonsense\r\n\r\n").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400")
    assert b"application/problem+json" in head
    assert json.loads(body)["code"] == "bad_request"


def test_lines_are_used_again_and_requests_may_follow_each_other():
    """Two requests in one piece are answered, then one in two pieces on the same line."""
    with (
        lines_of(Connection) as port,
        socket.create_connection(("127.0.0.1", port), timeout=10) as line,
    ):
        request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
        line.sendall(request * 2 + request[:20])
        time.sleep(0.2)
        line.sendall(request[20:])
        time.sleep(0.2)
        assert line.recv(65_536).count(b"HTTP/1.1 200") == 3

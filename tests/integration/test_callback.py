"""Callbacks, sent to real servers on this machine."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from evaltrail.core.errors import EndpointError, InputError
from evaltrail.core.outside import NOTHING_ALLOWED, read_allowed
from evaltrail.service.working.callback import send_callback

OPEN = read_allowed("127.0.0.0/8,::1", where="X")
BODY = json.dumps({"id": "e1", "state": "completed", "name": "n\u00e4me"}).encode()


@contextmanager
def receiver(answer):
    """A server that notes each request and lets a function answer it: its port, and what came."""
    came = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            came.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            answer(self)

        def log_message(self, *_):
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1], came
        finally:
            server.shutdown()
            thread.join()


def status(code, **headers):
    """An answer of this status."""

    def answer(handler):
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


@pytest.mark.parametrize("code", [200, 202, 204])
def test_a_callback_is_posted_and_signed(code):
    """The receiver gets the body byte by byte, and can prove who sent it."""
    with receiver(status(code)) as (port, came):
        send_callback(f"http://localhost:{port}/hook?x=1", BODY, "the secret", OPEN)
    ((path, headers, body),) = came
    assert (path, body) == ("/hook?x=1", BODY)
    assert headers["host"] == f"localhost:{port}"
    assert headers["content-type"] == "application/json"
    assert headers["x-evaltrail-event"] == "evaluation.ended"
    mac = hmac.new(b"the secret", BODY, hashlib.sha256).hexdigest()
    assert headers["x-evaltrail-signature"] == f"sha256={mac}"


def test_without_a_secret_nothing_is_signed():
    """No header is better than one that anybody can make."""
    with receiver(status(204)) as (port, came):
        send_callback(f"http://127.0.0.1:{port}", BODY, "", OPEN)
    assert came[0][0] == "/"
    assert "x-evaltrail-signature" not in came[0][1]


@pytest.mark.parametrize("code", [301, 307, 400, 404, 500, 503])
def test_any_other_answer_is_to_be_tried_again(code):
    """A redirect is not followed: where it leads was not checked."""
    with receiver(status(code, Location="http://127.0.0.1:9/other")) as (port, came):
        with pytest.raises(EndpointError, match=f"answered with {code}") as caught:
            send_callback(f"http://127.0.0.1:{port}/secret-path", BODY, "s", OPEN)
        assert len(came) == 1
    assert caught.value.code == "callback_refused"
    assert "secret-path" not in str(caught.value)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_private_receiver_is_not_connected_to(host):
    """Unless the operator opened it; a name is found out when it is looked up."""
    with receiver(status(204)) as (port, came):
        with pytest.raises((EndpointError, InputError), match="private network"):
            send_callback(f"http://{host}:{port}", BODY, "", NOTHING_ALLOWED)
        with pytest.raises((EndpointError, InputError), match="private network"):
            send_callback(f"http://{host}:{port}", BODY, "", read_allowed("10.0.0.0/8", where="X"))
        assert came == []


def test_nobody_there_is_to_be_tried_again():
    """The reason is told, without a traceback."""
    with pytest.raises(EndpointError, match="could not be sent: Connection refused") as caught:
        send_callback("http://127.0.0.1:9/", BODY, "", OPEN)
    assert caught.value.code == "callback_unreachable"


def _drip(handler):
    """Answer byte by byte, so that no single wait is long."""
    try:
        for letter in b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1000:
            handler.wfile.write(bytes([letter]))
            handler.wfile.flush()
            time.sleep(0.02)
    except OSError:
        return


@pytest.mark.parametrize("answer", [_drip, lambda _: time.sleep(0.6)])
def test_a_receiver_that_takes_its_time_is_left(answer):
    """The whole has one time-out, however the time is spent."""
    with receiver(answer) as (port, _):
        began = time.monotonic()
        with pytest.raises(EndpointError, match=r"no answer within 0\.3 s"):
            send_callback(f"http://127.0.0.1:{port}", BODY, "", OPEN, timeout_s=0.3)
        assert time.monotonic() - began < 2


def test_what_is_no_http_is_told():
    """A server of another kind costs an attempt, not the worker."""
    with (
        receiver(lambda handler: handler.wfile.write(b"220 smtp ready\r\n")) as (port, _),
        pytest.raises(EndpointError, match="not an HTTP answer"),
    ):
        send_callback(f"http://127.0.0.1:{port}", BODY, "", OPEN)

"""Whether anybody answers at an endpoint: over real sockets."""

from __future__ import annotations

import socket
import threading

import pytest

from evaltrail.core.errors import InputError
from evaltrail.models.presence import check_presence
from mock_endpoint import MockEndpoint


class Listener:
    """A port that takes one connection and does this with it."""

    def __init__(self, act):
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = self._door.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, args=(act,), daemon=True)

    def _serve(self, act):
        connection, _ = self._door.accept()
        with connection:
            act(connection)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exc):
        self._thread.join(5)
        self._door.close()


def test_any_answer_will_do():
    """A server that serves, and one that refuses everything."""
    with MockEndpoint() as endpoint:
        check_presence(endpoint.url, {})
        check_presence(f"{endpoint.url}/no/such/path", {})
        assert endpoint.stats()["total"] == 0


def test_a_closed_port_is_nobody():
    """The address, the reason, and how to leave the check out."""
    with pytest.raises(InputError, match=r"127\.0\.0\.1:9.*--no-endpoint-check"):
        check_presence("http://127.0.0.1:9/v1", {})


def test_a_server_that_hangs_up_is_nobody():
    """A connection alone is no answer."""
    with Listener(lambda connection: connection.recv(100)) as listener, pytest.raises(InputError, match="answer"):
        check_presence(f"http://127.0.0.1:{listener.port}/v1", {})


def test_a_name_that_does_not_exist_is_nobody():
    """Told as it is, without a traceback."""
    with pytest.raises(InputError, match="does not answer"):
        check_presence("http://no-such-host.invalid/v1", {})


def test_through_a_proxy_the_proxy_must_be_there():
    """What lies behind it, the first request finds out."""
    proxies = {"http_proxy": "http://127.0.0.1:9"}
    with pytest.raises(InputError, match="does not answer"):
        check_presence("http://example.invalid/v1", proxies)
    with Listener(lambda connection: None) as listener:
        assert check_presence("http://example.invalid/v1", {"http_proxy": f"http://127.0.0.1:{listener.port}"}) is None


def test_no_key_is_sent():
    """One HEAD, and nothing that names anybody."""
    seen = []

    def answer(connection):
        seen.append(connection.recv(4096))
        connection.sendall(b"HTTP/1.1 401 Unauthorized\r\n\r\n")

    with Listener(answer) as listener:
        check_presence(f"http://127.0.0.1:{listener.port}/v1?key=secret", {"OPENAI_API_KEY": "sk-secret"})
    assert seen[0].startswith(b"HEAD /v1 HTTP/1.1\r\n")
    assert b"secret" not in seen[0]

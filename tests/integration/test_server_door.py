"""The guards behind a real HTTP server, with keys in a real database."""

from __future__ import annotations

import time
from http.client import HTTPConnection

import pytest

from asgi_calls import answer, served
from evaltrail.config.service_settings import ServiceSettings
from evaltrail.server.guards import guarded
from evaltrail.store.api_keys import ApiKeys
from evaltrail.store.database import open_database


def status(port, method="GET", path="/api/v1/evaluations", *, body=None, **headers):
    """The status of one request."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()


@pytest.fixture
def keys(tmp_path):
    """Keys in a sqlite file."""
    database = open_database("", tmp_path, "normal")
    yield ApiKeys(database)
    database.close()


def test_a_revoked_key_stops_opening_while_the_service_runs(keys):
    """Within two seconds, without a restart."""
    key = f"Bearer {keys.add('ci', 'submit').key}"
    with served(
        guarded(answer, ServiceSettings(auth="keys"), keys.find, write=lambda _: None), proxy_headers=False
    ) as port:
        assert status(port) == 401
        assert status(port, "POST", authorization=key) == 200
        keys.revoke("ci")
        ends = time.monotonic() + 2.0
        while status(port, "POST", authorization=key) == 200:
            assert time.monotonic() < ends
            time.sleep(0.02)
        assert status(port, "POST", authorization=key) == 401


def test_bodies_of_any_form_are_limited():
    """With a length, without one, and none at all."""
    settings = ServiceSettings(max_body_bytes=1000)
    with served(guarded(answer, settings, lambda _: None, write=lambda _: None)) as port:
        assert status(port, "POST", body=b"x" * 1000) == 200
        assert status(port, "POST", body=b"x" * 1001) == 413
        assert status(port, "POST", body=iter([b"x" * 500, b"x" * 500])) == 200
        assert status(port, "POST", body=iter([b"x" * 500] * 3)) == 413
        assert status(port, "HEAD") == 200


def test_pages_of_strangers_are_kept_out():
    """By name and by origin, as a browser sends them."""
    with served(guarded(answer, ServiceSettings(), lambda _: None, write=lambda _: None)) as port:
        assert status(port, Host=f"localhost:{port}") == 200
        assert status(port, Host="evil.example") == 421
        assert status(port, "POST", Origin="http://evil.example") == 403
        assert status(port, "HEAD", Host="evil.example") == 421

"""The guards before the service: who may speak to it, from where, how much and how often."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from datetime import UTC, datetime

import pytest

from asgi_calls import answer, call, called
from evaltrail.config.service_settings import load_service_settings
from evaltrail.config.settings import load_settings
from evaltrail.core.errors import InputError
from evaltrail.core.ids import new_id
from evaltrail.server.access import needed_role
from evaltrail.server.guards import guarded
from evaltrail.server.hosts import HostGuard
from evaltrail.server.limits import BodyLimit, RateLimit, TokenBuckets
from evaltrail.server.refusal import refuse
from evaltrail.server.request_log import RequestLog
from evaltrail.store.api_keys import ApiKey


def settings(**environ):
    """The service's settings by these variables alone."""
    named = {f"EVALTRAIL_{name.upper()}": value for name, value in environ.items()}
    return load_service_settings(load_settings(named, None))


def host_guard(**environ):
    """The guard of hosts and origins before an application that answers everything."""
    return HostGuard(answer, settings(**environ))


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:8000", "localhost", "LocalHost:8000", "localhost.", "[::1]:8000", "10.1.2.3", "hub:8000", "ui.example"],
)
def test_known_names_and_addresses_are_answered(host):
    """Loopback's, the operator's, and any address, which no page can make lead elsewhere."""
    assert call(host_guard(allowed_hosts="hub,ui.example"), host=host).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8000",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evil@localhost",
        "localhost:80:80",
        "localhost/evil",
        "localhost#",
        "localhost?",
        "[::1",
        "127.1",
        "2130706433",
        " ",
        "",
    ],
)
def test_a_strange_name_is_refused(host):
    """A page that lets its own name lead to us gets nothing; the problem says what to do."""
    found = call(host_guard(), host=host)
    assert (found.status, found.json["code"], found.headers["content-type"]) == (
        421,
        "bad_host",
        "application/problem+json",
    )
    assert "EVALTRAIL_ALLOWED_HOSTS" in found.json["hint"]


def test_with_keys_any_name_is_answered():
    """A page has no key, and behind a proxy names are many."""
    assert call(host_guard(auth="keys"), host="evil.example").status == 200


@pytest.mark.parametrize("path", ["/health", "/ready"])
def test_supervisors_ask_by_any_name(path):
    """They tell nothing but that the service lives."""
    assert call(host_guard(), "GET", path, host="pod.cluster").status == 200


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://evil.example", "127.0.0.1:8000"),
        ("null", "127.0.0.1:8000"),
        ("http://127.0.0.1:3000", "127.0.0.1:8000"),
        ("http://localhost:8000", "127.0.0.1:8000"),
        ("http://127.0.0.1:8000.evil.example", "127.0.0.1:8000"),
        ("http://evil@127.0.0.1:9", "127.0.0.1:8000"),
        ("file://", "127.0.0.1:8000"),
        ("http://[", "127.0.0.1:8000"),
        ("", "127.0.0.1:8000"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
@pytest.mark.parametrize("auth", ["none", "keys"])
def test_a_page_of_another_place_is_refused(method, origin, host, auth):
    """Its origin is told by the browser, also on loopback; CORS is closed."""
    found = call(host_guard(auth=auth), method, host=host, origin=origin, access_control_request_method="POST")
    assert (found.status, found.json["code"]) == (403, "bad_origin")
    assert "access-control-allow-origin" not in found.headers


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://127.0.0.1:8000", "127.0.0.1:8000"),
        ("http://localhost", "localhost"),
        ("https://localhost", "localhost:443"),
        ("http://[::1]:8000", "[::1]:8000"),
    ],
)
def test_our_own_pages_may_speak(origin, host):
    """Origin and Host are one place."""
    assert call(host_guard(), "POST", host=host, origin=origin).status == 200


@pytest.mark.parametrize(("origin", "status"), [("https://evil.example", 403), ("http://127.0.0.1:8000", 200)])
def test_a_password_that_the_browser_adds_by_itself_opens_nothing_to_other_pages(origin, status):
    """A form of a strange page is refused before its key is looked up, however good that is."""
    account = ApiKey(id="k", name="me", role="submit", created_at=datetime.now(UTC))
    looks = []

    def find(key):
        looks.append(key)
        return account

    app = guarded(answer, settings(auth="keys"), find, write=lambda _: None)
    password = "Basic " + b64encode(b"me:the-key").decode()
    found = call(app, "POST", "/", origin=origin, authorization=password, accept="text/html")
    assert (found.status, looks) == (status, ["the-key"] if status == 200 else [])
    assert status == 200 or found.json["code"] == "bad_origin"


def test_an_allowed_origin_is_let_in_by_cors():
    """The preflight needs no key; the answer says which origin may read it."""
    guard = host_guard(allowed_origins="https://ui.example")
    asked = call(guard, "OPTIONS", origin="https://ui.example", access_control_request_method="POST")
    assert (asked.status, asked.headers["access-control-allow-origin"]) == (204, "https://ui.example")
    assert "POST" in asked.headers["access-control-allow-methods"]
    assert "Idempotency-Key" in asked.headers["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in asked.headers
    found = call(guard, "POST", origin="https://ui.example")
    assert (found.status, found.headers["vary"]) == (200, "Origin")
    assert found.headers["access-control-allow-origin"] == "https://ui.example"


def test_a_websocket_is_closed():
    """The service has none, and a page could open one from anywhere."""
    sent = []

    async def send(message):
        sent.append(message)

    asyncio.run(host_guard()({"type": "websocket", "headers": []}, None, send))
    assert sent == [{"type": "websocket.close", "code": 1008}]


@pytest.mark.parametrize(
    ("method", "path", "role"),
    [
        ("GET", "/api/v1/evaluations", "read"),
        ("HEAD", "/anything", "read"),
        ("GET", "/metrics", "read"),
        ("POST", "/api/v1/evaluations", "submit"),
        ("POST", "/api/v1/evaluations/", "submit"),
        ("POST", "/api/v1/evaluations/compare", "submit"),
        ("POST", "/api/v1/evaluations/jobs", "submit"),
        ("POST", "/api/v1/evaluations/jobs/e1/events", "submit"),
        ("DELETE", "/api/v1/evaluations/e1", "submit"),
        ("DELETE", "/api/v1/evaluations/jobs/e1", "submit"),
        ("POST", "/api/v1/evaluations/collections/general_llm_eval_v1", "submit"),
        ("POST", "/api/v1/evaluations/collections", "admin"),
        ("POST", "/api/v1/evaluations/collections/", "admin"),
        ("POST", "/api/v1/evaluations//collections", "admin"),
        ("POST", "/api/v1/evaluations/collections/c/more", "admin"),
        ("PUT", "/api/v1/evaluations/collections/c", "admin"),
        ("PATCH", "/api/v1/evaluations/collections/c", "admin"),
        ("DELETE", "/api/v1/evaluations/collections/c", "admin"),
        ("POST", "/api/v1/evaluations/providers", "admin"),
        ("POST", "/api/v1/collections", "admin"),
        ("DELETE", "/api/v1/servers/s", "admin"),
        ("POST", "/api/v1/benchmarks", "admin"),
        ("POST", "/API/v1/evaluations", "admin"),
        ("POST", "/", "submit"),
        ("POST", "/post_json", "submit"),
        ("POST", "/evaluate_model", "submit"),
        ("POST", "/upload_data_generation_edits", "submit"),
        ("POST", "/edited_questions", "submit"),
        ("POST", "/api/v1/documents", "submit"),
        ("DELETE", "/api/v1/generations/g", "submit"),
        ("POST", "/api/v1/datasets/d/evaluations", "submit"),
        ("POST", "/post_json/more", "admin"),
        ("POST", "/api/v1/document", "admin"),
    ],
)
def test_a_path_needs_a_role(method, path, role):
    """Looking needs read, evaluations need submit, everything else admin."""
    assert needed_role(method, path) == role


def test_a_bucket_empties_and_fills_evenly():
    """A burst as large as a minute's share, then one a tick; who waited long has a full bucket, not more."""
    now = [0.0]
    buckets = TokenBuckets(60, clock=lambda: now[0])
    assert [buckets.take("a") for _ in range(60)] == [0.0] * 60
    assert buckets.take("a") == pytest.approx(1.0)
    assert buckets.take("b") == 0.0
    now[0] = 1.0
    assert (buckets.take("a"), buckets.take("a")) == (0.0, pytest.approx(1.0))
    now[0] = 10_000.0
    assert [buckets.take("a") for _ in range(61)].count(0.0) == 60


def test_buckets_forget_the_client_that_was_away_for_longest():
    """Memory is bounded, however many addresses come."""
    buckets = TokenBuckets(1, clock=lambda: 0.0, most=2)
    taken = [buckets.take(client) > 0 for client in ("a", "b", "a", "c", "a", "b")]
    assert taken == [False, False, True, False, True, False]


def test_who_asks_too_often_is_told_when_to_come_back():
    """429 with Retry-After, for this client alone; supervisors are never refused."""
    limit = RateLimit(answer, 2)
    found = [call(limit, client=client).status for client in ("10.0.0.1", "10.0.0.1", "10.0.0.2")]
    assert found == [200, 200, 200]
    refused = call(limit, client="10.0.0.1")
    assert (refused.status, refused.json["code"], refused.headers["retry-after"]) == (429, "rate_limited", "30")
    assert call(limit, "GET", "/health", client="10.0.0.1").status == 200


@pytest.mark.parametrize("length", ["101", "1" * 30, "-x", ""])
def test_a_body_that_says_it_is_too_large_is_not_read(length):
    """413 before the application sees the request."""
    found = call(BodyLimit(answer, 100), "POST", content_length=length)
    assert (found.status, found.json["code"]) == (413, "too_large")


def test_a_body_without_a_length_is_counted():
    """It is cut off as soon as it is too large, and else handed on whole."""
    limit = BodyLimit(answer, 100)
    chunked = {"transfer_encoding": "chunked"}
    assert call(limit, "POST", chunks=[b"x" * 60, b"x" * 40], **chunked).json["size"] == 100
    assert call(limit, "POST", chunks=[b"x" * 60, b"x" * 41], **chunked).status == 413
    assert call(limit, "POST", chunks=[b"x" * 100], content_length="100").json["size"] == 100
    assert call(limit).json["size"] == 0


UPLOADS = ("/post_json", "/api/v1/documents", "/upload_data_generation_edits", "/api/v1/datasets/ab/edits")
FRAME = 100_000


async def answer_if_read(scope, receive, send):
    """An application that answers as ours does what it meets while it reads."""
    try:
        await answer(scope, receive, send)
    except InputError as error:
        await refuse(scope, send, status=413, code=error.code, message=error.message, hint=error.hint)


@pytest.mark.parametrize("path", UPLOADS)
def test_a_file_may_be_larger_and_one_byte_more_is_refused(path):
    """With and without a length; what a form puts around its file is let through beside it."""
    limit = BodyLimit(answer_if_read, 100, 1000)
    chunked = {"transfer_encoding": "chunked"}
    assert call(limit, "POST", path, chunks=[b"x" * 1000], content_length="1000").json["size"] == 1000
    assert call(limit, "POST", path, content_length="1001").json["code"] == "too_large"
    assert call(limit, "POST", path, chunks=[b"x" * 600, b"x" * 400], **chunked).json["size"] == 1000
    assert call(limit, "POST", path, chunks=[b"x" * 600, b"x" * 401], **chunked).status == 413
    form = {"content_type": "multipart/form-data; boundary=b"}
    assert call(limit, "POST", path, content_length=str(FRAME + 1000), **form).status == 200
    assert call(limit, "POST", path, content_length=str(FRAME + 1001), **form).status == 413


@pytest.mark.parametrize(
    ("kind", "most"),
    [("multipart/form-data; boundary=b", FRAME + 1000), ("application/x-www-form-urlencoded", 100), ("", 100)],
)
def test_a_page_is_asked_to_say_what_is_too_large(kind, most):
    """The application meets it at its first look at the body; only a form of parts, which goes to disk, may be long."""
    told = []

    async def tell(scope, receive, send):
        told.append(scope["path"])
        await answer_if_read(scope, receive, send)

    limit = BodyLimit(tell, 100, 1000)
    assert call(limit, "POST", "/", content_type=kind, content_length=str(most)).status == 200
    assert call(limit, "POST", "/", content_type=kind, content_length=str(most + 1), chunks=[b"x"]).status == 413
    chunks = [b"x" * most, b"x"]
    assert call(limit, "POST", "/", content_type=kind, transfer_encoding="chunked", chunks=chunks).status == 413
    assert told == ["/"] * 3


def test_each_request_has_an_id_and_a_line():
    """One JSON object, without query and body, and without what looks like a key."""
    lines = []
    found = call(RequestLog(answer, lines.append), "GET", "/x/etk_0123456789ab_secret", x_request_id="mine-1")
    told = json.loads(lines[0])
    assert (len(lines), lines[0].endswith(b"}\n"), found.headers["x-request-id"]) == (1, True, "mine-1")
    assert (told["method"], told["path"], told["status"]) == ("GET", "/x/***", 200)
    assert (told["request_id"], told["client"], told["ms"] >= 0) == ("mine-1", "127.0.0.1", True)
    assert b"in-the-query" not in lines[0]


@pytest.mark.parametrize("given", ["", "a b", "a\nb", "\u00e4", "x" * 129, '"', "-a"])
def test_an_id_that_could_break_a_log_is_replaced(given):
    """Ours has the usual form of ids."""
    found = call(RequestLog(answer, lambda _: None), x_request_id=given)
    assert len(found.headers["x-request-id"]) == len(new_id())
    assert found.headers["x-request-id"] != given


def test_a_request_that_fails_has_its_line_too():
    """The error goes on; the line says 500."""
    lines = []

    async def broken(scope, receive, send):
        raise RuntimeError("it broke")

    with pytest.raises(RuntimeError):
        call(RequestLog(broken, lines.append))
    assert json.loads(lines[0])["status"] == 500


def test_refusals_bear_the_id_and_are_logged():
    """Whichever guard refuses, the outermost has named the request."""
    lines = []
    app = guarded(answer, settings(), lambda _: None, write=lines.append)
    found = call(app, host="evil.example", x_request_id="mine-2")
    assert (found.status, found.json["request_id"], found.headers["x-request-id"]) == (421, "mine-2", "mine-2")
    assert json.loads(lines[0])["status"] == 421


def test_the_settings_choose_the_guards():
    """No rate limit and no keys where the operator wants none; the body's limit always."""
    app = guarded(answer, settings(rate_limit="0", max_body_mb="0.0001"), lambda _: None, write=lambda _: None)
    many = asyncio.run(_several(app, 50))
    assert set(many) == {200}
    assert call(app, "POST", content_length="101").status == 413


async def _several(app, count):
    return [(await called(app)).status for _ in range(count)]

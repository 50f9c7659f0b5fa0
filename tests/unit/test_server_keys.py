"""The guard of keys: what opens what, how long a key is remembered, and what guessing costs."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from datetime import UTC, datetime

import pytest

from asgi_calls import answer, call, called
from evaltrail.api.request_record import record_of
from evaltrail.core.errors import StorageError
from evaltrail.server.auth import KeyGuard, RememberedKeys
from evaltrail.server.request_log import RequestLog
from evaltrail.store.api_keys import ROLES, ApiKey


class Store:
    """Keys by their text, and how often they were looked for."""

    def __init__(self):
        now = datetime.now(UTC)
        self.keys = {role: ApiKey(id=role, name=f"my-{role}", role=role, created_at=now) for role in ROLES}
        self.looks = 0

    def find(self, key):
        self.looks += 1
        return self.keys.get(key)


def guard(store):
    """The guard before an application that answers everything, with a log that nobody reads."""
    return RequestLog(KeyGuard(answer, store.find), lambda _: None)


@pytest.mark.parametrize(
    ("method", "path", "statuses"),
    [
        ("GET", "/api/v1/evaluations", [200, 200, 200]),
        ("GET", "/metrics", [200, 200, 200]),
        ("POST", "/api/v1/evaluations", [403, 200, 200]),
        ("DELETE", "/api/v1/evaluations/e1", [403, 200, 200]),
        ("POST", "/api/v1/servers", [403, 403, 200]),
    ],
)
def test_a_role_opens_what_it_names(method, path, statuses):
    """read < submit < admin; the refusal names the role that is needed."""
    app = guard(Store())
    found = [call(app, method, path, authorization=f"Bearer {role}") for role in ROLES]
    assert [each.status for each in found] == statuses
    refused = [each.json for each in found if each.status == 403]
    assert all(each["code"] == "forbidden" and "role" in each["message"] for each in refused)


@pytest.mark.parametrize(
    ("given", "challenge"),
    [
        ({}, 'Bearer realm="evaltrail"'),
        ({"authorization": ""}, 'Bearer realm="evaltrail"'),
        ({"authorization": "admin"}, 'Bearer realm="evaltrail"'),
        ({"authorization": "Basic admin"}, 'Bearer realm="evaltrail"'),
        ({"authorization": "Basic YWRtaW4="}, 'Bearer realm="evaltrail"'),
        ({"authorization": "Basic YWRtaW46"}, 'Bearer realm="evaltrail"'),
        ({"authorization": f"Basic {'YWRt' * 500}"}, 'Bearer realm="evaltrail"'),
        ({"authorization": "Basic YWRtaW46bm9ib2R5"}, 'Bearer realm="evaltrail", error="invalid_token"'),
        ({"authorization": "Bearer "}, 'Bearer realm="evaltrail"'),
        ({"authorization": f"Bearer {'x' * 500}"}, 'Bearer realm="evaltrail"'),
        ({"authorization": "Bearer nobody"}, 'Bearer realm="evaltrail", error="invalid_token"'),
        ({"authorization": "Bearer \u00e4"}, 'Bearer realm="evaltrail", error="invalid_token"'),
    ],
)
def test_without_a_good_key_nothing_is_told(given, challenge):
    """401 with the scheme that is wanted, whatever the path."""
    found = [call(guard(Store()), "GET", path, **given) for path in ("/api/v1/evaluations", "/no/such/path")]
    assert [(each.status, each.headers["www-authenticate"]) for each in found] == [(401, challenge)] * 2
    assert "nobody" not in found[0].body.decode()


def test_the_scheme_is_written_in_any_case():
    """RFC 9110: schemes are compared without regard to case."""
    assert call(guard(Store()), authorization="bearer  read ").status == 200


def as_password(key, user=""):
    """What a browser makes of a user name and a key (RFC 7617)."""
    return "Basic " + b64encode(f"{user}:{key}".encode()).decode()


@pytest.mark.parametrize("user", ["", "me", "\u00e9", "admin"])
def test_a_browser_gives_the_key_as_its_password(user):
    """Under any user name; the key alone decides what is opened, and the log does not have it."""
    lines = []
    app = RequestLog(KeyGuard(answer, Store().find), lines.append)
    found = [call(app, "POST", authorization=as_password(role, user)) for role in ROLES]
    assert [each.status for each in found] == [403, 200, 200]
    assert as_password("submit", user).split()[1].encode() not in b"".join(lines)


def challenges(method="GET", **headers):
    """The lines of WWW-Authenticate that a stranger is told."""
    found = []

    async def watched(scope, receive, send):
        async def tell(message):
            found.extend(value.decode() for name, value in message.get("headers", ()) if name == b"www-authenticate")
            await send(message)

        await guard(Store())(scope, receive, tell)

    call(watched, method, **headers)
    return found


@pytest.mark.parametrize(
    ("method", "accept", "schemes"),
    [
        ("GET", "text/html,application/xhtml+xml,*/*;q=0.8", ["Bearer", "Basic"]),
        ("POST", "text/html,application/xhtml+xml,*/*;q=0.8", ["Bearer", "Basic"]),
        ("GET", "*/*", ["Bearer"]),
        ("GET", "application/json", ["Bearer"]),
        ("GET", "text/event-stream", ["Bearer"]),
        ("DELETE", "text/html", ["Bearer"]),
        ("GET", "", ["Bearer"]),
    ],
)
def test_only_who_goes_to_a_page_is_asked_for_a_password(method, accept, schemes):
    """In a line of its own, as browsers read one challenge a line; programs are told of Bearer alone."""
    given = {"accept": accept} if accept else {}
    assert [each.partition(" ")[0] for each in challenges(method, **given)] == schemes


@pytest.mark.parametrize("path", ["/health", "/ready"])
def test_supervisors_need_no_key(path):
    """They tell nothing but that the service lives."""
    assert call(guard(Store()), "GET", path).status == 200


def test_the_application_and_the_log_know_the_keys_name():
    """Never the key itself."""
    seen, lines = [], []

    async def app(scope, receive, send):
        seen.append(record_of(scope).client)
        await answer(scope, receive, send)

    call(RequestLog(KeyGuard(app, Store().find), lines.append), authorization="Bearer admin")
    assert (seen, b'"client":"my-admin"' in lines[0]) == (["my-admin"], True)


def test_a_key_is_looked_up_once_a_second():
    """And one that is revoked stops opening when the second is over."""
    now, store = [0.0], Store()

    async def statuses(keys):
        found = []
        for at in (0.0, 0.5, 0.99, 1.0, 1.5):
            now[0] = at
            found.append(await keys.find(b"read", b"digest of read"))
            store.keys.pop("read", None)
        return [each is not None for each in found]

    assert asyncio.run(statuses(RememberedKeys(store.find, clock=lambda: now[0]))) == [True, True, True, False, False]
    assert store.looks == 2


def test_requests_that_come_at_once_share_a_look():
    """A slow store is not asked a hundred times for one key."""
    store = Store()

    async def many(keys):
        return await asyncio.gather(*(keys.find(b"read", b"d") for _ in range(100)))

    assert len({each.id for each in asyncio.run(many(RememberedKeys(store.find)))}) == 1
    assert store.looks == 1


def test_guesses_are_forgotten_in_their_turn():
    """Memory is bounded, however many there are."""
    keys = RememberedKeys(Store().find, most=3)

    async def guess():
        for number in range(10):
            await keys.find(b"x", b"%d" % number)

    asyncio.run(guess())
    assert len(keys._met) == 3


def test_an_address_that_guesses_is_slowed_down_and_others_are_not():
    """The store is left alone then; a key that was good goes on opening, from there too."""
    store = Store()
    app = guard(store)

    async def attack():
        before = await called(app, authorization="Bearer read")
        guesses = [(await called(app, authorization=f"Bearer guess-{number}")).status for number in range(350)]
        looks = store.looks
        more = await called(app, authorization="Bearer another")
        same = await called(app, authorization="Bearer read")
        other = await called(app, authorization="Bearer submit", client="10.0.0.2")
        return before, guesses, more, looks, same, other

    before, guesses, more, looks, same, other = asyncio.run(attack())
    assert [before.status, guesses[0], guesses[-1], more.status] == [200, 401, 429, 429]
    assert (looks <= 320, int(more.headers["retry-after"]) >= 1) == (True, True)
    assert (same.status, other.status) == (200, 200)


def test_a_store_that_is_away_is_no_refusal_of_the_key():
    """503 with Retry-After; what is wrong with the store is not for strangers."""

    def away(_):
        raise StorageError("cannot connect to db.internal", code="database_away")

    found = call(RequestLog(KeyGuard(answer, away), lambda _: None), authorization="Bearer read")
    assert (found.status, found.headers["retry-after"], found.json["code"]) == (503, "5", "database_away")
    assert b"db.internal" not in found.body

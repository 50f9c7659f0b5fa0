"""Who may speak to the service: keys and their roles, how often, by which name, from which page."""

from __future__ import annotations

import pytest
from installed import until
from service_stand import EVALUATIONS, Stand, order

pytestmark = pytest.mark.slow

ROLES = ("read", "submit", "admin")


@pytest.fixture(scope="module")
def stand(tmp_path_factory):
    """A service that asks for keys, and one key of each role."""
    folder = tmp_path_factory.mktemp("access")
    store = f"sqlite:///{folder / 'mlflow.db'}"
    with Stand(folder, model="http://127.0.0.1:9/v1", mlflow=store, EVALTRAIL_AUTH="keys") as made:
        made.keys = {}
        for role in ROLES:
            added = made.command("keys", "add", f"a-{role}", "--role", role, "--json")
            made.keys[role] = added.object["key"]
        made.start_service()
        yield made


def _by(stand, role):
    return {"Authorization": f"Bearer {stand.keys[role]}"}


def test_without_a_key_nothing_is_told(stand):
    """401 with the challenge, for no key and for one that was made up; only liveness needs none."""
    for headers in ({}, {"Authorization": "Bearer etk_made_up"}, {"Authorization": "Basic dTpw"}):
        reply = stand.client.get(EVALUATIONS, **headers)
        assert (reply.status, reply.headers["www-authenticate"][:6]) == (401, "Bearer")
        assert reply.object["code"] == "unauthorized"
    assert [stand.client.get(path).status for path in ("/health", "/ready", "/metrics")] == [200, 200, 401]


@pytest.mark.parametrize(
    ("method", "path", "least"),
    [
        ("GET", EVALUATIONS, "read"),
        ("GET", "/api/v1/health", "read"),
        ("POST", EVALUATIONS, "submit"),
        ("POST", f"{EVALUATIONS}/collections/general_llm_eval_v1", "submit"),
        ("POST", f"{EVALUATIONS}/compare", "submit"),
        ("DELETE", f"{EVALUATIONS}/0123456789abcdef", "submit"),
        ("POST", "/api/v1/servers", "admin"),
        ("POST", "/api/v1/collections", "admin"),
        ("POST", "/api/v1/benchmarks", "admin"),
        ("DELETE", "/api/v1/servers/x", "admin"),
    ],
)
def test_role_decides_what_a_key_opens(stand, method, path, least):
    """Every role from the least one on comes to the route; those below are told 403 and which role it needs."""
    for role in ROLES:
        body = {} if method == "POST" else None
        reply = stand.client.ask(method, path, body, **_by(stand, role))
        if ROLES.index(role) < ROLES.index(least):
            assert (reply.status, least in reply.object["message"]) == (403, True)
        else:
            assert reply.status in {200, 202, 404, 422}


def test_revoked_key_opens_nothing_soon(stand):
    """Within two seconds, without a restart."""
    stand.keys["leaver"] = stand.command("keys", "add", "leaver", "--role", "submit", "--json").object["key"]
    assert stand.client.get(EVALUATIONS, **_by(stand, "leaver")).status == 200
    assert stand.command("keys", "revoke", "leaver").code == 0
    until(lambda: stand.client.get(EVALUATIONS, **_by(stand, "leaver")).status == 401, seconds=4, pause=0.1)


def test_strangers_by_name_or_by_page_are_refused(tmp_path):
    """Also on loopback: a name that leads here without being ours is 421, a page of elsewhere 403."""
    with Stand(tmp_path, model="http://127.0.0.1:9/v1", EVALTRAIL_RATE_LIMIT="60") as stand:
        stand.start_service()
        body = order({"id": "arc_easy"})
        assert stand.client.post(EVALUATIONS, body, Host="evil.example").status == 421
        assert stand.client.post(EVALUATIONS, body, Origin="https://evil.example").status == 403
        assert stand.client.post(EVALUATIONS, body, Origin="null").status == 403
        assert stand.client.get(EVALUATIONS, Origin=stand.client.address).status == 200
        assert stand.client.get(EVALUATIONS).object["total_count"] == 0
        replies = [stand.client.get(EVALUATIONS) for _ in range(70)]
    refused = [reply for reply in replies if reply.status == 429]
    assert {reply.status for reply in replies} == {200, 429}
    assert all(int(reply.headers["retry-after"]) >= 1 for reply in refused)
    assert {reply.object["code"] for reply in refused} == {"rate_limited"}


def test_wider_address_without_keys_does_not_start(tmp_path):
    """Open to a network without a word about keys: it refuses, and says both ways out."""
    stand = Stand(tmp_path)
    done = stand.command("serve", "--host", "0.0.0.0", "--port", "0")
    assert done.code != 0
    assert "EVALTRAIL_AUTH=keys" in done.err
    assert "EVALTRAIL_AUTH=none" in done.err

"""Callbacks: whoever is named is told of the end, once it can be told, by a body that proves who sent it."""

from __future__ import annotations

import hashlib
import hmac
import json

import pytest
from service_receiver import Receiver
from service_stand import EVALUATIONS, Stand, order

pytestmark = pytest.mark.slow

SECRET = "shared-with-the-receiver-alone"


@pytest.fixture
def stand(tmp_path, endpoint, mlflow_url):
    """A service whose requests may reach this machine."""
    opened = {"EVALTRAIL_ALLOW_PRIVATE_URLS": "127.0.0.1", "EVALTRAIL_CALLBACK_SECRET": SECRET}
    with Stand(tmp_path, model=endpoint.url, mlflow=mlflow_url, **opened) as made:
        yield made.start(concurrency=1)


def test_receiver_is_told_again_until_it_takes_it(stand):
    """500 first, then 200: twice the same signed body, and then no more."""
    with Receiver([500]) as receiver:
        accepted = stand.submit(order(stand.sums(10), callback_url=receiver.url))
        assert accepted["callback"]["status"] == "pending"
        assert receiver.taken.wait(60)
        told = stand.until_account(accepted["id"], lambda account: account["callback"]["status"] == "sent")
    assert "by=evaltrail" not in json.dumps(told)
    assert len(receiver.bodies) == 2
    assert receiver.bodies[0] == receiver.bodies[1]
    for headers, body in zip(receiver.headers, receiver.bodies, strict=True):
        signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        assert headers["x-evaltrail-signature"] == f"sha256={signature}"
    sent = json.loads(receiver.bodies[-1])
    assert (sent["id"], sent["status"], sent["benchmarks"][0]["status"]) == (told["id"], "completed", "completed")


def test_receiver_is_told_though_everything_was_killed(stand, endpoint):
    """The callback is a job of its own: whoever is alive when the evaluation ends sends it."""
    endpoint.configure(latency_ms=200.0)
    with Receiver() as receiver:
        accepted = stand.submit(order(stand.sums(40), callback_url=receiver.url))
        stand.until_account(accepted["id"], lambda account: account["status"] == "running")
        stand.kill(stand.service, *stand.workers)
        stand.start(concurrency=1)
        assert receiver.taken.wait(60)
        stand.until_account(accepted["id"], lambda account: account["callback"]["status"] == "sent")
    assert [json.loads(body)["status"] for body in receiver.bodies] == ["completed"]


def test_receiver_of_a_cancelled_evaluation_is_told_too(stand, endpoint):
    """However it ends: of this one it is told that it was cancelled."""
    endpoint.configure(latency_ms=500.0)
    with Receiver() as receiver:
        accepted = stand.submit(order(stand.sums(200), callback_url=receiver.url))
        stand.until_account(accepted["id"], lambda account: account["status"] == "running")
        assert stand.client.ask("DELETE", f"{EVALUATIONS}/{accepted['id']}").status == 202
        assert receiver.taken.wait(60)
    assert json.loads(receiver.bodies[0])["status"] == "cancelled"


def test_address_of_a_private_network_is_refused_unless_opened(tmp_path, endpoint):
    """By its number, by a name of this machine, and in disguise: 422 at its field, and nothing is sent."""
    with Receiver() as receiver, Stand(tmp_path, model=endpoint.url) as made:
        made.start_service()
        port = receiver.url.rpartition(":")[2]
        for host in ("127.0.0.1", "2130706433", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254", "10.0.0.1"):
            reply = made.client.post(EVALUATIONS, order(made.sums(10), callback_url=f"http://{host}:{port}"))
            assert (reply.status, reply.object["errors"][0]["path"]) == (422, "callback_url"), host
            assert reply.object["hint"], host
    assert receiver.bodies == []

"""`run --detach`, `jobs retry` and `worker` with EVALTRAIL_QUEUE_URL."""

from __future__ import annotations

import pytest
from installed import Installed, ended, one_error, until
from sums import write_sums

from private_redis import RedisServer
from private_servers import own_server

SECRET = "velvet-curtain"
NOBODY = {"EVALTRAIL_QUEUE_URL": f"redis://:{SECRET}@127.0.0.1:9/0"}


def detach(command, environ):
    """An accepted evaluation of a baseline, which asks no endpoint."""
    task = write_sums(command.cwd, 20)
    words = ("run", task, "--model", "baseline:majority", "--no-deliver", "--detach", "--json")
    done = command.here(*words, environ=environ)
    assert done.code == 0, done.err
    return done


def state(command, identity):
    return command.here("jobs", "show", identity, "--json").object["state"]


def test_a_broker_that_is_away_keeps_nobody_from_submitting(tmp_path):
    """Accepted, exit code 0, with one notice that holds no password; a retry is accepted too."""
    command = Installed(tmp_path)
    done = detach(command, NOBODY)
    assert done.err.count("redis://127.0.0.1:9/0: the broker is away") == 1
    identity = done.object["evaluation_id"]
    assert state(command, identity) == "pending"
    assert command.here("jobs", "cancel", identity).code == 0
    retried = command.here("jobs", "retry", identity, environ=NOBODY)
    assert (retried.code, retried.err.count("the broker is away")) == (0, 1)
    assert SECRET not in done.out + done.err + retried.out + retried.err


@pytest.mark.parametrize("url", [f"http://u:{SECRET}@host", f"redis//{SECRET}"])
def test_an_address_that_is_none_is_a_mistake(tmp_path, url):
    """Exit code 2 and the next step, whatever command it is."""
    refused = Installed(tmp_path).here("worker", environ={"EVALTRAIL_QUEUE_URL": url})
    assert (refused.code, SECRET in refused.err) == (2, False)
    assert "EVALTRAIL_QUEUE_URL" in one_error(refused)


@pytest.mark.slow
def test_an_evaluation_is_done_by_workers_that_a_broker_wakes(tmp_path):
    """A wrong password ends the worker with exit code 2; with the right one all is done, and SIGTERM ends it with 0."""
    with own_server(RedisServer) as broker:
        assert broker.tell("CONFIG", "SET", "requirepass", SECRET) == "+OK"
        command = Installed(tmp_path, EVALTRAIL_LEASE_SECONDS="2")
        environ = {"EVALTRAIL_QUEUE_URL": broker.url.replace("//", f"//:{SECRET}@")}
        refused = command("worker", environ={"EVALTRAIL_QUEUE_URL": broker.url.replace("//", "//:wrong-one@")})
        assert (refused.code, "the broker refuses us" in one_error(refused)) == (2, True)
        command.environ |= environ
        identity = detach(command, environ).object["evaluation_id"]
        worker = command.start("worker", "--concurrency", 2, "--json")
        until(lambda: state(command, identity) == "completed", seconds=60, pause=0.2)
        worker.terminate()
        done = ended(worker)
        assert (done.code, done.object) == (0, {"ok": True, "exit_code": 0})
        assert f"hints by {broker.url}" in done.err
        assert SECRET not in done.err

"""Workers whose broker goes away, forgets, or is not heard: all of it costs seconds, and nothing is lost."""

from __future__ import annotations

import os
import signal
import time

import pytest

from celery_workers import hall, until
from evaltrail.jobs.hints import Hints, hint_queue
from private_rabbit import RabbitServer
from private_redis import RedisServer
from private_servers import fresh_database, own_server

pytestmark = pytest.mark.slow


@pytest.fixture
def broker():
    """One that the test may end; the proofs of queued evaluations do the same to RabbitMQ."""
    with own_server(RedisServer) as server:
        yield server


@pytest.fixture
def room(tmp_path, broker):
    """A queue in sqlite, with hints by the broker."""
    with hall(tmp_path, f"sqlite:///{tmp_path / 'jobs.db'}", broker.url) as opened:
        yield opened


def test_a_broker_may_be_away_restarted_and_purged(broker, room):
    """Waited for at the start; what is at hand lands without it; afterwards all goes on, and people are told once."""
    broker.stop()
    with room.worker() as worker:
        first = room.submit("echo")
        until(lambda: "the broker is away" in worker.said, seconds=60)
        time.sleep(1.5)
        assert room.state(first) == "pending"
        broker.start()
        room.finish(first, seconds=60)
        until(lambda: "the broker is back" in worker.said)

        for times, end in ((2, broker.stop), (3, broker.kill)):
            slow = room.submit("nap")
            until(lambda job_id=slow: room.owner(job_id))
            end()
            room.finish(slow)
            until(lambda told=times: worker.said.count("the broker is away") == told)  # one that is over is not told
            broker.start()
            room.finish(room.submit("echo"))
            until(lambda told=times: worker.said.count("the broker is back") == told)

        hints = Hints(broker.url)
        assert hints.send("default", 1)
        assert broker.tell("DEL", hint_queue())
        room.finish(room.submit("echo"))
        hints.close()
        assert worker.said.count("the broker is away") == worker.said.count("the broker is back") == 3
        assert "Traceback" not in worker.said


def test_a_celery_that_hears_no_hint_is_started_anew(broker, room):
    """It lives, its pool is idle, hints lie at the broker: as after a reconnect that left it deaf."""
    with room.worker() as worker:
        room.finish(room.submit("echo"), seconds=60)
        celery = worker.celery
        os.kill(celery, signal.SIGSTOP)
        room.finish(room.submit("echo"), seconds=60)
        assert worker.said.count("Celery does not hear them") == 1
        assert worker.celery != celery


def test_a_unit_longer_than_rabbitmq_waits_for_an_acknowledgement_is_done_once(tmp_path):
    """Hints that wait behind it have their channel closed, which ends neither the unit nor the worker."""
    with (
        own_server(RabbitServer) as broker,
        broker.impatient(),
        fresh_database() as url,
        hall(tmp_path, url, broker.url) as room,
        room.worker() as worker,
    ):
        hints = Hints(broker.url)
        long = room.submit("doze")
        until(lambda: room.owner(long), seconds=60)
        assert hints.send("default", 5)
        until(lambda: any("acknowledgement" in file.read_text() for file in (broker.folder / "log").glob("*.log")))
        assert room.owner(long)
        room.finish(long)
        room.finish(room.submit("echo"))
        assert room.results(long)[0]["attempt"] == 1
        assert worker.said == ""
        hints.close()

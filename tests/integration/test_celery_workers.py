"""Workers that a real broker wakes: what they do, how they leave, and what becomes of units when they die."""

from __future__ import annotations

import os
import signal

import pytest

from celery_workers import Hall, hall, until
from evaltrail.jobs.hints import Hints
from private_rabbit import RabbitServer
from private_redis import RedisServer
from private_server import is_alive
from private_servers import own_server

pytestmark = pytest.mark.slow
KINDS = [pytest.param(RedisServer, id="redis"), pytest.param(RabbitServer, id="rabbitmq")]


@pytest.fixture(scope="module")
def redis():
    """A broker of this module's own, for its hints would wake the workers of others."""
    with own_server(RedisServer) as server:
        yield server


@pytest.fixture
def room(tmp_path, redis):
    """A queue in sqlite, with hints by Redis."""
    with hall(tmp_path, f"sqlite:///{tmp_path / 'jobs.db'}", redis.url) as opened:
        yield opened


def running(room: Hall, job_id: str) -> set[int]:
    """The processes that have a unit of a job."""
    units = room.queue.show(job_id).units
    return {int(unit.owner.rpartition(":")[2]) for unit in units if unit.state == "running"}


def of_hold(room: Hall, job_id: str) -> tuple[str, int, str]:
    """State, attempts left and owner of a job's only unit."""
    (unit,) = room.queue.show(job_id).units
    return unit.state, unit.attempts_left, unit.owner


@pytest.mark.parametrize("kind", KINDS)
def test_hints_wake_a_worker(tmp_path, kind):
    """Told or not told, what is due is done once, the higher priority first; SIGTERM ends all processes, exit 0."""
    with own_server(kind) as server, hall(tmp_path, f"sqlite:///{tmp_path / 'jobs.db'}", server.url) as room:
        low, high = (room.submit(*["echo"] * 20, priority=priority) for priority in (-5, 5))
        hints = Hints(server.url)
        assert hints.send("default", 40)
        with room.worker(2) as worker:
            room.finish(low, seconds=60)
            room.finish(high)
            first, later = ([unit.started_at for unit in room.queue.show(each).units] for each in (high, low))
            assert sorted(first)[-2] <= min(later)  # two processes: one may be a unit behind
            assert {result["attempt"] for result in room.results(low)} == {1}
            told = room.submit("echo")
            assert hints.send("default", 1)
            room.finish(told)
            room.finish(room.submit("echo", queue="somewhere"))
            family = worker.family
            worker.process.send_signal(signal.SIGTERM)
            assert worker.process.wait(20) == 0
            assert worker.said == ""
        until(lambda: not any(map(is_alive, family)))
        hints.close()


def test_two_workers_share_and_each_keeps_to_its_queues(room):
    """Units of one job are done by both; a worker of named queues takes no others."""
    with room.worker(queues=("a",)), room.worker(queues=("a", "b")):
        elsewhere, shared = room.submit("echo", queue="c"), room.submit("wait", "wait", queue="a")
        until(lambda: len(running(room, shared)) == 2, seconds=60)
        room.queue.cancel(shared)
        until(lambda: room.state(shared) == "cancelled")
        room.finish(room.submit("echo", queue="b"))
        assert room.state(elsewhere) == "pending"


@pytest.mark.parametrize("deed", ["wait", "program"])
def test_a_worker_that_is_told_to_end_hands_its_unit_back(room, deed):
    """SIGTERM, and again: the attempt does not count, all processes are gone at once and not after the lease."""
    job_id = room.submit(deed)
    with room.worker() as worker:
        until(lambda: room.owner(job_id), seconds=60)
        family = worker.family
        for _ in range(3):
            worker.process.send_signal(signal.SIGTERM)
        assert worker.process.wait(20) == 0
        assert of_hold(room, job_id) == ("waiting", 3, "")
        assert "was let go: leaving" in worker.said
        until(lambda: not any(map(is_alive, family)))


def test_ctrl_c_in_a_terminal_hands_back(room):
    """All processes hear it, and none of them ends with a traceback."""
    job_id = room.submit("wait")
    with room.worker() as worker:
        until(lambda: room.owner(job_id), seconds=60)
        for pid in [worker.process.pid, *worker.family]:
            os.kill(pid, signal.SIGINT)
        assert worker.process.wait(20) == 0
        assert of_hold(room, job_id) == ("waiting", 3, "")
        assert "Traceback" not in worker.said


def test_a_dead_pool_process_is_replaced_and_its_unit_done_again(tmp_path, redis):
    """Long before its lease is over; a unit that kills each of its workers fails alone, with the reason."""
    with hall(tmp_path, f"sqlite:///{tmp_path / 'jobs.db'}", redis.url, lease_s=60) as room:
        poison, good = room.submit("die", max_attempts=2), room.submit("echo")
        with room.worker() as worker:
            until(lambda: room.state(poison) == "failed", seconds=60)
            room.finish(good)
            (unit,) = room.queue.show(poison).units
            assert (unit.attempt, unit.error.code) == (2, "worker_lost")
            assert "has died; another one is started" in worker.said
            assert "Traceback" not in worker.said


@pytest.mark.parametrize("victim", ["worker", "Celery"])
def test_the_pool_of_a_killed_process_hands_back_and_leaves(tmp_path, redis, victim):
    """kill -9 of the worker, or of Celery below it: at once and not when the lease is over; Celery is started anew."""
    with hall(tmp_path, f"sqlite:///{tmp_path / 'jobs.db'}", redis.url, lease_s=60) as room:
        job_id = room.submit("wait")
        with room.worker() as worker:
            until(lambda: room.owner(job_id), seconds=60)
            pid, celery = room.owner(job_id), worker.celery
            os.kill(worker.process.pid if victim == "worker" else celery, signal.SIGKILL)
            until(lambda: not is_alive(pid) and not is_alive(celery))
            if victim == "worker":
                assert of_hold(room, job_id) == ("waiting", 3, "")
            else:
                until(lambda: room.owner(job_id) not in {0, pid}, seconds=60)
                assert of_hold(room, job_id)[:2] == ("running", 2)


def test_a_cancelled_job_stops_within_a_third_of_the_lease(room):
    """The heartbeat sees it there too."""
    job_id = room.submit("wait")
    with room.worker():
        until(lambda: room.owner(job_id), seconds=60)
        assert room.queue.cancel(job_id) == "cancelling"
        until(lambda: room.state(job_id) == "cancelled", seconds=5)

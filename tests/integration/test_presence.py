"""Which workers are alive, as the table knows it: on sqlite and on PostgreSQL."""

from __future__ import annotations

import os
import socket

from sqlalchemy import select, update

from evaltrail.core.version import VERSION
from evaltrail.jobs.presence import Presence
from evaltrail.store.tables import WORKER
from lease_queues import lease_queue, wait_until


def alive_until(queue):
    """Until when the one worker counts as alive."""
    return queue._database.read(lambda connection: connection.execute(select(WORKER.c.alive_until)).scalar_one())


def fall_silent(queue):
    """Let so much time pass that every worker is dead, without waiting for it."""
    queue._database.write(lambda connection: connection.execute(update(WORKER).values(alive_until=1)))


def test_a_worker_is_alive_while_it_says_so(queue_url):
    """It says so again and again; from the moment it ends it is alive no more."""
    with (
        lease_queue(queue_url, lease_s=3.0) as queue,
        Presence(queue, engine="embedded", queues=["a", "b"], concurrency=3),
    ):
        wait_until(queue.workers)
        (found,) = queue.workers()
        assert (found.host, found.pid, found.engine) == (socket.gethostname(), os.getpid(), "embedded")
        assert (found.queues, found.concurrency, found.version) == (("a", "b"), 3, VERSION)
        first = alive_until(queue)
        wait_until(lambda: alive_until(queue) > first)
        assert queue.workers() == (found,)
    with lease_queue(queue_url) as queue:
        assert queue.workers() == ()


def test_a_worker_that_falls_silent_is_dead(queue):
    """Another one's first sign of life removes its row."""
    silent, other = (Presence(queue, engine="celery", queues=[], concurrency=1)._worker for _ in range(2))
    queue.note_worker(silent)
    assert [worker.engine for worker in queue.workers()] == ["celery"]
    fall_silent(queue)
    assert queue.workers() == ()
    queue.note_worker(other)
    assert [worker.id for worker in queue.workers()] == [other.id]
    assert alive_until(queue) > 1


def test_a_worker_that_is_back_is_alive_again(queue):
    """It was stopped, or cut off from the table, and was taken for dead."""
    worker = Presence(queue, engine="celery", queues=[], concurrency=1)._worker
    queue.note_worker(worker)
    fall_silent(queue)
    queue.note_worker(worker)
    queue.forget_worker(worker.id)
    queue.note_worker(worker)
    assert [found.id for found in queue.workers()] == [worker.id]

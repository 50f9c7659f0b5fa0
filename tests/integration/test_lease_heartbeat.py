"""Signs of life from a thread of their own: they keep the lease, and tell when the work should end."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import contextmanager
from dataclasses import replace

import pytest

from evaltrail.core.progress import Progress
from evaltrail.jobs.heartbeat import Heartbeat
from lease_queues import kinds, lease_queue, some_job, wait_until
from private_postgres import PostgresServer
from private_server import descendants
from private_servers import own_server

LEASE_S = 0.9


@pytest.fixture
def queue(queue_url):
    with lease_queue(queue_url, lease_s=LEASE_S) as queue:
        yield queue


@contextmanager
def frozen(server):
    """A server whose processes take what they are sent, and answer nothing."""
    family = [server.pid, *descendants(server.pid)]
    for pid in family:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in family:
            os.kill(pid, signal.SIGCONT)


def begun(queue, reasons, **more):
    """A heartbeat for the next unit; what it tells is added to the reasons."""
    return Heartbeat(queue, queue.claim("me"), stop=reasons.append, **more)


@pytest.mark.slow
def test_the_lease_is_kept_while_the_block_runs(queue):
    """Though the work says nothing; after the block it runs out."""
    queue.submit(some_job())
    reasons = []
    with begun(queue, reasons):
        ends = time.monotonic() + 1.5 * LEASE_S
        while time.monotonic() < ends:
            assert queue.sweep().freed == ()
            time.sleep(0.02)
    assert reasons == []
    wait_until(lambda: queue.sweep().freed)


def test_a_lease_counts_from_the_moment_it_was_asked_for(queue):
    """Whatever held the process up between the claim and the first sign of life."""
    queue.submit(some_job())
    claim = queue.claim("me")
    claimed_at = time.monotonic()
    time.sleep(0.01)
    assert Heartbeat(queue, claim, stop=lambda _: None).safe_until < claimed_at + LEASE_S


def test_a_cancelled_job_is_told_once(queue):
    """Within a third of the lease, and the lease is kept while the work lets go."""
    job_id = queue.submit(some_job()).job_id
    reasons = []
    with begun(queue, reasons) as heartbeat:
        queue.cancel(job_id)
        asked_at = time.monotonic()
        wait_until(lambda: reasons)
        assert time.monotonic() - asked_at < LEASE_S
        time.sleep(LEASE_S)
        assert queue.sweep().freed == ()
    assert (reasons, heartbeat.reason) == (["cancelled"], "cancelled")
    assert queue.hand_back(heartbeat._claim)


def test_a_unit_in_other_hands_is_told_as_lost(queue):
    """Once, and no sign of life follows."""
    queue.submit(some_job())
    reasons = []
    with begun(queue, reasons) as heartbeat:
        queue.hand_back(heartbeat._claim)
        other = queue.claim("other")
        wait_until(lambda: reasons)
    assert reasons == ["lost"]
    assert queue.finish(other)


def test_progress_is_told_where_it_changed(queue):
    """Not with every sign of life."""
    job_id = queue.submit(some_job()).job_id
    now = [Progress(task="t", done=1, total=4)]
    with begun(queue, [], progress=lambda: now[0]):
        time.sleep(LEASE_S)
        now[0] = Progress(task="t", done=2, total=4)
        wait_until(lambda: queue.show(job_id).job.done == 2)
    assert kinds(queue, job_id).count("progress") == 2


def test_a_long_lease_is_no_long_wait(tmp_path):
    """With the usual lease of a minute progress is told, and a cancelled job noticed, long before a third of it."""
    with lease_queue(f"sqlite:///{tmp_path / 'jobs.db'}", lease_s=60.0) as queue:
        job_id = queue.submit(some_job()).job_id
        reasons = []
        with begun(queue, reasons, progress=lambda: Progress(task="t", done=1, total=4)):
            queue.cancel(job_id)
            wait_until(lambda: reasons, within_s=15.0)
        assert (reasons, queue.show(job_id).job.done) == (["cancelled"], 1)


def test_progress_of_an_old_unit_is_told_more_seldom(queue):
    """Each time is an event that is kept; the signs of life themselves go on as before."""
    job_id = queue.submit(some_job()).job_id
    old = replace(queue.claim("me"), asked_at=time.monotonic() - 3600, lease_s=7200.0)
    told = iter(range(9))
    heartbeat = Heartbeat(
        queue, old, stop=lambda _: None, progress=lambda: Progress(task="t", done=next(told), total=9)
    )
    assert [heartbeat._beat() for _ in range(3)] == [3.0] * 3
    assert kinds(queue, job_id).count("progress") == 1


def test_a_block_is_left_at_once(queue):
    """Nobody waits for the next sign of life; what comes later is told to nobody."""
    queue.submit(some_job())
    reasons = []
    with begun(queue, reasons) as heartbeat:
        began = time.monotonic()
    assert time.monotonic() - began < LEASE_S / 3
    heartbeat._tell("lost")
    assert reasons == []
    assert not any(thread.is_alive() for thread in heartbeat._threads)


def test_a_unit_that_is_done_soon_costs_no_thread(queue):
    """Threads begin with the first sign of life: thousands of units may be done before one is due."""
    queue.submit(some_job())
    before = {thread for thread in threading.enumerate() if thread.name != "alarm"}
    with begun(queue, []) as short:
        assert {thread for thread in threading.enumerate() if thread.name != "alarm"} == before
    assert short._threads == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_dies_keeps_no_lease(queue):
    """A progress that cannot be told is a fault of ours: the work stops instead of running twice."""
    queue.submit(some_job())
    reasons = []

    def broken():
        raise ZeroDivisionError

    with begun(queue, reasons, progress=broken):
        wait_until(lambda: reasons)
    assert reasons == ["lost"]


def test_a_database_that_is_away_for_a_moment_costs_no_lease():
    """Asked again until it is back, in time."""
    with own_server(PostgresServer) as server, lease_queue(server.url, lease_s=6.0) as queue:
        queue.submit(some_job())
        reasons = []
        with begun(queue, reasons) as heartbeat:
            server.restart()
            wait_until(lambda: heartbeat._safe_until - time.monotonic() > 3.5)
        assert reasons == []
        assert queue.finish(heartbeat._claim)


@pytest.mark.slow
def test_a_database_that_stays_away_ends_the_lease():
    """Told when it is surely over, and not before."""
    with own_server(PostgresServer) as server, lease_queue(server.url, lease_s=1.5) as queue:
        queue.submit(some_job())
        told = threading.Event()
        with Heartbeat(queue, queue.claim("me"), stop=lambda _: told.set()) as heartbeat:
            server.kill()
            assert not told.wait(max(0.0, heartbeat._safe_until - time.monotonic() - 0.1))
            assert told.wait(5)
        assert heartbeat.reason == "lost"


@pytest.mark.slow
def test_a_database_that_never_answers_ends_the_lease():
    """It took the question, and hangs."""
    with own_server(PostgresServer) as server, lease_queue(server.url, lease_s=1.5) as queue:
        queue.submit(some_job())
        told = threading.Event()
        with Heartbeat(queue, queue.claim("me"), stop=lambda _: told.set()), frozen(server):
            assert told.wait(10)

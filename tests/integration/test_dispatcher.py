"""The embedded dispatcher: real worker processes on a real table."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent

import pytest

import queue_handlers
from child import run_child, start_child
from evaltrail.config.settings import load_settings
from evaltrail.core.errors import BusyError, EndpointError, InputError
from evaltrail.jobs.carrying import carry_out, pause_before_retry_s
from evaltrail.jobs.celery_worker import CeleryWorker
from evaltrail.jobs.dispatcher import Dispatcher
from evaltrail.jobs.hold import Hold
from evaltrail.jobs.opening import open_queue
from evaltrail.jobs.order import NewJob, NewUnit
from evaltrail.jobs.worker_process import Worker, WorkerOrder
from few_descriptors import allow_descriptors

PROGRAM = """
    import json, sys
    sys.path[:0] = json.loads(sys.argv[3])
    from evaltrail.config.settings import load_settings
    from evaltrail.jobs.dispatcher import Dispatcher
    from evaltrail.jobs.opening import open_queue
    from evaltrail.jobs.worker_process import WorkerOrder
    from few_descriptors import allow_descriptors

    limits = []

    def notice(line):
        print(line, file=sys.stderr, flush=True)
        while limits:
            limits.pop()()

    if __name__ == "__main__":
        settings = load_settings(json.loads(sys.argv[1]), dotenv=None)
        order = WorkerOrder(settings=settings, handler="queue_handlers:make", first_pause_s=0.01)
        with open_queue(settings) as queue:
            limits += [allow_descriptors(int(count)) for count in sys.argv[4:]]
            Dispatcher(order, queue, concurrency=int(sys.argv[2]), leave_s=10, notice=notice).run()
"""
TESTS = str(Path(queue_handlers.__file__).parent)


@pytest.fixture
def environ(tmp_path):
    return {"EVALTRAIL_HOME": str(tmp_path), "EVALTRAIL_LEASE_SECONDS": "2", "PATH": os.environ["PATH"]}


@pytest.fixture
def settings(environ):
    return load_settings(environ, dotenv=None)


@pytest.fixture
def queue(settings):
    with open_queue(settings) as opened:
        yield opened


@contextmanager
def dispatcher(environ, concurrency=1, descriptors=None):
    """A running dispatcher in a process of its own, which may open so many files more until it has said something."""
    room = [] if descriptors is None else [descriptors]
    process = start_child(PROGRAM, json.dumps(environ), concurrency, json.dumps([TESTS]), *room)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


REFUSED = """
    import multiprocessing, sys
    from evaltrail.config.settings import load_settings
    from evaltrail.jobs.worker_process import WorkerOrder, work

    settings = load_settings({"EVALTRAIL_HOME": sys.argv[1]}, dotenv=None)
    work(WorkerOrder(settings=settings, handler="queue_handlers:make"), multiprocessing.Pipe(duplex=False)[1])
"""


def submit(queue, *deeds, **more):
    units = tuple(NewUnit(place={"do": deed}, **more) for deed in deeds)
    return queue.submit(NewJob(kind="test", spec={}, units=units)).job_id


def until(claim, seconds=30.0):
    ends = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < ends, "it never came to be"
        time.sleep(0.01)


def state_of(queue, job_id):
    return queue.show(job_id).job.state


def test_two_processes_do_what_is_queued(environ, queue):
    """Every unit is done once, and SIGTERM ends all processes with exit code 0."""
    job_id = submit(queue, *["echo"] * 40)
    with dispatcher(environ, concurrency=2) as process:
        until(lambda: state_of(queue, job_id) == "completed")
        results = [unit.result for unit in queue.show(job_id).units]
        assert {result["attempt"] for result in results} == {1}
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
    pids = {result["pid"] for result in results}
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), seconds=5)


@pytest.mark.parametrize(("kind", "what"), [(Dispatcher, "a worker process"), (CeleryWorker, "Celery's process")])
def test_what_cannot_be_started_is_told_and_ends_nothing(environ, queue, kind, what):
    """Where there is no room for another process just now: SIGTERM ends us as ever."""
    settings = load_settings({**environ, "EVALTRAIL_QUEUE_URL": "redis://127.0.0.1:9/0"}, dotenv=None)
    said, before = [], signal.getsignal(signal.SIGTERM)

    def notice(line):
        said.append(line)
        give_back()
        os.kill(os.getpid(), signal.SIGTERM)

    order = WorkerOrder(settings=settings, handler=queue_handlers.NAME)
    give_back = allow_descriptors(2)  # enough for the pipe
    try:
        kind(order, queue, notice=notice).run()
    finally:
        give_back()
    assert said == [f"{what} cannot be started: Too many open files; it is tried again"]
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.slow
def test_a_worker_that_could_not_be_started_works_later(environ, queue):
    """One fails, the other goes on; both are there when there is room again, and hand back at the end."""
    submit(queue, "wait", "wait")
    with dispatcher(environ, concurrency=2, descriptors=2) as process:
        until(lambda: queue.counts().units.get("running") == 2)
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
        said = process.stderr.read()
    assert said.startswith("a worker process cannot be started: Too many open files; it is tried again\n")
    assert queue.counts().units == {"waiting": 2}


@pytest.mark.slow
def test_a_unit_that_kills_its_worker_fails_alone(environ, queue):
    """A dead worker is replaced at once, its unit counted as an attempt; the others are done."""
    job_id = submit(queue, "die", "echo", "stumble", max_attempts=2)
    with dispatcher(environ):
        until(lambda: state_of(queue, job_id) == "partially_failed")
    die, echo, stumble = queue.show(job_id).units
    assert [die.state, echo.state, stumble.state] == ["failed", "done", "failed"]
    assert (die.error.code, die.attempt) == ("worker_lost", 2)
    assert "signal 9" in die.error.message
    assert (stumble.error.code, stumble.attempt) == ("internal", 2)
    assert "sk-abcdefgh" not in stumble.error.message


def test_a_worker_that_is_told_to_end_hands_its_unit_back(environ, queue):
    """The attempt does not count, and the unit waits for the next worker."""
    job_id = submit(queue, "wait")
    with dispatcher(environ) as process:
        until(lambda: queue.counts().units.get("running"))
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
    (unit,) = queue.show(job_id).units
    assert (unit.state, unit.attempts_left, unit.owner) == ("waiting", 3, "")


@pytest.mark.slow
def test_workers_of_a_killed_dispatcher_leave(environ, queue):
    """kill -9 of the parent: the children hand back what they do and end, at once and not when the lease is over."""
    job_id = submit(queue, "wait")
    with dispatcher(environ) as process:
        until(lambda: queue.counts().units.get("running"))
        pid = int(queue.show(job_id).units[0].owner.rpartition(":")[2])
        process.kill()
        until(lambda: queue.show(job_id).units[0].state == "waiting", seconds=1.5)
        until(lambda: not Path(f"/proc/{pid}").exists(), seconds=5)
        said = process.stderr.read()
    assert said == f"worker {pid}: unit {job_id}.0 was let go: leaving\n"
    assert queue.show(job_id).units[0].owner == ""


def test_a_worker_process_whose_database_cannot_be_used_says_so(tmp_path):
    """In one line and with an exit code; its dispatcher starts another one later."""
    (tmp_path / "jobs.db").write_text("no database, whatever its name says" * 99)
    child = run_child(f"import sys\nsys.path.append({TESTS!r})\n{dedent(REFUSED)}", tmp_path)
    assert child.returncode == 1
    assert "the database of jobs cannot be used" in child.stderr
    assert child.stderr.count("\n") == 1


def test_notices_that_nobody_reads_end_no_worker():
    """What it was piped into has ended: it goes on, and its exit code tells of its work alone."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as nobody:
        child = start_child("from evaltrail.cli.worker import _tell; _tell('one'); _tell('two')", stderr=nobody)
    child.communicate(timeout=60)
    assert child.returncode == 0


@pytest.mark.slow
def test_a_cancelled_job_stops_within_a_third_of_the_lease(environ, queue):
    """The heartbeat sees it, and the unit is cancelled with its job."""
    job_id = submit(queue, "wait")
    with dispatcher(environ):
        until(lambda: queue.counts().units.get("running"))
        assert queue.cancel(job_id) == "cancelling"
        began = time.monotonic()
        until(lambda: state_of(queue, job_id) == "cancelled")
        assert time.monotonic() - began < 2 / 3 + 0.5


def test_a_worker_in_this_process_tells_what_became_of_units(settings, queue):
    """A refusal fails for good; a failure that may pass is tried again, to the last attempt."""
    job_id = submit(queue, "refuse", "break", max_attempts=3)
    worker = Worker(WorkerOrder(settings=settings, handler=queue_handlers.NAME, first_pause_s=0.01))
    thread = threading.Thread(target=worker.run)
    thread.start()
    until(lambda: state_of(queue, job_id) == "failed")
    worker.leave()
    thread.join(10)
    refused, broken = queue.show(job_id).units
    assert (refused.attempt, refused.error.code) == (1, "bad_input")
    assert (broken.attempt, broken.error.code) == (3, "endpoint")


def test_what_was_let_go_before_it_began_is_handed_back(settings, queue):
    """A hold that is let go at once does nothing."""
    submit(queue, "wait")
    hold = Hold(queue, queue.claim("here"))
    hold.let_go("leaving")
    carry_out(hold, queue, queue_handlers.make(settings))
    assert queue.counts().units == {"waiting": 1}


@pytest.mark.parametrize(
    ("error", "pauses"),
    [
        (InputError("no"), [None, None]),
        (BusyError("later"), [5.0, 10.0]),
        (EndpointError("gone"), [5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0]),
    ],
)
def test_the_pause_doubles_and_is_bounded(error, pauses):
    """What would fail again for certain is not tried again; all else is, later and later."""
    assert [pause_before_retry_s(error, number, 5.0) for number in range(1, len(pauses) + 1)] == pauses

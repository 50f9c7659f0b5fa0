"""Harness tasks that are cut short: nothing paid for is lost, nothing goes on behind one's back."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from child import start_child
from evaltrail.core.errors import EndpointError, EvaltrailError
from foreign_results import metrics_of
from lm_eval_tasks import FAST, make_task, run_task, sums_task
from mock_endpoint import MockEndpoint

COUNT = 160
KILL_AT = 40
PROGRAM = """
    import sys
    from pathlib import Path
    sys.path[:0] = sys.argv[4:]
    from lm_eval_tasks import make_task, run_task
    url, tasks, folder = sys.argv[1:4]
    try:
        run_task(make_task("sums", url, folder=Path(tasks)), Path(folder))
    except KeyboardInterrupt:
        print("interrupted")
"""
_TESTS = Path(__file__).resolve().parents[1]


def children_of(pid: int) -> list[int]:
    """The processes that a process started and that still run."""
    return [int(each) for file in Path(f"/proc/{pid}/task").glob("*/children") for each in file.read_text().split()]


def is_alive(pid: int) -> bool:
    """Whether a process runs: one that has ended and waits to be fetched does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_for(is_so, timeout_s: float = 20.0) -> bool:
    until = time.monotonic() + timeout_s
    while not is_so() and time.monotonic() < until:
        time.sleep(0.005)
    return bool(is_so())


@pytest.fixture
def mock():
    """An endpoint that takes 20 ms an answer."""
    with MockEndpoint(latency_ms=20) as endpoint:
        yield endpoint


@pytest.fixture
def tasks(tmp_path):
    """The folder of a task of sums."""
    return sums_task(tmp_path / "tasks", COUNT)


def started(mock, tasks, folder):
    return start_child(PROGRAM, mock.url, tasks, folder, _TESTS)


def expect_the_rest(mock, tasks, folder) -> None:
    """The same call again asks only for what was in flight or not yet asked, and the score is right."""
    bundle = run_task(make_task("sums", mock.url, folder=tasks), folder)
    stats = mock.stats()
    assert metrics_of(bundle.tasks[0])["exact_match,none"].value == pytest.approx(0.9)
    assert bundle.tasks[0].counts.scored == COUNT
    assert stats["unique"] == COUNT
    assert stats["total"] - COUNT <= FAST.concurrency


@pytest.mark.slow
def test_a_killed_run_goes_on_where_it_was(mock, tasks, tmp_path):
    """kill -9 of the run: the harness's process ends with it, and the same call finds every answer."""
    with started(mock, tasks, tmp_path) as run:
        assert wait_for(lambda: mock.stats()["total"] >= KILL_AT)
        (child,) = children_of(run.pid)
        run.kill()
        run.wait()
        assert wait_for(lambda: not is_alive(child))
    asked = mock.stats()["total"]
    assert asked < COUNT
    expect_the_rest(mock, tasks, tmp_path)


@pytest.mark.slow
def test_a_killed_harness_is_told_and_goes_on(mock, tasks, tmp_path):
    """kill -9 of the harness's process alone (out of memory): an error with the log, then the rest."""
    others = set(children_of(os.getpid()))

    def kill(told) -> None:
        if told.done >= KILL_AT:
            for child in set(children_of(os.getpid())) - others:
                os.kill(child, signal.SIGKILL)

    with pytest.raises(EvaltrailError) as caught:
        run_task(make_task("sums", mock.url, folder=tasks), tmp_path, on_progress=kill)
    assert caught.value.code == "harness_failed"
    assert "137" in caught.value.message
    expect_the_rest(mock, tasks, tmp_path)


@pytest.mark.slow
def test_an_interrupt_ends_the_harness(mock, tasks, tmp_path):
    """Control-C: nothing is left running, and what was answered is kept."""
    with started(mock, tasks, tmp_path) as run:
        assert wait_for(lambda: mock.stats()["total"] >= KILL_AT)
        (child,) = children_of(run.pid)
        run.send_signal(signal.SIGINT)
        assert run.communicate(timeout=20) == ("interrupted\n", "")
    assert not is_alive(child)
    expect_the_rest(mock, tasks, tmp_path)


@pytest.mark.slow
def test_an_endpoint_that_goes_away_keeps_the_answers(mock, tasks, tmp_path):
    """A revoked key in the midst of it: the endpoint's error, and later the rest."""

    def revoke(told) -> None:
        if told.done >= KILL_AT:
            mock.configure(force_status=401)

    with pytest.raises(EndpointError):
        run_task(make_task("sums", mock.url, folder=tasks), tmp_path, on_progress=revoke)
    mock.configure(force_status=0)
    refused = mock.stats()["status"].get("401", 0)
    bundle = run_task(make_task("sums", mock.url, folder=tasks), tmp_path)
    assert bundle.tasks[0].counts.scored == COUNT
    assert mock.stats()["total"] - refused <= COUNT + FAST.concurrency

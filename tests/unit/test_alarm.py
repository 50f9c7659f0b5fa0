"""An alarm calls back after a while, once, from one thread of the process."""

from __future__ import annotations

import os
import queue
import threading
import time

import pytest

from evaltrail.jobs.alarm import Alarm


@pytest.fixture
def heard():
    """What was called, in order."""
    return queue.SimpleQueue()


def test_it_calls_once_and_not_before_its_time(heard):
    """And from a thread of its own."""
    set_at = time.monotonic()
    Alarm().set(0.02, lambda: heard.put((time.monotonic(), threading.current_thread())))
    at, thread = heard.get(timeout=5)
    assert at >= set_at + 0.02
    assert (thread.name, thread.daemon) == ("alarm", True)
    with pytest.raises(queue.Empty):
        heard.get(timeout=0.05)


def test_what_was_called_off_is_not_called(heard):
    """The others are; calling off twice, or too late, is no mistake."""
    alarm = Alarm()
    first = alarm.set(0.02, lambda: heard.put("first"))
    second = alarm.set(0.03, lambda: heard.put("second"))
    alarm.call_off(first)
    alarm.call_off(first)
    assert heard.get(timeout=5) == "second"
    alarm.call_off(second)
    assert heard.empty()


def test_an_earlier_one_that_is_set_later_comes_first(heard):
    """The thread that sleeps until the later one is woken."""
    alarm = Alarm()
    late = alarm.set(60, lambda: heard.put("late"))
    time.sleep(0.02)  # it sleeps now
    alarm.set(0.01, lambda: heard.put("early"))
    assert heard.get(timeout=5) == "early"
    alarm.call_off(late)


def test_it_may_be_set_again_from_what_it_calls(heard):
    """And after it had nothing to do for a while."""
    alarm = Alarm()
    alarm.set(0.0, lambda: (heard.put(1), alarm.set(0.0, lambda: heard.put(2))))
    assert [heard.get(timeout=5), heard.get(timeout=5)] == [1, 2]
    time.sleep(0.02)  # it sleeps without end
    alarm.set(0.0, lambda: heard.put(3))
    assert heard.get(timeout=5) == 3


def test_all_use_one_thread(heard):
    """However many are set."""
    alarm = Alarm()
    for _ in range(100):
        alarm.set(0.01, lambda: heard.put(threading.get_ident()))
    assert len({heard.get(timeout=5) for _ in range(100)}) == 1


def test_a_forked_process_has_its_own(heard):
    """The thread stayed behind in the parent."""
    alarm = Alarm()
    alarm.set(0.0, lambda: heard.put("parent"))
    assert heard.get(timeout=5) == "parent"
    if not (pid := os.fork()):
        rang = threading.Event()
        alarm.set(0.01, rang.set)
        os._exit(0 if rang.wait(5) else 1)
    assert os.waitpid(pid, 0)[1] == 0

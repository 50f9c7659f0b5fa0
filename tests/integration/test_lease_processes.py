"""The queue between processes and threads: killed, stopped, and all at once."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from functools import partial

import pytest

from child import run_child, start_child
from evaltrail.jobs.order import NewUnit
from evaltrail.jobs.states import ENDED
from lease_queues import BROKEN, LAST, SHORT_S, TIDY, kinds, lease_queue, some_job, states, units, wait_until

pytestmark = pytest.mark.slow

WORKER = """
    import sys
    from pathlib import Path
    from evaltrail.jobs.lease import LeaseQueue
    from evaltrail.store.database import open_database

    database = open_database(sys.argv[1], Path("/nowhere"), "normal")
    queue = LeaseQueue(database, lease_s=float(sys.argv[2]))
"""
TAKE_ALL = (
    WORKER
    + """
    print("ready", flush=True)
    sys.stdin.readline()
    while claim := queue.claim("worker"):
        assert queue.finish(claim)
        print(claim.unit_id)
"""
)
TAKE_ONE = (
    WORKER
    + """
    claim = queue.claim("worker")
    print(claim.unit_id, flush=True)
    sys.stdin.readline()
    print(queue.beat(claim).is_ours, queue.finish(claim, "late"), flush=True)
"""
)


def together(*works):
    """Run these at once; what one of them raises is raised."""
    errors = []

    def guarded(work):
        try:
            work()
        except BaseException as error:  # noqa: BLE001  told below
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def test_processes_share_the_units(queue, queue_url):
    """Each unit is done once, and all of them are."""
    jobs = [queue.submit(some_job(*units(20), LAST)).job_id for _ in range(4)]
    children = [start_child(TAKE_ALL, queue_url, 30) for _ in range(3)]
    assert [child.stdout.readline() for child in children] == ["ready\n"] * 3
    for child in children:
        child.stdin.write("go\n")
        child.stdin.flush()
    done = []
    for child in children:
        out, err = child.communicate(timeout=60)
        assert (child.returncode, err) == (0, "")
        done += out.split()
    while claim := queue.claim("the rest"):  # a last unit that was released as the others had just looked
        queue.finish(claim)
        done.append(claim.unit_id)
    assert len(done) == len(set(done)) == 4 * 21
    assert {states(queue, job_id)[0] for job_id in jobs} == {"completed"}


def test_a_killed_worker_loses_nothing(short_queue, queue_url):
    """Its unit waits again when the lease is over."""
    job_id = short_queue.submit(some_job()).job_id
    with start_child(TAKE_ONE, queue_url, SHORT_S) as child:
        assert child.stdout.readline().strip() == f"{job_id}.0"
        child.kill()
    wait_until(lambda: short_queue.sweep().freed)
    assert short_queue.finish(short_queue.claim("other"))
    assert states(short_queue, job_id)[0] == "completed"


def test_a_stopped_worker_that_goes_on_is_refused(short_queue, queue_url):
    """Another had the unit meanwhile: its result counts, whoever speaks last."""
    job_id = short_queue.submit(some_job()).job_id
    with start_child(TAKE_ONE, queue_url, SHORT_S) as child:
        assert child.stdout.readline()
        os.kill(child.pid, signal.SIGSTOP)
        wait_until(lambda: short_queue.sweep().freed)
        assert short_queue.finish(short_queue.claim("other"), "ours")
        os.kill(child.pid, signal.SIGCONT)
        assert child.communicate("go\n", timeout=30)[0].split() == ["False", "False"]
    assert short_queue.show(job_id).units[0].result == "ours"


def test_an_accepted_job_survives_its_process(queue, queue_url):
    """Killed right after the answer."""
    program = (
        WORKER
        + """
    import os
    from evaltrail.jobs.order import NewJob, NewUnit
    job = NewJob(kind="evaluate", spec={}, units=(NewUnit(),))
    print(queue.submit(job).job_id, flush=True)
    os.kill(os.getpid(), 9)
"""
    )
    child = run_child(program, queue_url, 30)
    assert child.returncode == -9
    assert queue.claim("me").job_id == child.stdout.strip()


def test_a_thousand_submissions_of_eight_threads_are_all_there(queue):
    """Each answered with an id of its own."""
    found = []

    def hand_in(count):
        found.extend(queue.submit(some_job(NewUnit(), LAST)).job_id for _ in range(count))

    together(*[lambda: hand_in(125)] * 8)
    assert len(set(found)) == 1000
    assert queue.list().total == 1000
    assert queue.counts().units == {"waiting": 1000}
    assert {kinds(queue, job_id)[0] for job_id in found[::100]} == {"submitted"}


def test_workers_of_one_cap_never_pass_it(queue):
    """Though they ask at the same moment."""
    queue.set_cap("http://a", 2)
    queue.submit(some_job(*units(40, endpoint="http://a")))
    busy, most, done = [], [], []
    counting = threading.Lock()

    def work():
        ends = time.monotonic() + 20
        while len(done) < 40 and time.monotonic() < ends:
            claim = queue.claim("me")
            if claim is None:
                time.sleep(0.002)
                continue
            with counting:
                busy.append(claim)
                most.append(len(busy))
            time.sleep(0.001)
            with counting:
                busy.remove(claim)
            assert queue.finish(claim)
            done.append(claim.unit_id)

    together(*[work] * 6)
    assert len(done) == len(set(done)) == 40
    assert max(most) <= 2


def work_badly(queue, over, seed):
    """Until it is over: finish, fail, hand back, or say nothing more, by chance."""
    chance = random.Random(seed)
    while not over.is_set():
        claim = queue.claim(f"worker {seed}")
        if claim is None:
            time.sleep(0.002)
            continue
        deed = chance.choice([queue.finish, queue.finish, queue.hand_back, None])
        if deed is None:
            queue.fail(claim, BROKEN, chance.choice([None, 0.0]))
        elif chance.random() < 0.9:
            deed(claim)


@pytest.mark.parametrize("last", [LAST, TIDY])
def test_whatever_meets_every_job_comes_to_an_end(queue_url, last):
    """Workers, sweepers and people who cancel, all at once: no job is stuck, no two wait for each other."""
    with lease_queue(queue_url, lease_s=0.05) as queue:
        jobs = [queue.submit(some_job(*units(6, max_attempts=2), last)).job_id for _ in range(12)]
        over = threading.Event()

        def sweep():
            while not over.is_set():
                queue.sweep()
                time.sleep(0.005)

        def cancel():
            for job_id in jobs[::2]:
                queue.cancel(job_id)
                time.sleep(0.01)
            try:
                wait_until(lambda: not queue.counts().jobs, within_s=30)
            finally:
                over.set()

        together(*[partial(work_badly, queue, over, seed) for seed in range(4)], sweep, cancel)
        for job_id in jobs:
            state, found = states(queue, job_id)
            assert state in ENDED
            assert set(found) <= {"done", "failed", "cancelled"}
            assert kinds(queue, job_id).count("ended") == 1

"""Workers on a real broker for tests: `CeleryWorker` in a process of its own, with the tests' handlers."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import queue_handlers
from child import start_child
from evaltrail.config.settings import Settings, load_settings
from evaltrail.jobs.lease import LeaseQueue
from evaltrail.jobs.opening import open_queue
from evaltrail.jobs.order import NewJob, NewUnit
from private_server import descendants, is_alive

_PROGRAM = """
    import json, sys
    sys.path[:0] = json.loads(sys.argv[3])
    from evaltrail.config.settings import load_settings
    from evaltrail.jobs.celery_worker import CeleryWorker
    from evaltrail.jobs.opening import open_queue
    from evaltrail.jobs.worker_process import WorkerOrder

    if __name__ == "__main__":
        settings = load_settings(json.loads(sys.argv[1]), dotenv=None)
        words = json.loads(sys.argv[2])
        order = WorkerOrder(
            settings=settings, handler="queue_handlers:make", queues=tuple(words["queues"]), first_pause_s=0.01
        )

        def say(line):
            print(line, file=sys.stderr, flush=True)

        with open_queue(settings) as queue:
            CeleryWorker(order, queue, concurrency=words["concurrency"], leave_s=10, notice=say).run()
"""
_TESTS = str(Path(queue_handlers.__file__).parent)


class Hall:
    """A queue in a database, and workers that a broker wakes.

    Args:
        folder: for what they print.
        queue: in the database.
        environ: what they are told of.
    """

    def __init__(self, folder: Path, queue: LeaseQueue, environ: Mapping[str, str]) -> None:
        self.queue = queue
        self.settings: Settings = load_settings(environ, dotenv=None)
        self._folder = folder
        self._environ = environ
        self._count = 0

    @contextmanager
    def worker(self, concurrency: int = 1, *, queues: tuple[str, ...] = ()) -> Iterator[Worker]:
        """A running worker, which has looked for its broker by the time it is given out."""
        self._count += 1
        log = self._folder / f"worker-{self._count}.log"
        words = json.dumps({"concurrency": concurrency, "queues": queues})
        with log.open("wb") as out:
            process = start_child(_PROGRAM, json.dumps(self._environ), words, json.dumps([_TESTS]), stderr=out)
        worker = Worker(process, log)
        try:
            yield worker
        finally:
            family = descendants(process.pid)
            process.kill()
            process.communicate()
            until(lambda: not any(map(is_alive, family)), seconds=15)

    def submit(self, *deeds: str, **more: Any) -> str:
        """The id of a job of these deeds; nobody is told of it."""
        units = tuple(NewUnit(place={"do": deed}, max_attempts=more.pop("max_attempts", 3)) for deed in deeds)
        return self.queue.submit(NewJob(kind="test", spec={}, units=units, **more)).job_id

    def state(self, job_id: str) -> str:
        """The job's."""
        return self.queue.show(job_id).job.state

    def results(self, job_id: str) -> list[Any]:
        """What each unit left."""
        return [unit.result for unit in self.queue.show(job_id).units]

    def owner(self, job_id: str) -> int:
        """The process that has the job's only unit; 0 = nobody."""
        return int(self.queue.show(job_id).units[0].owner.rpartition(":")[2] or 0)

    def finish(self, job_id: str, *, seconds: float = 30.0) -> None:
        """Wait until a job is done."""
        until(lambda: self.state(job_id) == "completed", seconds=seconds)


class Worker:
    """A running worker.

    Args:
        process: its main one.
        log: what it prints.
    """

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self.process = process
        self._log = log

    @property
    def said(self) -> str:
        """What it has printed."""
        return self._log.read_text()

    @property
    def family(self) -> list[int]:
        """All its processes but the main one."""
        return descendants(self.process.pid)

    @property
    def celery(self) -> int:
        """Celery's own process, above those of its pool."""
        above = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        (found,) = [int(pid) for pid in above if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        return found


@contextmanager
def hall(folder: Path, database_url: str, broker_url: str, *, lease_s: float = 2.0) -> Iterator[Hall]:
    """A queue and its workers.

    Args:
        folder: their home.
        database_url: where the queue lies.
        broker_url: what wakes workers.
        lease_s: how long they are lent a unit.
    """
    environ = {
        "EVALTRAIL_HOME": str(folder),
        "EVALTRAIL_LEASE_SECONDS": str(lease_s),
        "EVALTRAIL_DATABASE_URL": database_url,
        "EVALTRAIL_QUEUE_URL": broker_url,
        "PATH": os.environ["PATH"],
    }
    with open_queue(load_settings(environ, dotenv=None)) as queue:
        yield Hall(folder, queue, environ)


def until(claim: Callable[[], object], *, seconds: float = 30.0) -> None:
    """Fail unless it comes true in time."""
    ends = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < ends, "it never came to be"
        time.sleep(0.02)

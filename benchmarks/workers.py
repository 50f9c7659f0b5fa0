"""Workers of the queue: how soon they begin, how much they get through, and how well two share one large task.

Usage: python benchmarks/workers.py [REPEATS]

Real commands, databases and brokers, private ones that are ended afterwards. Run alone, on a quiet machine.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from evaltrail.config.settings import load_settings
from evaltrail.jobs.hints import Hints, open_hints
from evaltrail.jobs.lease import LeaseQueue
from evaltrail.jobs.opening import open_queue
from evaltrail.jobs.order import NewJob, NewUnit
from goals import Row, at_least, at_most, show
from lab import Lab
from measure import MockEndpoint, NotMeasuredError
from private_postgres import PostgresServer
from private_rabbit import RabbitServer
from private_redis import RedisServer

WORKER = """
import json, sys
sys.path[:0] = [sys.argv[2]]
from evaltrail.config.settings import load_settings
from evaltrail.jobs.at_work import work_on
from evaltrail.jobs.opening import open_queue
from evaltrail.jobs.worker_process import WorkerOrder
if __name__ == "__main__":
    settings = load_settings(json.loads(sys.argv[1]), dotenv=None)
    order = WorkerOrder(settings=settings, handler="queue_handlers:make")
    with open_queue(settings) as queue:
        work_on(queue, order, concurrency=int(sys.argv[3]), notice=lambda line: None)
"""
TESTS = sys.path[0]
UNITS = 1000
IDLE = 60
SAMPLES, IN_FLIGHT, LATENCY_MS = 20_000, 32, 100.0
WAY = (
    f"Throughput: {UNITS:,} units that do nothing, submitted at once, from the first claim to the end of the last, by "
    f"the clock of the database; heartbeats, fencing and events included. Idle latency: {IDLE} units submitted one by "
    "one while the worker idles, from accepted to claimed; p50. The large task: `evaltrail run --detach` and "
    f"`evaltrail worker`, {SAMPLES:,} samples of {LATENCY_MS:g} ms, {IN_FLIGHT} in flight a worker, from the first "
    "claim to the end of the job; the mock endpoint and the workers share two cores."
)


def run(repeats: int = 3) -> list[Row]:
    """Every row of the page."""
    rows: list[Row] = []
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        rows += one_worker("sqlite", scratch / "sqlite", {}, repeats, must=800)
        missing = [kind.why_not() for kind in (PostgresServer, RabbitServer, RedisServer) if kind.why_not()]
        if missing:
            raise NotMeasuredError("; ".join(missing))
        database = {"EVALTRAIL_DATABASE_URL": stack.enter_context(PostgresServer()).url}
        rows += one_worker("PostgreSQL", scratch / "postgres", database, repeats, must=None)
        for kind, must in ((RabbitServer, 80), (RedisServer, None)):
            broker = {"EVALTRAIL_QUEUE_URL": stack.enter_context(kind()).url}
            name = f"Celery, {kind.kind} and PostgreSQL"
            rows += one_worker(name, scratch / kind.kind, {**database, **broker}, repeats, must=must)
        rows += large_task(scratch)
    return rows


def one_worker(name: str, home: Path, more: Mapping[str, str], repeats: int, *, must: float | None) -> list[Row]:
    """Throughput and idle latency of one worker with two processes."""
    environ = {**os.environ, "EVALTRAIL_HOME": str(home), **more}
    settings = load_settings(environ, dotenv=None)
    with open_queue(settings) as queue, open_hints(settings) as hints, a_worker(environ, 2):
        finished(queue, submitted(queue, hints, 10))
        rates = [throughput(queue, hints) for _ in range(repeats)]
        waits = [idle_ms(queue, hints) for _ in range(IDLE)]
    rate, wait = statistics.median(rates), statistics.median(waits)
    what = f"{name}: units begun and done"
    latency = at_most(f"{name}: idle latency, p50", wait, "ms", 60)
    return [at_least(what, rate, "units/s", must) if must else Row(what=what, evaltrail=f"{rate:.3g} units/s"), latency]


def submitted(queue: LeaseQueue, hints: Hints, count: int) -> str:
    units = tuple(NewUnit(place={"do": "echo"}) for _ in range(count))
    job_id = queue.submit(NewJob(kind="test", spec={}, units=units)).job_id
    hints.send("default", count)
    return job_id


def finished(queue: LeaseQueue, job_id: str, *, within_s: float = 300.0) -> None:
    # not `show`, which would read a thousand units each time and cost the workers a core
    until(lambda: any(job.id == job_id for job in queue.list(limit=1, states=["completed"]).jobs), within_s)


def throughput(queue: LeaseQueue, hints: Hints) -> float:
    job_id = submitted(queue, hints, UNITS)
    finished(queue, job_id)
    return UNITS / seconds_of(queue, job_id)


def idle_ms(queue: LeaseQueue, hints: Hints) -> float:
    time.sleep(0.2)
    job_id = submitted(queue, hints, 1)
    finished(queue, job_id)
    job = queue.show(job_id).job
    return 1000 * (job.started_at - job.created_at).total_seconds()


def seconds_of(queue: LeaseQueue, job_id: str) -> float:
    job = queue.show(job_id).job
    return (job.ended_at - job.started_at).total_seconds()


def until(is_true: Callable[[], bool], within_s: float) -> None:
    ends = time.monotonic() + within_s
    while not is_true():
        if time.monotonic() > ends:
            raise NotMeasuredError("it never came to an end")
        time.sleep(0.05)


@contextmanager
def a_worker(environ: Mapping[str, str], concurrency: int) -> Iterator[None]:
    """A worker whose units do what their place says, and nothing else."""
    words = [sys.executable, "-c", WORKER, json.dumps(dict(environ)), TESTS, str(concurrency)]
    with ended_after(subprocess.Popen(words)):
        yield


@contextmanager
def ended_after(process: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def large_task(scratch: Path) -> list[Row]:
    """One worker beside two, on one task that waits for its endpoint."""
    one, two = (samples_per_s(scratch / f"workers-{count}", count) for count in (1, 2))
    rate = Row(what=f"{SAMPLES:,} samples, one worker", evaltrail=f"{one:,.0f} samples/s")
    return [rate, at_least(f"{SAMPLES:,} samples, two workers beside one", two / one, "x", 1.8)]


def samples_per_s(home: Path, workers: int) -> float:
    home.mkdir()
    environ = {**os.environ, "EVALTRAIL_HOME": str(home)}
    evaltrail = str(Path(sys.executable).with_name("evaltrail"))
    task = Lab(folder=home, prefix=(), repeats=1).task(SAMPLES)
    with ExitStack() as stack:
        endpoint = stack.enter_context(MockEndpoint(latency_ms=LATENCY_MS))
        words = ("--model=mock", f"--url={endpoint.url}", f"--concurrency={IN_FLIGHT}", "--no-deliver", "--detach")
        # every worker idles before the task is there
        for _ in range(workers):
            stack.enter_context(ended_after(subprocess.Popen([evaltrail, "worker"], env=environ, stderr=-3)))
        with open_queue(load_settings(environ, dotenv=None)) as queue:
            until(lambda: len(queue.workers()) == workers, 60)
            time.sleep(1)
            done = subprocess.run([evaltrail, "run", str(task), *words], env=environ, check=True, capture_output=True)
            job_id = done.stdout.decode().strip()
            finished(queue, job_id)
            return SAMPLES / seconds_of(queue, job_id)


def main() -> int:
    return show(run(int(sys.argv[1]) if len(sys.argv) > 1 else 3), WAY)


if __name__ == "__main__":
    sys.exit(main())

"""The queue by itself: units claimed and finished a second, and what a claim and a list cost when 100,000 wait.

Usage: python benchmarks/lease_queue.py [REPEATS]

PostgreSQL is started privately where it is installed, else left out. Run alone, on a quiet machine.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from evaltrail.jobs.lease import LeaseQueue
from evaltrail.jobs.order import NewJob, NewUnit
from evaltrail.store.database import open_database
from evaltrail.store.engines import Durability
from goals import Row, at_least, at_most, show
from private_postgres import PostgresServer, database_in

UNITS = 2000
QUEUED = 100_000
REPEATS = 200
WORKERS = 2
MUST_PER_S = {"normal": 800, "full": 60}
MUST_POSTGRES_PER_S = 80
MUST_LIST_MS = 100
MUST_CLAIM_RATIO = 3
WORKER = """
import sys
from pathlib import Path
from evaltrail.jobs.lease import LeaseQueue
from evaltrail.store.database import open_database
queue = LeaseQueue(open_database(sys.argv[1], Path("/nowhere"), sys.argv[2]))
print("ready", flush=True)
sys.stdin.readline()
while claim := queue.claim("worker"):
    queue.finish(claim)
"""
WAY = (
    f"{UNITS:,} units in 20 jobs, each with a last one, claimed and finished one after the other (two transactions "
    f"and two events a unit). Claims and lists: medians of {REPEATS}, with {QUEUED:,} units waiting in 5,050 jobs on "
    "five endpoints, and 10,000 more of higher priority whose endpoint is paused; and with 1,000 units waiting. "
    "Throughput: medians of the repetitions."
)


def run(repeats: int = 3) -> list[Row]:
    """Every row of the page; PostgreSQL's where it is installed."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as scratch:
        for durability, must in MUST_PER_S.items():
            url = f"sqlite:///{scratch}/{durability}.db"
            rate = median_rate(lambda url=url, durability=durability: throughput(url, durability), repeats)
            rows.append(at_least(f"sqlite {durability}, one worker", rate, "units/s", must))
        url = f"sqlite:///{scratch}/shared.db"
        rate = median_rate(lambda: shared(url), repeats)
        rows.append(at_least(f"sqlite normal, {WORKERS} processes", rate, "units/s", MUST_PER_S["normal"]))
        rows += crowded("sqlite", f"sqlite:///{scratch}/few.db", f"sqlite:///{scratch}/many.db")
    if not PostgresServer.why_not():
        with PostgresServer() as server:
            rows += on_postgres(server.url, repeats)
    return rows


def on_postgres(server_url: str, repeats: int) -> list[Row]:
    """The same on PostgreSQL, each in an empty database."""
    with database_in(server_url) as url:
        rate = median_rate(lambda: throughput(url, "normal"), repeats)
        rows = [at_least("postgresql, one worker", rate, "units/s", MUST_POSTGRES_PER_S)]
        rate = median_rate(lambda: shared(url), repeats)
        rows.append(at_least(f"postgresql, {WORKERS} processes", rate, "units/s", MUST_POSTGRES_PER_S))
    with database_in(server_url) as few, database_in(server_url) as many:
        return rows + crowded("postgresql", few, many)


@contextmanager
def opened(url: str, durability: Durability = "normal") -> Iterator[LeaseQueue]:
    database = open_database(url, Path("/nowhere"), durability)
    try:
        yield LeaseQueue(database)
    finally:
        database.close()


def fill(queue: LeaseQueue, jobs: int, units: int) -> None:
    for number in range(jobs):
        ours = tuple(NewUnit(endpoint=f"http://host{number % 5}/v1", total=100) for _ in range(units - 1))
        last = NewUnit(is_last=True)
        queue.submit(NewJob(kind="evaluate", spec={"padding": "x" * 2000}, units=(*ours, last), name=f"n{number % 7}"))


def throughput(url: str, durability: Durability) -> float:
    """Units a second that one worker claims and finishes."""
    with opened(url, durability) as queue:
        fill(queue, 20, UNITS // 20)
        began = time.perf_counter()
        count = 0
        while claim := queue.claim("worker"):
            queue.finish(claim)
            count += 1
        return count / (time.perf_counter() - began)


def shared(url: str) -> float:
    """Units a second that some processes claim and finish together."""
    with opened(url) as queue:
        fill(queue, 20, UNITS // 20)
    workers = [
        subprocess.Popen([sys.executable, "-c", WORKER, url, "normal"], stdin=-1, stdout=-1, text=True)
        for _ in range(WORKERS)
    ]
    for worker in workers:
        worker.stdout.readline()
    began = time.perf_counter()
    for worker in workers:
        worker.stdin.write("go\n")
        worker.stdin.close()
    for worker in workers:
        worker.wait()
        worker.stdout.close()
    return UNITS / (time.perf_counter() - began)


def crowded(name: str, few_url: str, many_url: str) -> list[Row]:
    """A claim with few units waiting and with many; then what else is asked of a full queue."""
    with opened(few_url) as queue:
        fill(queue, 10, 100)
        few_ms = median_ms(lambda: queue.claim("worker"))
    with opened(many_url) as queue:
        fill(queue, 50, 1000)
        fill(queue, 5000, 10)
        for _ in range(10):
            paused = (NewUnit(endpoint="http://paused/v1"),) * 1000
            queue.submit(NewJob(kind="evaluate", spec={}, units=paused, priority=9))
        queue.set_cap("http://paused/v1", 0)
        many_ms = median_ms(lambda: queue.claim("worker"))
        ratio = many_ms / few_ms
        page = queue.list(limit=1000)
        while page.next_cursor:
            before, page = page.next_cursor, queue.list(limit=1000, cursor=page.next_cursor)
        rest = {
            "newest 50 jobs": queue.list,
            "50 jobs, 40 of 1,000 units": lambda: queue.list(cursor=before),
            "filtered by state and name": lambda: queue.list(states=["pending"], name="n3"),
            "counts": queue.counts,
            "due units": queue.due,
        }
        return [
            at_most(f"{name}, a claim, 1,000 waiting", few_ms, "ms", 20),
            at_most(f"{name}, a claim, {QUEUED:,} waiting", many_ms, "ms", 20),
            at_most(f"{name}, the second beside the first", ratio, "x", MUST_CLAIM_RATIO),
            *(at_most(f"{name}, {what}", median_ms(work, 20), "ms", MUST_LIST_MS) for what, work in rest.items()),
        ]


def median_rate(work: Callable[[], float], repeats: int) -> float:
    return statistics.median(work() for _ in range(repeats))


def median_ms(work: Callable[[], object], repeats: int = REPEATS) -> float:
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return 1000 * statistics.median(times)


def main() -> int:
    return show(run(int(sys.argv[1]) if len(sys.argv) > 1 else 3), WAY)


if __name__ == "__main__":
    sys.exit(main())

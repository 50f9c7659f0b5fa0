"""Trial: one queued evaluation done by the installed command, what is done to its workers, and what that cost."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
from installed import Finished, Installed, ended, until
from sqlalchemy import Connection, update
from sums import write_sums

from evaltrail.bundle.journal import row_places
from evaltrail.bundle.read import read_bundle
from evaltrail.config.settings import load_settings
from evaltrail.jobs.account import JobDetail, JobEvent
from evaltrail.jobs.lease import LeaseQueue
from evaltrail.jobs.opening import open_queue
from evaltrail.jobs.states import ENDED
from evaltrail.store.tables import UNIT
from mock_endpoint import MockEndpoint
from private_server import descendants, is_alive
from proof_backends import Backend

IN_FLIGHT = 4
"""Requests that one unit has in flight."""
CHILDREN = 2
"""Units that a worker does at a time."""
LEASE_S = 1.5
SLACK_S = 6.0
"""What a busy machine may add to a time that is measured; on a quiet one it is 2 s at most."""
_PATIENCE_S = 60.0
_LONGEST_S = 120.0
_LEAVE_S = 40.0
"""Longer than a worker gives its own processes."""


Outcome = tuple[Any, Any, list[dict[str, Any]]]
"""Metrics, counts and samples in their order, without what depends on time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What became of one evaluation; a row of the proofs' table."""

    scenario: str
    backend: str
    items: int
    kills: int
    """Times that something was killed, stopped, purged or started again."""
    state: str
    asked: int
    repeats: int
    """Questions asked again though an answer to them had been sent."""
    allowed: int
    """Requests that can have been in flight when a worker lost its unit."""
    lost: int
    """Samples that nobody asked for, or that the bundle does not hold."""
    doubled: int
    """Samples that the bundle holds more than once."""
    open_units: int
    """Units that somebody still has, or that wait, though the job has ended."""
    result: Outcome
    seconds: float

    def check(self, unbroken: Outcome, *, state: str = "completed") -> None:
        """Fail unless it is what an unbroken run comes to; a task that fails beside it has no part in that."""
        assert self.state == state, self.state
        assert (self.lost, self.doubled, self.open_units) == (0, 0, 0), self.row
        assert self.repeats <= self.allowed, self.row
        assert self.result == unbroken, "the result is not the one of an unbroken run"

    @property
    def row(self) -> Mapping[str, str]:
        """As the table shows it."""
        return {
            "scenario": self.scenario,
            "backend": self.backend,
            "kills": str(self.kills),
            "asked": f"{self.asked:,}",
            "repeats": str(self.repeats),
            "allowed": str(self.allowed),
            "lost": str(self.lost),
            "doubled": str(self.doubled),
            "seconds": f"{self.seconds:.1f}",
        }


class Trial:
    """One evaluation of sums on a backend, in a home of its own; leave the block and nothing of it runs on.

    Args:
        scenario: its name, for people.
        backend: where it is queued.
        endpoint: that is asked; its counters begin anew.
        folder: of its own.
        items: a multiple of ten.
        latency_ms: of an answer.
        words: further ones of the command line.
    """

    def __init__(
        self,
        scenario: str,
        backend: Backend,
        endpoint: MockEndpoint,
        folder: Path,
        *,
        items: int,
        latency_ms: float = 30.0,
        words: tuple[object, ...] = ("--no-deliver",),
        **environ: str,
    ) -> None:
        self.scenario, self.backend, self.endpoint, self.items = scenario, backend, endpoint, items
        ours = {"EVALTRAIL_LEASE_SECONDS": str(LEASE_S), "PYTHONFAULTHANDLER": "1"}
        self.command = Installed(folder, **ours, **backend.environ, **environ)
        self.tasks = [write_sums(self.command.cwd, items)]
        self.words = words
        self.identity = ""
        self.workers: list[subprocess.Popen[str]] = []
        """Those that ought to be alive."""
        self.kills = 0
        self._killed: set[int] = set()
        self._seen: set[int] = set()
        self._children: dict[int, int] = {}
        self._deaths = 0
        self._stack = ExitStack()
        self._latency_ms = latency_ms
        endpoint.configure(latency_ms=latency_ms)
        endpoint.reset()

    @cached_property
    def queue(self) -> LeaseQueue:
        """The queue as this process sees it."""
        settings = load_settings(self.command.environ, dotenv=None)
        return self._stack.enter_context(open_queue(settings, patience_s=_PATIENCE_S))

    def order(self) -> tuple[object, ...]:
        """The words that run it."""
        given = ("--url", self.endpoint.url, "--model", "m", "--concurrency", IN_FLIGHT, "--json")
        return ("run", *self.tasks, *given, *self.words)

    def submit(self) -> None:
        """Have it accepted."""
        done = self.command(*self.order(), "--detach")
        assert done.code == 0, done.err
        self.identity = done.object["evaluation_id"]
        self._began = time.monotonic()

    def start_worker(self, children: int = CHILDREN) -> subprocess.Popen[str]:
        """A further worker."""
        worker = self.command.start("worker", "--concurrency", children)
        self._children[worker.pid] = children
        self.workers.append(worker)
        return worker

    def answers(self) -> int:
        """Questions whose answer was sent, or is on its way."""
        return int(self.endpoint.stats()["unique_ok"])

    def await_answers(self, count: int) -> None:
        """Return when so many questions are answered; fail when all is over then, for nothing can be done to it."""
        self.until(lambda: self.answers() >= count)
        assert self.detail().job.state not in ENDED, self.told()

    def await_idle_worker(self) -> None:
        """Return when a worker is ready that has nothing to do: it has done a job that asks nobody."""
        task = write_sums(self.command.cwd, 10, name="idle")
        done = self.command("run", task, "--model", "baseline:majority", "--no-deliver", "--detach", "--json")
        assert done.code == 0, done.err
        identity = done.object["evaluation_id"]
        self.until(lambda: self.queue.show(identity).job.state == "completed")

    @contextmanager
    def slowed(self, latency_ms: float = 1000.0) -> Iterator[None]:
        """Let answers take so long that the evaluation is still at work when the block ends."""
        self.endpoint.configure(latency_ms=latency_ms)
        try:
            yield
        finally:
            self.endpoint.configure(latency_ms=self._latency_ms)

    def until(self, claim: Callable[[], bool], *, seconds: float = _LONGEST_S) -> None:
        """Wait until a claim holds; fail, with what is known, when it never does."""
        try:
            until(claim, seconds=seconds, pause=0.01)
        except AssertionError as error:
            raise AssertionError(f"{self.scenario} on {self.backend.name}: {self.told()}") from error

    def told(self) -> str:
        """How it stands, for who reads a failure."""
        units = [f"{unit.id[-4:]} {unit.state} {unit.attempt} {unit.owner}" for unit in self.detail().units]
        return f"{self.detail().job.state}, {self.endpoint.stats()}\n" + "\n".join(units)

    def detail(self) -> JobDetail:
        """The job and its units."""
        return self.queue.show(self.identity)

    def owners(self) -> list[int]:
        """The processes that have a unit in hand."""
        return [_pid(unit.owner) for unit in self.detail().units if unit.state == "running"]

    def while_unanswered(self, work: Callable[[], None]) -> None:
        """Do something while nobody's sign of life for a unit of the job is answered: its row is ours."""
        held = update(UNIT).where(UNIT.c.job_id == self.identity).values(owner=UNIT.c.owner)

        def do(connection: Connection) -> None:
            connection.execute(held)
            work()

        self.queue._database.write(do)

    def has_journal_open(self, pid: int) -> bool:
        """Whether a process still holds a journal of the job."""
        ours = str(self._work)
        with suppress(OSError):  # it has ended
            return any(str(each.readlink()).startswith(ours) for each in Path(f"/proc/{pid}/fd").iterdir())
        return False

    def doubled_rows(self) -> int:
        """Rows of the journals beyond the first one of a sample: of the job that has not ended."""
        files = list(self._work.glob("*.jsonl"))
        rows = [(file, key.index, key.repeat) for file in files for key, _ in row_places(file)]
        assert rows, "the journals are gone"
        return len(rows) - len(set(rows))

    @property
    def _work(self) -> Path:
        return self.command.home / "work" / "jobs" / self.identity

    def events(self) -> list[JobEvent]:
        """Everything that happened to the job."""
        found: list[JobEvent] = []
        while more := self.queue.events(self.identity, found[-1].id if found else 0):
            found += more
        return found

    def family(self, worker: subprocess.Popen[str]) -> list[int]:
        """A worker's main process and all below it."""
        found = [worker.pid, *descendants(worker.pid)]
        self._seen |= set(found)
        return found

    def owner_of_all(self, *, besides: tuple[subprocess.Popen[str], ...] = ()) -> subprocess.Popen[str]:
        """The worker, one of whose processes has the unit in hand."""
        found: list[subprocess.Popen[str]] = []

        def is_held() -> bool:
            owners = set(self.owners())
            found[:] = [each for each in self.workers if each not in besides and owners & set(self.family(each))]
            return bool(found)

        self.until(is_held)
        return found[0]

    def kill_worker(self, worker: subprocess.Popen[str], *, main_alone: bool = False) -> None:
        """``kill -9`` of a worker with all its processes, or of its main process alone."""
        assert worker.poll() is None, "it ended by itself"
        family = self.family(worker)
        self.workers.remove(worker)
        self._kill([worker.pid] if main_alone else family, self._children[worker.pid])
        worker.wait()
        self.until(lambda: not any(map(is_alive, family)))  # children leave by themselves

    def kill_process(self, pid: int, *, holds: int = 1) -> None:
        """``kill -9`` of one process, upon whose death so many units may be let go."""
        self._kill([pid], holds)

    def signal(self, worker: subprocess.Popen[str], number: int) -> None:
        """Stop or continue a worker with all its processes."""
        self.kills += number == signal.SIGSTOP
        for pid in self.family(worker):
            os.kill(pid, number)

    def end_worker(self, worker: subprocess.Popen[str]) -> Finished:
        """How a worker ends that is told to."""
        self.workers.remove(worker)
        worker.terminate()
        return ended(worker)

    def await_end(self) -> Account:
        """What became of it, once it has ended."""
        self.until(lambda: self.detail().job.state in ENDED)
        seconds = time.monotonic() - self._began
        self.until(lambda: {worker.engine for worker in self.queue.workers()} == {self.backend.engine})
        stats, detail = self.endpoint.stats(), self.detail()
        result = result_of(self.command, self.identity)
        ids = Counter(sample["id"] for sample in result[-1])
        return Account(
            scenario=self.scenario,
            backend=self.backend.name,
            items=self.items,
            kills=self.kills,
            state=detail.job.state,
            asked=stats["total"],
            repeats=stats["repeats_after_ok"],
            allowed=IN_FLIGHT * (self._deaths + self._taken_from_the_living()),
            lost=2 * self.items - stats["unique_ok"] - len(ids),
            doubled=sum(ids.values()) - len(ids),
            open_units=sum(detail.job.units.get(state, 0) for state in ("held", "waiting", "running")),
            result=result,
            seconds=seconds,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()
        running = [worker for worker in self.workers if worker.poll() is None]
        for worker in running:
            for pid in self.family(worker):
                os.kill(pid, signal.SIGCONT)
            worker.terminate()
        said = [self._last_words(worker) for worker in self.workers]
        left = _still_there(self._seen)
        self.command.end_all()
        if error is not None:
            error.add_note("\n".join(said))
        else:
            assert not left, f"processes outlive their workers: {left}\n" + "\n".join(said)

    def _last_words(self, worker: subprocess.Popen[str]) -> str:
        """What a worker that was told to end had said, and where it stands if it does not end; for who reads that."""
        try:
            _, said = worker.communicate(timeout=_LEAVE_S)
        except subprocess.TimeoutExpired:
            for pid in self.family(worker):
                os.kill(pid, signal.SIGABRT)  # faulthandler tells what each was doing
            _, said = worker.communicate()
        return f"worker {worker.pid} ended with {worker.returncode}:\n{said[-6000:]}"

    def _kill(self, pids: list[int], deaths: int) -> None:
        self.kills += 1
        self._deaths += deaths
        self._killed |= set(pids)
        for pid in pids:
            with suppress(ProcessLookupError):  # it ended by itself just now
                os.kill(pid, signal.SIGKILL)

    def _taken_from_the_living(self) -> int:
        """Units that a worker lost which nobody had killed: stopped, or cut off from the database for too long."""
        lost = [_pid(str(event.data["owner"])) for event in self.events() if event.kind == "lost"]
        return sum(pid not in self._killed for pid in lost)


def result_of(command: Installed, identity: str) -> Outcome:
    """What an evaluation of sums came to."""
    found = command("info", identity, "--json").object
    samples = [
        {**msgspec.to_builtins(sample), "usage": (sample.usage.prompt_tokens, sample.usage.completion_tokens)}
        for task in read_bundle(Path(found["out"])).tasks
        for sample in task.samples
    ]
    return found["metrics"], found["counts"]["sums"], samples


def unbroken(folder: Path, endpoint: MockEndpoint, items: int) -> Outcome:
    """What the same comes to in one process that nothing happens to."""
    with Trial("unbroken", Backend(name="none"), endpoint, folder, items=items, latency_ms=1.0) as trial:
        done = trial.command(*trial.order())
        assert done.code == 0, done.err
        return result_of(trial.command, done.object["evaluation_id"])


def _pid(owner: str) -> int:
    """Of ``host:pid``."""
    return int(owner.rpartition(":")[2])


def _still_there(pids: set[int]) -> list[int]:
    """Those that have not ended a while after who started them; they are ended now."""
    ends = time.monotonic() + _LEAVE_S
    while (left := [pid for pid in pids if is_alive(pid)]) and time.monotonic() < ends:
        time.sleep(0.01)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    return left

"""The embedded dispatcher: worker processes that poll the table, started again when they die; and the sweeper."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from types import FrameType

from evaltrail.core.errors import EvaltrailError
from evaltrail.jobs import spawning
from evaltrail.jobs.claim import Claim
from evaltrail.jobs.failure import lost_worker
from evaltrail.jobs.lease import LeaseQueue
from evaltrail.jobs.spawning import pause_before_start_s
from evaltrail.jobs.sweeping import sweep, sweep_pause_s
from evaltrail.jobs.worker_process import WorkerOrder, work

_TURN_S = 0.1
_YOUNG_S = 5.0
_RETRY_S = 1.0
LEAVE_S = 30.0
"""Seconds that workers are given to hand back what they do; then they are killed, and leases do the rest."""


@dataclass(slots=True)
class _Child:
    """One worker process, or the place of one that died."""

    process: SpawnProcess | None = None
    reports: Connection | None = None
    claim: Claim | None = None
    """What it is doing."""
    started_at: float = 0.0
    deaths: int = 0
    """In a row, soon after the start or instead of it."""
    starts_at: float = 0.0


class Dispatcher:
    """Keeps so many worker processes alive, and takes back the units of those who fell silent.

    Args:
        order: what each worker is started with.
        queue: in the same database.
        concurrency: worker processes, each of which does one unit at a time.
        leave_s: what workers are given to hand back their units.
        notice: told, in one sentence, what a person watching wants to know.
    """

    def __init__(
        self,
        order: WorkerOrder,
        queue: LeaseQueue,
        *,
        concurrency: int = 1,
        leave_s: float = LEAVE_S,
        notice: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._order = order
        self._queue = queue
        self._leave_s = leave_s
        self._notice = notice
        self._children = [_Child() for _ in range(concurrency)]
        self._is_leaving = False
        self._sweep_s = sweep_pause_s(queue)
        self._sweeps_at = 0.0

    def run(self) -> None:
        """Work until SIGTERM or SIGINT comes; then units are handed back, and all processes end."""
        before = {number: signal.signal(number, self._leave) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            while not self._is_leaving:
                self._turn()
        finally:
            self._end_all()
            for number, handler in before.items():
                signal.signal(number, handler)

    def _leave(self, _number: int, _frame: FrameType | None) -> None:
        self._is_leaving = True

    def _turn(self) -> None:
        now = time.monotonic()
        for child in self._children:
            if child.process is None and now >= child.starts_at:
                self._start(child)
        if now >= self._sweeps_at:
            self._sweeps_at = now + self._sweep_s
            sweep(self._queue, self._notice, is_wanted=lambda: not self._is_leaving)
        alive = {child.process.sentinel: child for child in self._children if child.process is not None}
        ended = wait(list(alive), timeout=min(_TURN_S, self._sweep_s))
        for child in self._children:  # not woken by each report, of which there may be thousands a second
            _hear(child)
        for sentinel in ended:
            if isinstance(sentinel, int):
                self._bury(alive[sentinel])

    def _start(self, child: _Child) -> None:
        child.started_at = time.monotonic()
        try:
            started = spawning.start(work, self._order, name="evaltrail-worker")
        except OSError as error:
            child.deaths += 1
            child.starts_at = time.monotonic() + pause_before_start_s(child.deaths + 1)
            self._notice(f"a worker process cannot be started: {error.strerror or error}; it is tried again")
        else:
            child.process, child.reports = started.process, started.reports

    def _bury(self, child: _Child) -> None:
        """Take note of a worker's death, and give its unit back at once: nobody else can be doing it."""
        if child.process is None:
            return
        _hear(child)
        child.process.join()
        code = child.process.exitcode
        is_young = time.monotonic() - child.started_at < _YOUNG_S
        child.deaths = child.deaths + 1 if is_young else 0
        self._close(child)
        if self._is_leaving:
            return
        child.starts_at = time.monotonic() + pause_before_start_s(child.deaths)
        self._notice(f"a worker process {_ended(code)}; another one is started")
        if child.claim is not None:
            self._give_back(child.claim, code)
            child.claim = None

    def _give_back(self, claim: Claim, code: int | None) -> None:
        try:
            self._queue.fail(claim, lost_worker(_ended(code)), _RETRY_S)
        except EvaltrailError as error:  # its lease runs out
            self._notice(str(error))

    def _end_all(self) -> None:
        """Tell the workers to leave, and wait for it, not for ever."""
        running = [child for child in self._children if child.process is not None]
        for child in running:
            if child.process is not None:
                child.process.terminate()
        ends = time.monotonic() + self._leave_s
        for child in running:
            if child.process is not None:
                child.process.join(max(0.0, ends - time.monotonic()))
                if child.process.exitcode is None:
                    self._notice(f"worker {child.process.pid} does not leave: it is killed")
                    child.process.kill()
                    child.process.join()
                self._close(child)

    @staticmethod
    def _close(child: _Child) -> None:
        if child.process is not None:
            child.process.close()
        if child.reports is not None:
            child.reports.close()
        child.process = child.reports = None


def _hear(child: _Child) -> None:
    """Take in what a worker has told."""
    try:
        while child.reports is not None and child.reports.poll():
            child.claim = child.reports.recv()
    except (EOFError, OSError):  # it died; its sentinel says so too
        if child.reports is not None:
            child.reports.close()
            child.reports = None


def _ended(code: int | None) -> str:
    """How a process ended, in words."""
    return f"was ended by signal {-code}" if code is not None and code < 0 else f"ended with exit code {code}"

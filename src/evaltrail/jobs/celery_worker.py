"""The worker on a broker: keeps Celery alive in a process beside this one, and takes back what its pool lets fall."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from types import FrameType

from evaltrail.core.errors import EvaltrailError, StorageError
from evaltrail.jobs import spawning
from evaltrail.jobs.celery_reports import Doing, Listening
from evaltrail.jobs.claim import Claim
from evaltrail.jobs.dispatcher import LEAVE_S
from evaltrail.jobs.failure import lost_worker
from evaltrail.jobs.hints import hint_queue, open_broker
from evaltrail.jobs.lease import LeaseQueue
from evaltrail.jobs.spawning import pause_before_start_s
from evaltrail.jobs.waking import Waker
from evaltrail.jobs.worker_process import WorkerOrder

_TURN_S = 0.25
_YOUNG_S = 5.0
_RETRY_S = 1.0
_DEAF_S = 6.0
"""Hints that lie unread for so long beside an idle process are not heard at all (celery #8030, #10205)."""
_LONGEST_DEAF_S = 60.0
_WAKER_S = 2.0


@dataclass(slots=True)
class _Life:
    """One process of Celery, with those of its pool, which outlive it while they hand back."""

    process: SpawnProcess
    reports: Connection
    started_at: float
    code: int | None = None
    """How it ended; None = it runs."""
    pool: dict[int, Doing] = field(default_factory=dict)
    """What each process of its pool is doing, by pid."""

    @property
    def awake(self) -> int:
        """How many processes of its pool take units."""
        return sum(doing.is_awake for doing in list(self.pool.values()))


class CeleryWorker:
    """Keeps so many worker processes alive that hints wake, and takes back the units of those who fell silent.

    Args:
        order: what each of them is started with; its settings name the broker.
        queue: in the same database.
        concurrency: worker processes, each of which does one unit at a time.
        leave_s: what workers are given to hand back their units.
        notice: told, in one sentence, what a person watching wants to know.

    Raises:
        InputError: Celery is not installed.
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
        self._concurrency = concurrency
        self._leave_s = leave_s
        self._notice = notice
        self._broker = open_broker(order.settings.queue_url)
        self._waker = Waker(queue, self._broker, order.queues, idle=self._idle, notice=notice)
        self._life: _Life | None = None
        self._past: list[_Life] = []
        """Of whose pools some processes are left."""
        self._deaths = 0
        """In a row, soon after the start or instead of it."""
        self._starts_at = 0.0
        self._deaf_s = _DEAF_S
        self._is_away = False
        self._is_leaving = False

    def run(self) -> None:
        """Work until SIGTERM or SIGINT comes; then units are handed back, and all processes end.

        Raises:
            InputError: the broker refuses us.
        """
        with suppress(StorageError):  # it is away, which Celery tells us too
            self._broker.check()
        before = {number: signal.signal(number, self._leave) for number in (signal.SIGTERM, signal.SIGINT)}
        self._waker.start()
        try:
            while not self._is_leaving:
                self._turn()
        finally:
            self._end_all()
            self._waker.stop(within_s=_WAKER_S)
            for number, handler in before.items():
                signal.signal(number, handler)

    def _leave(self, _number: int, _frame: FrameType | None) -> None:
        self._is_leaving = True

    def _idle(self) -> int:
        life = self._life
        return 0 if life is None else max(0, self._concurrency - life.awake)

    def _turn(self) -> None:
        if self._life is None and time.monotonic() >= self._starts_at:
            self._start()
        self._listen(_TURN_S)
        life = self._life
        if life is not None:
            self._look_after_pool(life)
            if life.pool and self._waker.unread_s > self._deaf_s:
                self._deaf_s = min(2 * self._deaf_s, _LONGEST_DEAF_S)
                self._waker.heard()
                self._notice("hints lie at the broker and Celery does not hear them: it is started anew")
                life.process.kill()

    def _start(self) -> None:
        from evaltrail.jobs.celery_process import live  # noqa: PLC0415  Celery, which few installations have

        hint_queues = tuple(map(hint_queue, self._order.queues)) or (hint_queue(),)
        arguments = (self._order, hint_queues, self._concurrency)
        try:
            started = spawning.start(live, *arguments, name="evaltrail-celery")
        except OSError as error:
            self._deaths += 1
            self._starts_at = time.monotonic() + pause_before_start_s(self._deaths + 1)
            self._notice(f"Celery's process cannot be started: {error.strerror or error}; it is tried again")
        else:
            self._life = _Life(process=started.process, reports=started.reports, started_at=time.monotonic())

    def _listen(self, timeout_s: float) -> None:
        """Take in what the processes tell, and who has ended."""
        lives = [*self._past, *([self._life] if self._life is not None else [])]
        telling = {life.reports: life for life in lives}
        ending = {life.process.sentinel: life for life in lives if life.code is None}
        for ready in wait([*telling, *ending], timeout=timeout_s):
            if isinstance(ready, Connection):
                if not self._take_in(telling[ready]):
                    self._end(telling[ready])
            elif isinstance(ready, int):
                self._bury(ending[ready])

    def _take_in(self, life: _Life) -> bool:
        """Whether anybody is left who could tell more."""
        try:
            while life.reports.poll():
                match life.reports.recv():
                    case Doing() as doing:
                        self._note(life, doing)
                    case Listening(error=error):
                        self._waker.heard()
                        self._tell_broker(error)
        except (EOFError, OSError):
            return False
        return True

    def _note(self, life: _Life, doing: Doing) -> None:
        before = life.pool.get(doing.pid)
        life.pool[doing.pid] = doing
        if before is None or doing.is_awake > before.is_awake:
            self._waker.heard()
        if doing.is_awake:
            self._deaf_s = _DEAF_S

    def _tell_broker(self, error: EvaltrailError | None) -> None:
        """Say once that the broker is away, and once that it is back."""
        if error is not None and not self._is_away and not self._is_leaving:
            self._notice(f"{error}; units at hand go on, and others are taken when it is back")
        if error is None and self._is_away:
            self._notice(f"the broker is back: {self._broker.name}")
        self._is_away = error is not None

    def _bury(self, life: _Life) -> None:
        """Take note of the death of Celery's process, whose pool hands back now by itself."""
        if life.code is not None:
            return
        life.process.join()
        life.code = life.process.exitcode
        self._past.append(life)
        self._life = None
        self._is_away = False
        is_young = time.monotonic() - life.started_at < _YOUNG_S
        self._deaths = self._deaths + 1 if is_young else 0
        self._starts_at = time.monotonic() + pause_before_start_s(self._deaths)
        if not self._is_leaving:
            self._notice(f"Celery's process ended with exit code {life.code}; another one is started")

    def _look_after_pool(self, life: _Life) -> None:
        """Give back at once what a process was doing that has died; Celery forks another one by itself."""
        for pid in [pid for pid in life.pool if not _is_there(pid)]:
            self._take_in(life)  # its last words
            self._notice(f"worker process {pid} has died; another one is started")
            self._give_back(life.pool.pop(pid).claim)

    def _end(self, life: _Life) -> None:
        """Take note that nobody is left of a pool: what was not handed back never will be."""
        self._bury(life)
        self._past.remove(life)
        life.reports.close()
        life.process.close()
        for doing in life.pool.values():
            self._give_back(doing.claim)

    def _give_back(self, claim: Claim | None) -> None:
        """Let a unit fail that nobody can be doing; where its process did hand it back, nothing is written."""
        if claim is None:
            return
        try:
            self._queue.fail(claim, lost_worker("died"), _RETRY_S)
        except EvaltrailError as error:  # its lease runs out
            self._notice(str(error))

    def _end_all(self) -> None:
        """End Celery, upon which its pool hands back; wait for that, not for ever."""
        if self._life is not None:
            self._life.process.kill()
        ends = time.monotonic() + self._leave_s
        while self._life is not None or self._past:
            self._listen(_TURN_S)
            if time.monotonic() > ends:
                break
        for life in self._past:
            for pid in filter(_is_there, life.pool):
                self._notice(f"worker process {pid} does not leave: it is killed")
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):  # gone, or its number is another user's now
        return False
    return True

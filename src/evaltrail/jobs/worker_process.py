"""A worker process: claims units one after the other and does them, until it is told to leave or its parent is gone."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing.connection import Connection, wait
from types import FrameType
from typing import cast

from evaltrail.config.settings import Settings
from evaltrail.core.errors import EvaltrailError
from evaltrail.jobs import spawning
from evaltrail.jobs.carrying import carry_out
from evaltrail.jobs.claim import Claim
from evaltrail.jobs.hold import Handler, Hold
from evaltrail.jobs.lease import LeaseQueue
from evaltrail.jobs.opening import open_queue

_SHORTEST_PAUSE_S = 0.005
_LONGEST_PAUSE_S = 0.05
_PAUSE_WHEN_AWAY_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOrder:
    """What a worker process is started with."""

    settings: Settings
    handler: str
    """``module:name`` of what makes the handler of these settings."""
    queues: tuple[str, ...] = ()
    """Units of these are taken only; empty = of all."""
    first_pause_s: float = 5.0
    """Before a failed unit is begun again; it doubles from attempt to attempt."""


def work(order: WorkerOrder, reports: Connection) -> None:
    """Do units until we are told to leave: the whole life of a worker process.

    Args:
        order: what to do.
        reports: told each claim when it is taken, and None when it is out of our hands.
    """
    spawning.started()
    worker = Worker(order, tell=partial(report, reports))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, worker.leave_on_signal)
    threading.Thread(target=_leave_with_parent, args=(worker,), name="parent-watch", daemon=True).start()
    try:
        worker.run()
    except EvaltrailError as error:
        say(str(error))
        sys.exit(error.exit_code)


class Worker:
    """Claims units and does them.

    Args:
        order: what to do.
        tell: told each claim when it is taken, without what takes many bytes, and None when it is out of our hands.
    """

    def __init__(self, order: WorkerOrder, *, tell: Callable[[Claim | None], None] = lambda _: None) -> None:
        self._order = order
        self._tell = tell
        self._is_leaving = False
        self._hold: Hold | None = None
        self._owner = f"{socket.gethostname()}:{os.getpid()}"

    @property
    def is_leaving(self) -> bool:
        """Whether we were told to leave."""
        return self._is_leaving

    def leave(self) -> None:
        """Take no further unit, and hand back the one at hand; from any thread, or a signal's handler."""
        if self._is_leaving:  # a second interrupt would meet us while we hand back
            return
        self._is_leaving = True
        if self._hold is not None:
            self._hold.let_go("leaving")

    def leave_on_signal(self, _number: int, _frame: FrameType | None) -> None:
        """Leave because a signal says so."""
        self.leave()

    def run(self) -> None:
        """Do units until we are to leave.

        Raises:
            InputError: the database refuses us, or its tables are newer than this version.
            StorageError: the database is away at the start for longer than it is waited for.
        """
        settings = self._order.settings
        handler = load_handler(self._order.handler, settings)
        with open_queue(settings, notice=say) as queue:
            pause_s = _SHORTEST_PAUSE_S
            while not self._is_leaving:
                try:
                    is_busy = self._take_one(queue, handler)
                except EvaltrailError as error:
                    say(str(error))
                    is_busy, pause_s = False, _PAUSE_WHEN_AWAY_S
                if is_busy:
                    pause_s = _SHORTEST_PAUSE_S
                else:
                    time.sleep(pause_s)
                    pause_s = min(1.5 * pause_s, _LONGEST_PAUSE_S)

    def drain(self, queue: LeaseQueue, handler: Handler) -> None:
        """Do units until none is due, or we are to leave.

        Args:
            queue: that lends them.
            handler: does them.

        Raises:
            StorageError: the database is away for longer than it is waited for.
        """
        while not self._is_leaving and self._take_one(queue, handler):
            pass

    def _take_one(self, queue: LeaseQueue, handler: Handler) -> bool:
        """Whether there was a unit to be done."""
        claim = queue.claim(self._owner, queues=self._order.queues, is_wanted=lambda: not self._is_leaving)
        if claim is None:
            return False
        self._hold = Hold(queue, claim)
        self._tell(replace(claim, spec={}, place=None, run_ids={}, name="", endpoint=""))
        try:
            if self._is_leaving:
                self._hold.let_go("leaving")
            carry_out(self._hold, queue, handler, first_pause_s=self._order.first_pause_s, notice=say)
        finally:
            self._hold = None
            self._tell(None)
        return True


def load_handler(name: str, settings: Settings) -> Handler:
    """What does units, made for these settings.

    Args:
        name: ``module:name`` of what makes it.
        settings: of this process.
    """
    module, _, attribute = name.partition(":")
    make = cast("Callable[[Settings], Handler]", getattr(importlib.import_module(module), attribute))
    return make(settings)


def _leave_with_parent(worker: Worker) -> None:
    """Leave when the process that started us has ended: nobody would start us again, or end us."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        worker.leave()


def report(reports: Connection, told: object) -> None:
    """Tell the process that started us; where it is gone, what is at hand must be handed back all the same."""
    with suppress(OSError):
        reports.send(told)


def say(line: str) -> None:
    """Tell who reads the worker's stderr, with the number of this process."""
    with suppress(OSError):  # nobody reads it any more, which is no reason to stop
        sys.stderr.write(f"worker {os.getpid()}: {line}\n")
        sys.stderr.flush()

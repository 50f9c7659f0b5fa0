"""The process that Celery runs in, and what its pool does with a hint. One of two doors to Celery.

It is a process of its own, so that Celery forks one without threads and without a database; nothing but its death ends
it, for its pool hands back by itself.
"""

from __future__ import annotations

import importlib
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial
from multiprocessing.connection import Connection as Pipe
from multiprocessing.connection import wait
from types import FrameType
from typing import TYPE_CHECKING

from billiard.util import set_pdeathsig
from celery import signals
from celery.worker.consumer import Consumer
from celery.worker.state import maybe_shutdown

from evaltrail.config.redaction import redact_text
from evaltrail.core.errors import EvaltrailError
from evaltrail.jobs import spawning
from evaltrail.jobs.broker import TASK, broker_error, make_app
from evaltrail.jobs.celery_reports import Doing, Listening
from evaltrail.jobs.claim import Claim
from evaltrail.jobs.hold import Handler
from evaltrail.jobs.lease import LeaseQueue
from evaltrail.jobs.opening import open_queue
from evaltrail.jobs.worker_process import Worker, WorkerOrder, load_handler, report, say

if TYPE_CHECKING:
    from kombu import Connection

_WATCH_S = 0.5
_REAP_S = 0.5
_LONGEST_PAUSE_S = 2.0
_TOO_LATE = "delivery acknowledgement on channel"
"""RabbitMQ closes a channel with these words when a message is kept for 30 minutes."""
_LOGGERS = ("celery", "kombu", "amqp", "multiprocessing")
_TOLD_BY_US = ("celery.worker.consumer", "celery.worker.request", "celery.concurrency.asynpool", "multiprocessing")
"""They report lost brokers and dead processes, with tracebacks."""


def live(order: WorkerOrder, hint_queues: tuple[str, ...], concurrency: int, reports: Pipe) -> None:
    """Run Celery until we are killed.

    Args:
        order: what the processes of its pool do.
        hint_queues: of the broker.
        concurrency: processes of its pool.
        reports: told what each process does, and whether hints can be heard; all at the other end is over when it ends.
    """
    spawning.started()
    for name in [name for name in os.environ if name.startswith("CELERY_")]:
        del os.environ[name]  # they would win over our settings
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started us hears it too, and ends us
    threading.Thread(target=_end_with_parent, name="parent-watch", daemon=True).start()
    _quieten()
    app = make_app(order.settings.queue_url, hint_queues)
    process = PoolProcess(order, reports)
    app.task(process.drain, name=TASK)
    # Celery keeps receivers weakly, and these live nowhere else
    signals.worker_process_init.connect(process.begin, weak=False)
    signals.setup_logging.connect(_leave_logs_alone, weak=False)
    consumer = partial(_Listener, tell=partial(report, reports), url=order.settings.queue_url)
    worker = app.WorkController(
        app=app,
        concurrency=concurrency,
        consumer_cls=consumer,
        pool="prefork",
        without_gossip=True,
        without_heartbeat=True,
        without_mingle=True,
    )
    worker.start()
    sys.exit(worker.exitcode or 0)


class PoolProcess:
    """One process of the pool; made before the fork, begun after it.

    Args:
        order: what it does.
        reports: told what it does.
    """

    def __init__(self, order: WorkerOrder, reports: Pipe) -> None:
        self._order = order
        self._reports = reports
        self._parent = os.getpid()
        self._worker = Worker(order)
        self._opened = ExitStack()
        self._tools: tuple[LeaseQueue, Handler] | None = None
        self._is_draining = False

    def begin(self, **_: object) -> None:
        """Take note of what is ours alone: called in the new process."""
        with suppress(OSError):  # where the system cannot, `_watch` does it
            set_pdeathsig(signal.SIGTERM)  # Celery asked for SIGKILL, after which nothing is handed back
        self._worker = Worker(self._order, tell=self._tell)
        self._tell(None)
        threading.Thread(target=self._watch, name="parent-watch", daemon=True).start()

    def drain(self) -> None:
        """Do what is due until nothing is: what a hint asks for."""
        signal.signal(signal.SIGTERM, self._leave_on_signal)  # now, for the pool sets its own after `begin`
        self._is_draining = True
        self._tell(None)
        try:
            self._worker.drain(*self._open())
        except EvaltrailError as error:
            say(str(error))
        finally:
            self._is_draining = False
            self._tell(None)
            if self._worker.is_leaving:
                os._exit(0)

    def _open(self) -> tuple[LeaseQueue, Handler]:
        if self._tools is None:
            handler = load_handler(self._order.handler, self._order.settings)
            queue = self._opened.enter_context(open_queue(self._order.settings, notice=say))
            self._tools = (queue, handler)
        return self._tools

    def _leave_on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._leave()

    def _leave(self) -> None:
        self._worker.leave()
        if not self._is_draining:
            os._exit(0)

    def _watch(self) -> None:
        """Have the work's libraries ready before the first hint comes, then leave with who forked us."""
        with suppress(Exception):  # `drain` meets it again, and tells
            importlib.import_module(self._order.handler.partition(":")[0])
        while os.getppid() == self._parent:
            time.sleep(_WATCH_S)
        self._leave()

    def _tell(self, claim: Claim | None) -> None:
        """Report in few bytes: pieces of several processes must not mix, which pipes promise for small ones alone."""
        report(self._reports, Doing(pid=os.getpid(), is_awake=self._is_draining, claim=claim))


class _Listener(Consumer):  # type: ignore[misc]  # Celery has no types
    """Celery's consumer with what we need of it: no gossip, no remote control, no delayed messages.

    Args:
        tell: told whether hints can be heard.
        url: EVALTRAIL_QUEUE_URL.
    """

    class Blueprint(Consumer.Blueprint):  # type: ignore[misc]
        """The steps of its start."""

        default_steps = (
            "celery.worker.consumer.connection:Connection",
            "celery.worker.consumer.tasks:Tasks",
            "celery.worker.consumer.consumer:Evloop",
        )

    def __init__(self, *arguments: object, tell: Callable[[Listening], None], url: str, **options: object) -> None:
        self._tell = tell
        self._url = url
        super().__init__(*arguments, **options)

    def on_ready(self) -> None:
        """Tell that hints are heard."""
        if not self.restart_count:
            # Celery looks at once when a process ends, as a rule before it can be reaped, and then after 5 s
            self.timer.call_repeatedly(_REAP_S, self.pool.maintain_pool)
        super().on_ready()
        self._tell(Listening(error=None))

    def ensure_connected(self, conn: Connection) -> Connection:
        """The connection, once the broker is there: looked for more often than Celery does by itself."""
        return conn.ensure_connection(
            self._on_away, None, interval_start=0.2, interval_step=0.3, interval_max=_LONGEST_PAUSE_S,
            callback=maybe_shutdown,
        )  # fmt: skip

    def on_connection_error_before_connected(self, exc: Exception) -> None:
        """Tell why hints are not heard."""
        self._on_away(exc, 0.0)

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Tell why hints are heard no more; that RabbitMQ takes back those behind a long unit is nobody's trouble."""
        if _TOO_LATE not in str(exc):
            self._on_away(exc, 0.0)
        super().on_connection_error_after_connected(exc)

    def _on_away(self, error: Exception, _pause_s: float) -> None:
        self._tell(Listening(error=broker_error(error, self._url)))


class _Lines(logging.Handler):
    """Celery's own complaints, one line each, without secrets."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one."""
        say(redact_text(f"{record.name}: {record.getMessage()}"))


def _quieten() -> None:
    lines = _Lines(logging.WARNING)
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        logger.addHandler(lines)
        logger.setLevel(logging.WARNING)
        logger.propagate = False
    for name in _TOLD_BY_US:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def _leave_logs_alone(**_: object) -> None:
    """Keep Celery from setting up logs: it does where nobody else listens to this signal."""


def _end_with_parent() -> None:
    """End when the process that started us has ended: the pool then hands back and ends by itself."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)

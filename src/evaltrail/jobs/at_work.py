"""A worker at work: the engine that its settings name, with a sign of life beside it."""

from __future__ import annotations

from collections.abc import Callable

from evaltrail.jobs.celery_worker import CeleryWorker
from evaltrail.jobs.dispatcher import Dispatcher
from evaltrail.jobs.lease import LeaseQueue
from evaltrail.jobs.presence import Engine, Presence
from evaltrail.jobs.worker_process import WorkerOrder


def work_on(queue: LeaseQueue, order: WorkerOrder, *, concurrency: int, notice: Callable[[str], None]) -> None:
    """Do what is queued until SIGTERM or SIGINT comes; then units are handed back, and all processes end.

    Args:
        queue: in the database that the order's settings name.
        order: what each worker process is started with; where its settings name a broker, hints wake them.
        concurrency: worker processes, each of which does one unit at a time.
        notice: told, in one sentence, what a person watching wants to know.

    Raises:
        InputError: the broker refuses us, or Celery is not installed.
    """
    engine: Engine = "celery" if order.settings.queue_url else "embedded"
    kind = CeleryWorker if order.settings.queue_url else Dispatcher
    worker = kind(order, queue, concurrency=concurrency, notice=notice)
    with Presence(queue, engine=engine, queues=order.queues, concurrency=concurrency):
        worker.run()

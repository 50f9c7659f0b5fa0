"""``celery -A evaltrail.jobs.celery worker``: a full worker, started as seed 003's users start theirs.

Celery's own command reads its flags and then runs what is here: the same processes, leases and signs of life as
``evaltrail worker``, with the settings of the environment.
"""

from __future__ import annotations

from contextlib import suppress

from evaltrail.config.service_settings import with_usual_store
from evaltrail.config.settings import load_settings
from evaltrail.jobs.at_work import work_on
from evaltrail.jobs.broker import make_app
from evaltrail.jobs.opening import open_queue
from evaltrail.jobs.worker_process import WorkerOrder, say

_HANDLER = "evaltrail.service.handling.unit_handler:UnitHandler"
_ALL = "evaltrail"
"""The broker's queue of all hints."""
_PREFIX = f"{_ALL}."
_NOWHERE = "memory://"
"""Of an app that no broker wakes: its workers look into the table by themselves."""


class FullWorker:
    """What Celery's command `worker` starts.

    Args:
        concurrency: worker processes, ``-c``.
        queues: of the broker, ``-Q``; the queues of evaltrail with ``evaltrail.`` before their names. None = all.
        options: of Celery's, which mean nothing here.
    """

    exitcode = 0

    def __init__(self, *, concurrency: int | None = None, queues: object = None, **_options: object) -> None:
        self._concurrency = int(concurrency or 1)
        named = queues.split(",") if isinstance(queues, str) else queues
        words = [str(name).strip() for name in named] if isinstance(named, list | tuple) else []
        self._queues = tuple(word.removeprefix(_PREFIX) for word in words if word and word != _ALL)

    def start(self) -> None:
        """Work until SIGTERM or Ctrl-C; what is in hand is handed back then.

        Raises:
            InputError: the broker or the database refuses us.
        """
        settings = with_usual_store(load_settings())
        order = WorkerOrder(settings=settings, handler=_HANDLER, queues=self._queues)

        def tell(line: str) -> None:
            with suppress(OSError):
                say(line)

        with open_queue(settings, notice=tell) as queue:
            tell(f"working at {queue.place}, {self._concurrency} at a time; Ctrl-C or SIGTERM ends it")
            work_on(queue, order, concurrency=self._concurrency, notice=tell)


app = make_app(load_settings().queue_url or _NOWHERE)
"""Celery's application, whose worker is ours."""
app.Worker = FullWorker

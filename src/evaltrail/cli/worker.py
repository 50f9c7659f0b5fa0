"""`evaltrail worker`: does what is queued, until it is told to end."""

from __future__ import annotations

import argparse
import os
import socket
import sys
from contextlib import suppress

from evaltrail.cli import values
from evaltrail.cli.show import print_json, print_notice, print_text
from evaltrail.config.secrets import public_url
from evaltrail.config.service_settings import with_usual_store
from evaltrail.config.settings import Settings, load_settings

EXAMPLE = "evaltrail worker --concurrency 2"
_CHECK_PATIENCE_S = 3.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument(
        "--concurrency", type=values.positive, default=1, metavar="N", help="units at a time, each in its own process"
    )
    parser.add_argument("--queues", default="", metavar="NAMES", help="only of these queues, with commas; default all")
    parser.add_argument(
        "--check", action="store_true", help="work at nothing: 0 if a worker of this host gives signs of life, else 1"
    )


def execute(arguments: argparse.Namespace) -> int:
    """Work until SIGTERM or Ctrl-C; what is in hand is handed back then."""
    settings = with_usual_store(load_settings())
    return _check(settings, as_json=arguments.json) if arguments.check else _work(settings, arguments)


def _work(settings: Settings, arguments: argparse.Namespace) -> int:
    from evaltrail.jobs.at_work import work_on  # noqa: PLC0415  SQLAlchemy, which few commands need
    from evaltrail.jobs.opening import open_queue  # noqa: PLC0415  the same
    from evaltrail.jobs.worker_process import WorkerOrder  # noqa: PLC0415  the same
    from evaltrail.service.handling.unit_handler import HANDLER  # noqa: PLC0415  all that units are made of

    queues = tuple(name.strip() for name in arguments.queues.split(",") if name.strip())
    order = WorkerOrder(settings=settings, handler=HANDLER, queues=queues)
    with open_queue(settings, notice=_tell) as queue:
        woken = f", hints by {public_url(settings.queue_url)}" if settings.queue_url else ""
        _tell(f"working at {queue.place}{woken}, {arguments.concurrency} at a time; Ctrl-C or SIGTERM ends it")
        work_on(queue, order, concurrency=arguments.concurrency, notice=_tell)
    if arguments.json:
        print_json({"ok": True, "exit_code": 0})
    return 0


def _tell(line: str) -> None:
    """Print a notice; that nobody reads them any more, or the disk is full, is no reason to stop working."""
    with suppress(OSError):
        try:
            print_notice(line)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def _check(settings: Settings, *, as_json: bool) -> int:
    """0 if the table knows a living worker of this host."""
    from evaltrail.jobs.opening import open_queue  # noqa: PLC0415  SQLAlchemy, which few commands need

    host = socket.gethostname()
    with open_queue(settings, patience_s=_CHECK_PATIENCE_S) as queue:
        found = [worker for worker in queue.workers() if worker.host == host]
    if as_json:
        workers = [{"pid": worker.pid, "engine": worker.engine, "queues": list(worker.queues)} for worker in found]
        print_json({"ok": bool(found), "exit_code": int(not found), "workers": workers})
    elif found:
        print_text(f"{len(found)} {'worker is' if len(found) == 1 else 'workers are'} alive on {host}")
    else:
        print_text(f"no worker is alive on {host}; `evaltrail worker` starts one")
    return int(not found)

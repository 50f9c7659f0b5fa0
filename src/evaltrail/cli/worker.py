"""`evaltrail worker`: does what is queued, until it is told to end."""

from __future__ import annotations

import argparse

from evaltrail.cli import values
from evaltrail.cli.show import print_json, print_notice
from evaltrail.config.settings import load_settings

EXAMPLE = "evaltrail worker --concurrency 2"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument(
        "--concurrency", type=values.positive, default=1, metavar="N", help="units at a time, each in its own process"
    )
    parser.add_argument("--queues", default="", metavar="NAMES", help="only of these queues, with commas; default all")


def execute(arguments: argparse.Namespace) -> int:
    """Work until SIGTERM or Ctrl-C; what is in hand is handed back then."""
    from evaltrail.jobs.dispatcher import Dispatcher  # noqa: PLC0415  SQLAlchemy, which few commands need
    from evaltrail.jobs.opening import open_queue  # noqa: PLC0415  the same
    from evaltrail.jobs.worker_process import WorkerOrder  # noqa: PLC0415  the same
    from evaltrail.service.working.execute import HANDLER  # noqa: PLC0415  the same

    settings = load_settings()
    queues = tuple(name.strip() for name in arguments.queues.split(",") if name.strip())
    order = WorkerOrder(settings=settings, handler=HANDLER, queues=queues)
    with open_queue(settings, notice=print_notice) as queue:
        print_notice(f"working at {queue.place}, {arguments.concurrency} at a time; Ctrl-C or SIGTERM ends it")
        Dispatcher(order, queue, concurrency=arguments.concurrency, notice=print_notice).run()
    if arguments.json:
        print_json({"ok": True, "exit_code": 0})
    return 0

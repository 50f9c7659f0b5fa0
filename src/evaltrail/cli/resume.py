"""`evaltrail resume`: go on with jobs, queued evaluations and generations that were cut short."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from evaltrail.cli import values
from evaltrail.cli.show import ProgressLine, print_notice
from evaltrail.config.settings import Settings
from evaltrail.core.errors import InputError
from evaltrail.service.history.queued import split_queued
from evaltrail.service.launching.ending_jobs import named_jobs
from evaltrail.service.launching.resuming import resume_jobs
from evaltrail.store.ledger import Entry

EXAMPLE = "evaltrail resume 3f9a"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("id", nargs="+", metavar="ID", help=values.JOB_ID)
    parser.add_argument("--env-file", type=Path, metavar="FILE", help="variables; default .env in this folder")


def execute(arguments: argparse.Namespace) -> int:
    """Start again what has not ended well, and follow it; what was queued is left to workers again."""
    settings = values.settings_with(arguments.env_file)
    queued, others = split_queued(arguments.id, settings)
    if queued and others:
        raise InputError(
            f"{queued[0].id} is queued for workers, {others[0]} is not",
            code="usage",
            hint="resume queued evaluations and generations by a command of their own",
        )
    if queued:
        return _retry(queued, settings, as_json=arguments.json)
    from evaltrail.cli.launched import tell_launched  # noqa: PLC0415  readers and tables, no need of it above

    jobs = named_jobs(arguments.id, settings)
    with ProgressLine() as progress:
        resumed = resume_jobs(jobs, settings, progress=progress, notice=print_notice)
    return tell_launched(resumed, settings, as_json=arguments.json)


def _retry(entries: Sequence[Entry], settings: Settings, *, as_json: bool) -> int:
    from evaltrail.cli.jobs import change_jobs  # noqa: PLC0415  only for what is queued
    from evaltrail.jobs.opening import open_queue  # noqa: PLC0415  SQLAlchemy, which other jobs have no need of

    with open_queue(settings, notice=print_notice) as queue:
        return change_jobs("retry", [entry.id for entry in entries], settings, queue, as_json=as_json)

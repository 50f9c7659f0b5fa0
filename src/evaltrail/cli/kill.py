"""`evaltrail kill`: end jobs that run or wait, and call off queued evaluations and generations."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

from evaltrail.cli import values
from evaltrail.cli.show import print_json, print_notice, print_text
from evaltrail.config.settings import Settings, load_settings
from evaltrail.service.history.queued import split_queued
from evaltrail.service.launching.ending_jobs import kill_jobs, named_jobs
from evaltrail.store.ledger import Entry

EXAMPLE = "evaltrail kill 3f9a.0"
_WORDS = {
    "running": "ended",
    "pending": "called off, it had not started",
    "delivering": "ended while it delivered its results",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ended:
    """What became of a job, or of what was queued."""

    job_id: str
    was: str
    """How far it was."""
    now: str = ""
    """Of what was queued, how far it is; empty = nothing says it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("id", nargs="+", metavar="ID", help=values.JOB_ID)


def execute(arguments: argparse.Namespace) -> int:
    """End the jobs; each is told to end first, so that what it has done is kept."""
    settings = load_settings()
    queued, others = split_queued(arguments.id, settings)
    jobs = named_jobs(others, settings) if others else ()
    ended = [*_called_off(queued, settings)] if queued else []
    ended += [_Ended(job_id=job.job_id, was=job.was) for job in (kill_jobs(jobs, settings) if jobs else ())]
    if arguments.json:
        told = [{"job_id": each.job_id, "was": each.was} | ({"state": each.now} if each.now else {}) for each in ended]
        print_json({"ok": True, "exit_code": 0, "jobs": told})
        return 0
    for each in ended:
        print_text(f"{each.job_id}: {_line(each)}")
    meant = [each for each in ended if each.was in _WORDS]
    if meant:
        print_text(f"`evaltrail resume {meant[0].job_id.partition('.')[0][:8]}` goes on where they were cut short")
    return 0


def _line(ended: _Ended) -> str:
    if ended.now == "cancelling":
        return "is being called off; it ends once its workers have let go"
    return _WORDS.get(ended.was, f"was over already: {ended.was}")


def _called_off(entries: Sequence[Entry], settings: Settings) -> list[_Ended]:
    """What became of evaluations and generations that workers do."""
    from evaltrail.jobs.opening import open_queue  # noqa: PLC0415  SQLAlchemy, which other jobs have no need of
    from evaltrail.service.working.calling_off import cancel_job  # noqa: PLC0415  the same

    ended = []
    with open_queue(settings, notice=print_notice) as queue:
        for entry in entries:
            was = queue.show(entry.id).job.state
            _, now = cancel_job(entry.id, settings, queue)
            ended.append(_Ended(job_id=entry.id, was=was, now=now))
    return ended

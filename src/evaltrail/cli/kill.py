"""`evaltrail kill`: end jobs that run or wait."""

from __future__ import annotations

import argparse

from evaltrail.cli.show import print_json, print_text
from evaltrail.config.settings import load_settings
from evaltrail.service.launching.ending_jobs import kill_jobs, named_jobs

EXAMPLE = "evaltrail kill 3f9a.0"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("id", nargs="+", metavar="ID", help="invocation or job (ID.N), or any unique beginning")


def execute(arguments: argparse.Namespace) -> int:
    """End the jobs; each is told to end first, so that what it has done is kept."""
    settings = load_settings()
    done = kill_jobs(named_jobs(arguments.id, settings), settings)
    if arguments.json:
        print_json({"ok": True, "exit_code": 0, "jobs": [{"job_id": job.job_id, "was": job.was} for job in done]})
        return 0
    words = {
        "running": "ended",
        "pending": "called off, it had not started",
        "delivering": "ended while it delivered its results",
    }
    for job in done:
        print_text(f"{job.job_id}: {words.get(job.was, f'was over already: {job.was}')}")
    if any(job.was in words for job in done):
        print_text(f"`evaltrail resume {done[0].job_id.partition('.')[0][:8]}` goes on where they were cut short")
    return 0

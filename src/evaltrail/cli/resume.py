"""`evaltrail resume`: go on with jobs that were cut short."""

from __future__ import annotations

import argparse
from pathlib import Path

from evaltrail.cli.launched import tell_launched
from evaltrail.cli.show import ProgressLine, print_notice
from evaltrail.cli.values import settings_with
from evaltrail.service.launching.ending_jobs import named_jobs
from evaltrail.service.launching.resuming import resume_jobs

EXAMPLE = "evaltrail resume 3f9a"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("id", nargs="+", metavar="ID", help="invocation or job (ID.N), or any unique beginning")
    parser.add_argument("--env-file", type=Path, metavar="FILE", help="variables; default .env in this folder")


def execute(arguments: argparse.Namespace) -> int:
    """Start again what has not ended well, and follow it."""
    settings = settings_with(arguments.env_file)
    jobs = named_jobs(arguments.id, settings)
    with ProgressLine() as progress:
        resumed = resume_jobs(jobs, settings, progress=progress, notice=print_notice)
    return tell_launched(resumed, settings, as_json=arguments.json)

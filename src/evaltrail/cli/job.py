"""`evaltrail job`: what the scripts of a job call; people use `run --config`, `resume` and `status`."""

from __future__ import annotations

import argparse
from pathlib import Path

from evaltrail.cli.show import ProgressLine, print_error, print_json
from evaltrail.config.settings import load_settings
from evaltrail.core.errors import EvaltrailError
from evaltrail.service.evaluation.watch import Watch
from evaltrail.service.launching.job_run import run_job

EXAMPLE = "evaltrail job results/20260101_120000-3f9a1c7e5b20d846/capitals.0"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="folder of a job, with its job.json")


def execute(arguments: argparse.Namespace) -> int:
    """Run the job; what it came to stands in its folder."""
    with ProgressLine() as progress:
        outcome = run_job(arguments.folder.absolute(), load_settings(dotenv=None), Watch(progress=progress))
    for told in outcome.errors:
        print_error(EvaltrailError(told["message"], code=told["code"], hint=told["hint"], where=told["where"]))
    if arguments.json:
        print_json({"ok": outcome.exit_code == 0, "exit_code": outcome.exit_code, "errors": outcome.errors})
    return outcome.exit_code

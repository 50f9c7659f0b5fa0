"""`evaltrail status`: how far an evaluation is."""

from __future__ import annotations

import argparse
from typing import Any

from evaltrail.cli.show import print_json, print_text
from evaltrail.config.settings import load_settings
from evaltrail.service.history import describe, find_known
from evaltrail.service.invocations import describe_invocation

EXAMPLE = "evaltrail status 3f9a --json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("id", metavar="ID", help="evaluation, invocation or job (ID.N), or any unique beginning")


def execute(arguments: argparse.Namespace) -> int:
    """Tell state and progress."""
    known = find_known(load_settings(), arguments.id)
    found = describe_invocation(known) if isinstance(known, tuple) else describe(known)
    if arguments.json:
        print_json(found)
        return 0
    print_text(headline(found))
    for line in job_lines(found):
        print_text(line)
    return 0


def headline(found: dict[str, Any]) -> str:
    """``8abcd123: running, 1 of 2 jobs, model m, started 2025-12-19 11:27:33``; of one job alone, its own id."""
    done, total = found["progress"]["done"], found["progress"]["total"]
    jobs = found.get("jobs", [])
    name = jobs[0]["job_id"] if len(jobs) == 1 else found["evaluation_id"]
    unit = ("job" if total == 1 else "jobs") if jobs else "samples"
    parts = [f"{name}: {found['state']}", f"{done:,} of {total:,} {unit}"]
    parts += [f"model {found['model']}"] if found["model"] else []
    parts += [f"started {found['started_at'][:19].replace('T', ' ')}"] if found["started_at"] else []
    return ", ".join(parts)


def job_lines(found: dict[str, Any]) -> list[str]:
    """One line a job, then one an error."""
    lines = [
        f"  {job['job_id']}: {job['state']}" + (f", {job['task']}" if job["task"] else "")
        for job in found.get("jobs", [])
    ]
    lines += [f"  {error['message']}" + (f" ({error['hint']})" if error["hint"] else "") for error in found["errors"]]
    return lines

"""`evaltrail logs`: the log of an evaluation or of a job."""

from __future__ import annotations

import argparse

from evaltrail.cli.show import print_json, print_text
from evaltrail.config.settings import load_settings
from evaltrail.service.history import find_known, log_of
from evaltrail.service.invocations import job_log

EXAMPLE = "evaltrail logs 3f9a"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("id", metavar="ID", help="evaluation or job (ID.N), or any unique beginning")


def execute(arguments: argparse.Namespace) -> int:
    """Print the log."""
    known = find_known(load_settings(), arguments.id)
    name, file = (known[0].id, job_log(known)) if isinstance(known, tuple) else (known.id, log_of(known))
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    if arguments.json:
        print_json({"ok": True, "exit_code": 0, "evaluation_id": name, "lines": lines})
    else:
        print_text("\n".join(lines))
    return 0

"""`evaltrail logs`: the log of an evaluation."""

from __future__ import annotations

import argparse

from evaltrail.cli.show import print_json, print_text
from evaltrail.config.settings import load_settings
from evaltrail.service.history import log_of
from evaltrail.store.ledger import Ledger

EXAMPLE = "evaltrail logs 3f9a"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("id", metavar="ID", help="evaluation id, or any unique beginning of it")


def execute(arguments: argparse.Namespace) -> int:
    """Print the log."""
    entry = Ledger(load_settings().home).find(arguments.id)
    lines = log_of(entry).read_text(encoding="utf-8").splitlines()
    if arguments.json:
        print_json({"ok": True, "exit_code": 0, "evaluation_id": entry.id, "lines": lines})
    else:
        print_text("\n".join(lines))
    return 0

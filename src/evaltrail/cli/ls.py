"""`evaltrail ls`: what ran and what runs."""

from __future__ import annotations

import argparse

from evaltrail.cli import values
from evaltrail.cli.show import print_json, print_text, table
from evaltrail.config.settings import load_settings
from evaltrail.service.history import describe
from evaltrail.store.ledger import Ledger

EXAMPLE = "evaltrail ls runs --limit 5"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("what", nargs="?", choices=("runs",), default="runs", help="what to list")
    parser.add_argument("--limit", type=values.positive, default=20, metavar="N", help="newest N (default 20)")


def execute(arguments: argparse.Namespace) -> int:
    """List the newest evaluations."""
    found = [describe(entry) for entry in Ledger(load_settings().home).latest(arguments.limit)]
    if arguments.json:
        print_json({"ok": True, "exit_code": 0, "runs": found})
    elif not found:
        print_text("nothing ran yet; `evaltrail demo` shows how it looks")
    else:
        rows = [
            [
                item["evaluation_id"],
                item["state"],
                f"{item['progress']['done']:,}/{item['progress']['total']:,}",
                item["model"],
                ", ".join(item["tasks"]),
                item["started_at"][:19].replace("T", " "),
            ]
            for item in found
        ]
        print_text(table(["id", "state", "samples", "model", "tasks", "started (UTC)"], rows, numbers=(2,)))
    return 0

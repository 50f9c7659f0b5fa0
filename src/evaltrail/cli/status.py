"""`evaltrail status`: how far an evaluation is."""

from __future__ import annotations

import argparse

from evaltrail.cli.show import print_json, print_text
from evaltrail.config.settings import load_settings
from evaltrail.service.history import describe
from evaltrail.store.ledger import Ledger

EXAMPLE = "evaltrail status 3f9a --json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("id", metavar="ID", help="evaluation id, or any unique beginning of it")


def execute(arguments: argparse.Namespace) -> int:
    """Tell state and progress."""
    found = describe(Ledger(load_settings().home).find(arguments.id))
    if arguments.json:
        print_json(found)
        return 0
    done, total = found["progress"]["done"], found["progress"]["total"]
    print_text(f"{found['evaluation_id']}: {found['state']}, {done:,} of {total:,} samples, {found['model']}")
    for error in found["errors"]:
        print_text(f"  {error['message']}" + (f" ({error['hint']})" if error["hint"] else ""))
    return 0

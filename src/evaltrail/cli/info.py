"""`evaltrail info`: what an evaluation came to."""

from __future__ import annotations

import argparse

import msgspec

from evaltrail.bundle.layout import REPORT
from evaltrail.cli.show import print_json, print_text
from evaltrail.config.settings import load_settings
from evaltrail.service.history import describe
from evaltrail.store.ledger import Ledger

EXAMPLE = "evaltrail info 3f9a"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("id", metavar="ID", help="evaluation id, or any unique beginning of it")


def execute(arguments: argparse.Namespace) -> int:
    """Print the report and the receipts."""
    entry = Ledger(load_settings().home).find(arguments.id)
    found = describe(entry)
    result = msgspec.json.decode(entry.result) if entry.result else {}
    if arguments.json:
        print_json({**result, **found})
        return 0
    report = entry.out / REPORT
    if report.is_file():
        print_text(report.read_text(encoding="utf-8"))
    else:
        print_text(f"{found['evaluation_id']}: {found['state']}, no report yet")
    for receipt in result.get("receipts", []):
        print_text(f"MLflow: {receipt['run_url'] or receipt['run_id']} in {receipt['experiment_name']}")
    for error in found["errors"]:
        print_text(f"{error['code']}: {error['message']}" + (f" ({error['hint']})" if error["hint"] else ""))
    print_text(f"folder: {found['out']}")
    return 0

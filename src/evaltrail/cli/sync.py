"""`evaltrail sync`: send what waits in the outbox."""

from __future__ import annotations

import argparse

import msgspec

from evaltrail.cli.show import print_error, print_json, print_notice, print_text
from evaltrail.config.settings import load_settings
from evaltrail.core.errors import EvaltrailError
from evaltrail.service.deliver import incomplete, open_destination
from evaltrail.service.record import error_object

EXAMPLE = "evaltrail sync"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""


def execute(arguments: argparse.Namespace) -> int:
    """Try every waiting delivery once."""
    sent = open_destination(load_settings()).sync()
    receipts = [item.receipt for item in sent if item.receipt is not None]
    errors: list[EvaltrailError] = [item.error for item in sent if item.error is not None]
    errors += incomplete(receipts)
    code = max((error.exit_code for error in errors), default=0)
    if arguments.json:
        print_json(
            {
                "ok": code == 0,
                "exit_code": code,
                "receipts": msgspec.to_builtins(receipts),
                "errors": [error_object(error) for error in errors],
            }
        )
    elif not sent:
        print_text("nothing waits")
    for item in sent:
        if item.note:
            print_notice(f"{item.run_name}: {item.note}")
        if item.receipt is not None and not arguments.json:
            print_text(f"sent {item.run_name}: {item.receipt.run_url or item.receipt.run_id}")
            for skipped in item.receipt.skipped:
                print_text(f"  not landed: {skipped.what}: {skipped.why}")
    for error in errors:
        print_error(error)
    return code

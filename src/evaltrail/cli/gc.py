"""`evaltrail gc`: removes what nothing refers to."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from evaltrail.cli import values
from evaltrail.cli.show import print_error, print_json, print_notice, print_text, table
from evaltrail.config.settings import load_settings
from evaltrail.service.record import error_object

if TYPE_CHECKING:
    from evaltrail.service.clearing.clear import Cleared

EXAMPLE = "evaltrail gc --dry-run; evaltrail gc --older-than 90"
_MOST_LISTED = 50


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("--dry-run", action="store_true", help="tell what would be removed; remove nothing")
    parser.add_argument(
        "--older-than",
        type=values.count,
        metavar="DAYS",
        help="also forget jobs that ended so many days ago, with the work from which they could be tried again, "
        "work of that age that no evaluation owns, and records of deliveries that landed; default: keep them",
    )


def execute(arguments: argparse.Namespace) -> int:
    """Remove leftovers of EVALTRAIL_HOME and the queue; bundles and what waits are never touched."""
    from evaltrail.service.clearing.clear import clear  # noqa: PLC0415  SQLAlchemy, which few commands need

    cleared = clear(load_settings(), older_than_days=arguments.older_than, dry_run=arguments.dry_run)
    code = max((error.exit_code for error in cleared.errors), default=0)
    for note in cleared.notes:
        print_notice(note)
    for error in cleared.errors:
        print_error(error)
    if arguments.json:
        print_json(_object(cleared, code, dry_run=arguments.dry_run))
    else:
        _show(cleared, dry_run=arguments.dry_run)
    return code


def _show(cleared: Cleared, *, dry_run: bool) -> None:
    verb = "would remove" if dry_run else "removed"
    if not cleared.leftovers:
        print_text(f"{verb} nothing: everything here is in use" if dry_run else f"{verb} nothing")
        return
    rows = [[each.what, each.name, f"{each.size_bytes:,}"] for each in cleared.leftovers[:_MOST_LISTED]]
    print_text(table(["what", "name", "bytes"], rows, numbers=(2,)))
    if len(cleared.leftovers) > _MOST_LISTED:
        print_text(f"and {len(cleared.leftovers) - _MOST_LISTED:,} more (--json lists all)")
    print_text(f"{verb} {len(cleared.leftovers):,}, {cleared.size_bytes:,} bytes")


def _object(cleared: Cleared, code: int, *, dry_run: bool) -> dict[str, object]:
    return {
        "ok": code == 0,
        "exit_code": code,
        "dry_run": dry_run,
        "removed": [{"what": each.what, "name": each.name, "bytes": each.size_bytes} for each in cleared.leftovers],
        "bytes": cleared.size_bytes,
        "notes": list(cleared.notes),
        "errors": [error_object(error) for error in cleared.errors],
    }

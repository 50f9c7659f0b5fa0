"""`evaltrail sync`: send what waits in the outbox, list it, or give a delivery up."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import msgspec

from evaltrail.cli import values
from evaltrail.cli.show import print_error, print_json, print_notice, print_text, skipped_lines
from evaltrail.config.settings import load_settings
from evaltrail.core.errors import EvaltrailError, InputError
from evaltrail.destinations.mlflow.destination import Sent
from evaltrail.service.deliver import incomplete
from evaltrail.service.record import error_object
from evaltrail.service.sending import send_waiting
from evaltrail.service.waiting import Waiting, forget, list_waiting

EXAMPLE = "evaltrail sync; evaltrail sync --dry-run; evaltrail sync --forget 3f9a81c2"
_MOST_TOLD = 300
_KEY_CHARACTERS = 12
"""Of a key that people are shown; any unique beginning names it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("--dry-run", action="store_true", help="list what waits, each with its key; send nothing")
    parser.add_argument(
        "--forget",
        type=values.text,
        metavar="KEY",
        help="give one up (the beginning of its key, or an evaluation's id); its results stay on disk",
    )
    parser.add_argument("--tracking-uri", default="", metavar="URI", help="with --forget: where it was to land")


def execute(arguments: argparse.Namespace) -> int:
    """Try every waiting delivery once, or list them, or give one up."""
    if arguments.tracking_uri and not arguments.forget:
        hint = "write `evaltrail sync --forget KEY --tracking-uri URI`"
        raise InputError("--tracking-uri goes with --forget", code="usage", hint=hint)
    if arguments.forget:
        return _forget(arguments)
    if arguments.dry_run:
        return _list(as_json=arguments.json)
    return _send(as_json=arguments.json)


def _send(*, as_json: bool) -> int:
    settings = load_settings()
    sent = send_waiting(settings)
    receipts = [item.receipt for item in sent if item.receipt is not None]
    errors: list[EvaltrailError] = [item.error for item in sent if item.error is not None]
    errors += incomplete(receipts)
    code = max((error.exit_code for error in errors), default=0)
    if as_json:
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
    _show_sent(sent, as_json=as_json)
    if any(item.error is not None for item in sent) and not as_json:
        print_text("`evaltrail sync --dry-run` lists what still waits, `--forget KEY` gives one up")
    for error in errors:
        print_error(error)
    return code


def _show_sent(sent: Sequence[Sent], *, as_json: bool) -> None:
    for item in sent:
        if item.note:
            print_notice(f"{item.run_name}: {item.note}")
        if item.receipt is not None and not as_json:
            print_text(f"sent {item.run_name}: {item.receipt.run_url or item.receipt.run_id}")
            for line in skipped_lines(item.receipt.skipped):
                print_text(f"  {line}")


def _list(*, as_json: bool) -> int:
    waiting = list_waiting(load_settings())
    if as_json:
        print_json({"ok": True, "exit_code": 0, "waiting": msgspec.to_builtins(waiting), "errors": []})
        return 0
    for each in waiting:
        why = f"tried {each.attempts:,}x: {each.last_error:.{_MOST_TOLD}}" if each.attempts else "not tried yet"
        print_text(f"{each.key[:_KEY_CHARACTERS]}: {each.run_name}, for {each.tracking_uri}, {why}")
    if not waiting:
        print_text("nothing waits")
    return 0


def _forget(arguments: argparse.Namespace) -> int:
    settings = load_settings()
    if arguments.dry_run:
        raise InputError("--forget and --dry-run", code="usage", hint="keep one of them")
    forgotten = forget(arguments.forget, settings, tracking_uri=arguments.tracking_uri)
    if arguments.json:
        print_json({"ok": True, "exit_code": 0, "forgotten": msgspec.to_builtins(forgotten), "errors": []})
        return 0
    for each in forgotten:
        _show_forgotten(each)
    return 0


def _show_forgotten(one: Waiting) -> None:
    print_text(f"forgotten: {one.run_name}, for {one.tracking_uri}")
    if one.run_id:
        print_text(f"  the run {one.run_id} was begun there, and stays as it is")
    print_text(f"  its results lie {f'in {one.folder}' if one.folder else 'where they were ingested from'}")

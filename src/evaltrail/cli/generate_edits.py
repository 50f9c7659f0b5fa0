"""`evaltrail generate --edits FILE`: edited questions become the next version of their data set."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from evaltrail.cli.generate_shown import landed_lines
from evaltrail.cli.parser import Parser
from evaltrail.cli.show import print_error, print_json, print_notice, print_text, table
from evaltrail.config.settings import load_settings
from evaltrail.core.delivery import DeliveryOptions
from evaltrail.core.errors import InputError
from evaltrail.service.generating.edits import EditsOrder, EditsResult, upload_edits
from evaltrail.service.generating.report import next_words
from evaltrail.service.record import error_object

_BESIDE = {
    "edits",
    "dataset",
    "run_id",
    "experiment",
    "run_name",
    "tag",
    "tracking_uri",
    "no_deliver",
    "json",
    "command",
}
"""Flags that have a meaning for edits."""
_DATASET = re.compile(r"(?:dataset:)?(?P<id>[0-9a-f]{1,16})(?P<version>@[1-9][0-9]{0,8})?")
_CHANGES = ("added", "removed", "changed")


def execute(arguments: argparse.Namespace, delivery: DeliveryOptions | None, declare: Callable[[Parser], None]) -> int:
    """Take the edits in, and show what they changed.

    Args:
        arguments: of the command line.
        delivery: how they land; None = they do not.
        declare: puts the command's flags into a parser, which tells their usual values.
    """
    _refuse_others(arguments, declare)
    if arguments.run_id and delivery is None:
        raise InputError("--run-id is given beside --no-deliver", code="usage", hint="leave out one of them")
    file = Path(arguments.edits)
    dataset_id = ""
    if arguments.dataset:
        match = _DATASET.fullmatch(arguments.dataset)
        if match is None:
            hint = "`evaltrail ls datasets` lists them: ID, or ID@VERSION"
            raise InputError(f"{arguments.dataset!r:.80} is no id of a data set", code="usage", hint=hint)
        dataset_id = match["id"] + (match["version"] or "")
    order = EditsOrder(file=file, name=file.name, run_id=arguments.run_id, dataset_id=dataset_id, delivery=delivery)
    result = upload_edits(order, load_settings())
    for item in result.skipped:
        print_notice(f"left out: {item.what}: {item.why}")
    if arguments.json:
        print_json(_edits_object(result))
    else:
        _show(result)
    for error in result.errors:
        print_error(error)
    return result.exit_code


def _refuse_others(arguments: argparse.Namespace, declare: Callable[[Parser], None]) -> None:
    """Make sure that nothing is asked for which edits have no use for."""
    parser = Parser(prog="evaltrail generate")
    declare(parser)
    usual = vars(parser.parse_args([]))
    for name, value in vars(arguments).items():
        if name not in _BESIDE and value != usual.get(name, value):
            flag = "DOC" if name == "document" else f"--{name.replace('_', '-')}"
            hint = "--edits takes a file of questions as it is: nothing is generated beside it"
            raise InputError(f"{flag} is given beside --edits", code="usage", hint=hint)


def _show(result: EditsResult) -> None:
    edits, dataset = result.edits, result.dataset
    rows = [[each, f"{len(getattr(edits, each)):,}"] for each in _CHANGES] + [["unchanged", f"{edits.unchanged:,}"]]
    print_text(table(["questions", "n"], rows, numbers=(1,)))
    print_text("")
    for receipt in result.receipts:
        for line in landed_lines(receipt):
            print_text(f"  {line}")
    parent = result.parent
    if parent is None:
        origin = "new: no data set here holds these questions"
    elif edits.is_nothing:
        origin = "nothing was changed, so it stays"
    else:
        origin = f"edited from version {parent.version}"
    print_text(f"data set {dataset.dataset_id}, version {dataset.version} ({origin})")
    print_text(f"\nNext:\n  {next_words(dataset.dataset_id)}")


def _edits_object(result: EditsResult) -> dict[str, Any]:
    edits, dataset, parent = result.edits, result.dataset, result.parent
    return {
        "ok": result.exit_code == 0,
        "exit_code": result.exit_code,
        "dataset_id": dataset.dataset_id,
        "dataset_version": dataset.version,
        "parent_version": None if parent is None else parent.version,
        **{each: len(getattr(edits, each)) for each in _CHANGES},
        "unchanged": edits.unchanged,
        "skipped": msgspec.to_builtins(result.skipped),
        "receipts": msgspec.to_builtins(result.receipts),
        "errors": [error_object(error) for error in result.errors],
    }

"""`evaltrail ls`: what ran and what runs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from evaltrail.cli import values
from evaltrail.cli.show import print_json, print_notice, print_text, table
from evaltrail.config.settings import load_settings
from evaltrail.core.delivery import Skipped
from evaltrail.service.history import describe_latest

EXAMPLE = "evaltrail ls runs --limit 5"
_MOST_TASKS = 4
_MOST_NOTES = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("what", nargs="?", choices=("runs",), default="runs", help="what to list")
    parser.add_argument("--limit", type=values.positive, default=20, metavar="N", help="newest N (default 20)")


def execute(arguments: argparse.Namespace) -> int:
    """List the newest evaluations and invocations."""
    found = describe_latest(load_settings(), limit=arguments.limit)
    show_notes(found.notes)
    if arguments.json:
        print_json({"ok": True, "exit_code": 0, "runs": found.items})
    elif not found.items:
        print_text("nothing ran yet; `evaltrail demo` shows how it looks")
    else:
        rows = [
            [
                item["evaluation_id"],
                item["state"],
                _progress(item),
                item["model"],
                _tasks(item["tasks"]),
                item["started_at"][:19].replace("T", " "),
            ]
            for item in found.items
        ]
        print_text(table(["id", "state", "done", "model", "tasks", "started (UTC)"], rows, numbers=(2,)))
    return 0


def show_notes(notes: Sequence[Skipped]) -> None:
    """Tell which lines of the execution database hold no job."""
    for note in notes[:_MOST_NOTES]:
        print_notice(f"execution database, {note.what}: {note.why}")
    if len(notes) > _MOST_NOTES:
        print_notice(f"execution database: {len(notes) - _MOST_NOTES:,} more such lines")


def _progress(item: dict[str, Any]) -> str:
    unit = "jobs" if "jobs" in item else "samples"
    return f"{item['progress']['done']:,}/{item['progress']['total']:,} {unit}"


def _tasks(names: list[str]) -> str:
    """``mmlu x20, gpqa``: each once, and not more than a line holds."""
    counted = {name: names.count(name) for name in names}
    shown = [name if count == 1 else f"{name} x{count}" for name, count in counted.items()]
    more = [f"{len(shown) - _MOST_TASKS} more"] if len(shown) > _MOST_TASKS else []
    return ", ".join([*shown[:_MOST_TASKS], *more])

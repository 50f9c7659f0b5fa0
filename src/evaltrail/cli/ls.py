"""`evaltrail ls`: what ran and what runs, and the tasks that can be named."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evaltrail.cli import values
from evaltrail.cli.show import print_json, print_notice, print_text, table
from evaltrail.config.settings import load_settings
from evaltrail.core.delivery import Skipped
from evaltrail.service.history.known_runs import latest_runs

EXAMPLE = "evaltrail ls runs --limit 5; evaltrail ls tasks"
_MOST_TASKS = 4
_MOST_NOTES = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument(
        "what",
        nargs="?",
        choices=("runs", "tasks"),
        default="runs",
        help="runs: what ran and runs (the default); tasks: what a run configuration can name",
    )
    parser.add_argument("--limit", type=values.positive, metavar="N", help="not more than N (runs: the newest 20)")


def execute(arguments: argparse.Namespace) -> int:
    """List the newest evaluations and invocations, or the tasks."""
    if arguments.what == "tasks":
        return _list_tasks(arguments.limit, as_json=arguments.json)
    found = latest_runs(load_settings(), limit=arguments.limit or 20)
    show_notes(found.notes)
    if arguments.json:
        print_json({"ok": True, "exit_code": 0, "runs": found.items})
    else:
        print_text(runs_table(found.items))
    return 0


def runs_table(items: Sequence[dict[str, Any]], *, names_jobs: bool = False) -> str:
    """Runs, one a line; where there are none, how to begin.

    Args:
        items: as they are known.
        names_jobs: whether what has one job is called after it.
    """
    if not items:
        return "nothing ran yet; `evaltrail demo` shows how it looks"
    rows = [
        [
            item["jobs"][0]["job_id"] if names_jobs and len(item.get("jobs", ())) == 1 else item["evaluation_id"],
            item["state"],
            _progress(item),
            item["model"],
            _tasks(item["tasks"]),
            item["started_at"][:19].replace("T", " "),
        ]
        for item in items
    ]
    return table(["id", "state", "done", "model", "tasks", "started (UTC)"], rows, numbers=(2,))


def show_notes(notes: Sequence[Skipped]) -> None:
    """Tell which lines of the execution database hold no job."""
    for note in notes[:_MOST_NOTES]:
        print_notice(f"execution database, {note.what}: {note.why}")
    if len(notes) > _MOST_NOTES:
        print_notice(f"execution database: {len(notes) - _MOST_NOTES:,} more such lines")


def _list_tasks(limit: int | None, *, as_json: bool) -> int:
    from evaltrail.service.launching.task_places import TaskFinder  # noqa: PLC0415  it reads YAML, which runs need nothing of

    finder = TaskFinder([Path.cwd()], load_settings().environ)
    names = finder.names()[:limit]
    for harness in finder.harnesses:
        if harness.problem:
            print_notice(f"the harness {harness.name} cannot be used: {harness.problem} ({harness.file})")
    if as_json:
        print_json({"ok": True, "exit_code": 0, "tasks": names})
    for name in () if as_json else names:
        print_text(name)
    return 0


def _progress(item: dict[str, Any]) -> str:
    unit = "jobs" if "jobs" in item else "samples"
    return f"{item['progress']['done']:,}/{item['progress']['total']:,} {unit}"


def _tasks(names: list[str]) -> str:
    """``mmlu x20, gpqa``: each once, and not more than a line holds."""
    counted = {name: names.count(name) for name in names}
    shown = [name if count == 1 else f"{name} x{count}" for name, count in counted.items()]
    more = [f"{len(shown) - _MOST_TASKS} more"] if len(shown) > _MOST_TASKS else []
    return ", ".join([*shown[:_MOST_TASKS], *more])

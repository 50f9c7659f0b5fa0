"""`evaltrail ls`: what ran and what runs, the tasks and metrics that can be named, and who runs tasks."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from evaltrail.cli import values
from evaltrail.cli.show import print_json, print_notice, print_text, table
from evaltrail.config.settings import load_settings
from evaltrail.core.delivery import Skipped
from evaltrail.core.errors import InputError
from evaltrail.service.history.known_runs import latest_runs
from evaltrail.store.dataset_store import DatasetStore
from evaltrail.store.ledger import is_generation

EXAMPLE = "evaltrail ls runs --limit 5; evaltrail ls tasks arc; evaltrail ls metrics judge; evaltrail ls datasets"
_MOST_TASKS = 4
_MOST_NOTES = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument(
        "what",
        nargs="?",
        choices=("runs", "tasks", "metrics", "providers", "datasets"),
        default="runs",
        help="runs: what ran and runs (the default); tasks, metrics: what can be named; providers: who runs tasks; "
        "datasets: generated questions",
    )
    parser.add_argument("word", nargs="?", default="", metavar="WORD", help="tasks, metrics: only names that hold this")
    parser.add_argument("--provider", default="", metavar="NAME", help="tasks: only this provider's")
    parser.add_argument("--limit", type=values.positive, metavar="N", help="not more than N (runs: the newest 20)")


def execute(arguments: argparse.Namespace) -> int:
    """List the newest evaluations, generations and invocations, the tasks, the metrics, or the providers."""
    if arguments.provider and arguments.what != "tasks":
        raise InputError("--provider chooses among tasks", code="usage", hint="write `evaltrail ls tasks ...`")
    if arguments.word and arguments.what not in {"tasks", "metrics"}:
        hint = "write `evaltrail ls tasks ...`, or `evaltrail ls metrics ...`"
        raise InputError("WORD chooses among tasks and metrics", code="usage", hint=hint)
    if arguments.what == "providers":
        return _list_providers(as_json=arguments.json)
    if arguments.what == "metrics":
        return _list_metrics(arguments)
    if arguments.what == "tasks":
        return _list_tasks(arguments)
    if arguments.what == "datasets":
        return _list_datasets(arguments)
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


def _list_tasks(arguments: argparse.Namespace) -> int:
    from evaltrail.service.launching.task_names import find_names  # noqa: PLC0415  it reads YAML, which runs need nothing of

    found = find_names(Path.cwd(), load_settings().environ, provider=arguments.provider, word=arguments.word)
    for notice in found.notices:
        print_notice(notice)
    names = found.names[: arguments.limit]
    if arguments.json:
        print_json({"ok": True, "exit_code": 0, "tasks": names})
    elif names:
        print_text("\n".join(names))
    elif arguments.word:
        print_notice(f"no task is like {arguments.word!r}")
    return 0


def _list_metrics(arguments: argparse.Namespace) -> int:
    from evaltrail.scoring.metric_notes import metric_notes  # noqa: PLC0415  as above

    notes = metric_notes(arguments.word)[: arguments.limit]
    if arguments.json:
        print_json({"ok": True, "exit_code": 0, "metrics": [asdict(note) for note in notes]})
    elif notes:
        rows = [[note.name, note.kind, note.values, note.better, note.needs] for note in notes]
        print_text(table(["metric", "kind", "values", "better", "needs"], rows))
    else:
        print_notice(f"no metric is like {arguments.word!r}")
    return 0


def _list_providers(*, as_json: bool) -> int:
    from evaltrail.providers.directory import provider_notes  # noqa: PLC0415  as above

    notes = provider_notes()
    if as_json:
        found = [
            {
                "name": note.name,
                "runs": note.line,
                "task": note.task,
                "needs": note.needs,
                "is_ready": note.is_ready,
                "install": note.install,
            }
            for note in notes
        ]
        print_json({"ok": True, "exit_code": 0, "providers": found})
        return 0
    rows = [[note.name, note.task, note.install or "ready", note.line, note.needs] for note in notes]
    print_text(table(["provider", "task", "here", "runs", "needs"], rows))
    return 0


def _list_datasets(arguments: argparse.Namespace) -> int:
    store = DatasetStore(load_settings().question_sets_folder)
    latest = [each.latest for each in store.list(limit=arguments.limit or 20)]
    if arguments.json:
        found = [
            {
                "dataset_id": each.dataset_id,
                "version": each.version,
                "name": each.name,
                "count": each.count,
                "created_at": each.created_at,
                "generation_id": each.generation_id or None,
                "run_id": each.run_id or None,
                "folder": str(store.folder_of(each)),
            }
            for each in latest
        ]
        print_json({"ok": True, "exit_code": 0, "datasets": found})
    elif latest:
        rows = [
            [each.dataset_id, f"{each.version}", f"{each.count:,}", each.name, f"{each.created_at:%Y-%m-%d %H:%M:%S}"]
            for each in latest
        ]
        print_text(table(["data set", "version", "questions", "name", "made (UTC)"], rows, numbers=(1, 2)))
    else:
        print_text("no questions were generated yet; `evaltrail generate` makes some")
    return 0


def counted(item: dict[str, Any]) -> str:
    """What the progress of a run counts: the jobs of an invocation, the questions of a generation, else samples."""
    if "jobs" in item:
        return "jobs"
    return "questions" if is_generation(item["tasks"]) else "samples"


def _progress(item: dict[str, Any]) -> str:
    return f"{item['progress']['done']:,}/{item['progress']['total']:,} {counted(item)}"


def _tasks(names: list[str]) -> str:
    """``mmlu x20, gpqa``: each once, and not more than a line holds."""
    counted = {name: names.count(name) for name in names}
    shown = [name if count == 1 else f"{name} x{count}" for name, count in counted.items()]
    more = [f"{len(shown) - _MOST_TASKS} more"] if len(shown) > _MOST_TASKS else []
    return ", ".join([*shown[:_MOST_TASKS], *more])

"""`evaltrail status`: how far evaluations and invocations are."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from typing import Any

from evaltrail.cli.ls import runs_table, show_notes
from evaltrail.cli.show import print_json, print_text, receipt_line
from evaltrail.config.settings import load_settings
from evaltrail.service.history.known_runs import latest_runs, named_runs

EXAMPLE = "evaltrail status 3f9a 8abc.1 --json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument(
        "id",
        nargs="*",
        metavar="ID",
        help="evaluation, invocation or job (ID.N), or any unique beginning; without one, all that are known",
    )


def execute(arguments: argparse.Namespace) -> int:
    """Tell state and progress: of one in full, of several in a table."""
    settings = load_settings()
    ids: list[str] = arguments.id
    found = named_runs(settings, ids) if ids else latest_runs(settings)
    show_notes(found.notes)
    if len(ids) == 1:
        (item,) = found.items
        _show(item, as_json=arguments.json)
    elif arguments.json:
        print_json({"ok": True, "exit_code": 0, "runs": found.items})
    else:
        print_text(runs_table(found.items, names_jobs=bool(ids)))
    return 0


def _show(item: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json({"ok": True, "exit_code": 0, **item})
        return
    print_text(headline(item))
    for line in job_lines(item):
        print_text(line)


def headline(found: dict[str, Any]) -> str:
    """``8abcd123: running, 1 of 2 jobs, model m, started 2025-12-19 11:27:33``; of one job alone, its own id."""
    done, total = found["progress"]["done"], found["progress"]["total"]
    jobs = found.get("jobs", [])
    name = jobs[0]["job_id"] if len(jobs) == 1 else found["evaluation_id"]
    unit = ("job" if total == 1 else "jobs") if jobs else "samples"
    parts = [f"{name}: {found['state']}", f"{done:,} of {total:,} {unit}"]
    parts += [f"model {found['model']}"] if found["model"] else []
    parts += [f"started {found['started_at'][:19].replace('T', ' ')}"] if found["started_at"] else []
    return ", ".join(parts)


_NOT_DELIVERED = {
    "waiting": "delivery waits in the outbox",
    "forgotten": "delivery given up",
    "refused": "delivery refused",
    "interrupted": "delivery interrupted",
    "missing": "not delivered",
}


def job_lines(found: dict[str, Any]) -> list[str]:
    """One line a job, below it where its results are and what went wrong; of an evaluation its errors alone."""
    if "jobs" not in found:
        return [_error_line(error, indent=2) for error in found["errors"]]
    return [line for job in found["jobs"] for line in (_job_line(job), *_below(job))]


def _job_line(job: dict[str, Any]) -> str:
    """``  8abcd123.0: running, simple_evals.mmlu, 120 of 200 samples``."""
    is_unbegun = any(error["code"] == "not_started" for error in job["errors"])
    parts = ["not started" if is_unbegun else job["state"]]
    parts += [job["task"]] if job["task"] else []
    if job["progress"]:
        done, total = job["progress"]["done"], job["progress"]["total"]
        parts.append(f"{done:,} samples" if total is None or total == done else f"{done:,} of {total:,} samples")
    if job["delivery"] in _NOT_DELIVERED:
        parts.append(_NOT_DELIVERED[job["delivery"]])
    elif job["exit_code"]:
        parts.append(f"exit code {job['exit_code']}")
    return f"  {job['job_id']}: {', '.join(parts)}"


def _below(job: dict[str, Any]) -> Iterator[str]:
    for receipt in job["receipts"]:
        yield f"    {receipt_line(receipt)}"
    if job["delivery"] == "delivered_since":
        yield "    it was delivered since"
    for error in job["errors"]:
        yield _error_line(error, indent=4)


def _error_line(error: Mapping[str, str], *, indent: int) -> str:
    return " " * indent + error["message"] + (f" ({error['hint']})" if error["hint"] else "")

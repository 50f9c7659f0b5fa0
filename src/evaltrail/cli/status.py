"""`evaltrail status`: how far evaluations, generations and invocations are."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from typing import Any

from evaltrail.cli import values
from evaltrail.cli.ls import counted, runs_table, show_notes
from evaltrail.cli.show import print_json, print_notice, print_text, receipt_line
from evaltrail.cli.watch import follow
from evaltrail.config.settings import Settings, load_settings
from evaltrail.core.errors import InputError, InterruptError
from evaltrail.service.history.known_runs import latest_runs, named_runs
from evaltrail.service.history.watching import exit_code_of, is_open, watch

EXAMPLE = "evaltrail status 3f9a 8abc.1 --json; evaltrail status 3f9a --watch"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("id", nargs="*", metavar="ID", help=f"{values.RUN_ID}; without one, all")
    parser.add_argument(
        "--watch",
        action="store_true",
        help="follow one until it has ended; exits 0 completed, 1 failed in part or whole, 3 the results wait in the "
        "outbox, 130 cancelled; Ctrl-C ends the watching alone (130). With --json: one object a line for each event, "
        "the last line is the usual object",
    )


def execute(arguments: argparse.Namespace) -> int:
    """Tell state and progress: of one in full, of several in a table."""
    settings = load_settings()
    ids: list[str] = arguments.id
    if arguments.watch:
        return _watch(ids, settings, as_json=arguments.json)
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


def _watch(ids: list[str], settings: Settings, *, as_json: bool) -> int:
    """Follow one run; how it ended, or that it goes on without us."""
    if len(ids) != 1:
        raise InputError("--watch follows one run", code="usage", hint="name one ID; `evaltrail ls runs` shows the ids")
    (item,) = named_runs(settings, ids).items
    identity = item["evaluation_id"]
    try:
        if not as_json and is_open(item["state"]):
            print_notice(headline(item))
            told = item["errors"] if "units" in item or "jobs" in item else []  # else the queue could not be asked
            for error in told:
                print_notice(_error_line(error, indent=2))
        follow(watch(settings, ids[0]), identity, as_json=as_json)
    except KeyboardInterrupt:
        print_notice(f"no longer watched: {identity} goes on (`evaltrail status {identity} --watch` follows it again)")
        if as_json:
            print_json({**item, "ok": False, "exit_code": InterruptError.exit_code})
        return InterruptError.exit_code
    (item,) = named_runs(settings, ids).items
    code = exit_code_of(settings, item)
    _show(item, as_json=as_json, code=code)
    return code


def _show(item: dict[str, Any], *, as_json: bool, code: int = 0) -> None:
    if as_json:
        print_json({"ok": code == 0, "exit_code": code, **item})
        return
    print_text(headline(item))
    for line in job_lines(item):
        print_text(line)


def headline(found: dict[str, Any]) -> str:
    """``8abcd123: running, 1 of 2 jobs, model m, started 2025-12-19 11:27:33``; of one job alone, its own id."""
    done, total = found["progress"]["done"], found["progress"]["total"]
    jobs = found.get("jobs", [])
    name = jobs[0]["job_id"] if len(jobs) == 1 else found["evaluation_id"]
    unit = ("job" if total == 1 else "jobs") if jobs else counted(found)
    parts = [f"{name}: {found['state']}"]
    parts += [f"{done:,} of {total:,} {unit}"] if total else []
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

"""`evaltrail info`: what an evaluation, a generation or an invocation came to, and copies of its files."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from evaltrail.bundle.layout import REPORT
from evaltrail.cli import values
from evaltrail.cli.show import print_json, print_notice, print_text, receipt_line, table
from evaltrail.cli.status import headline, job_lines
from evaltrail.config.settings import Settings, load_settings
from evaltrail.core.decoding import decoded
from evaltrail.service.exporting.job_metrics import job_metrics
from evaltrail.service.history.evaluations import find_known
from evaltrail.service.history.file_copies import Copies, CopyOrder, copy_bundle_files, copy_job_files
from evaltrail.service.history.invocations import describe_invocation
from evaltrail.service.history.queued import describe_entries
from evaltrail.service.history.watching import is_open
from evaltrail.service.record import error_object
from evaltrail.store.executions import Job
from evaltrail.store.ledger import Entry

EXAMPLE = "evaltrail info 3f9a; evaltrail info 3f9a --copy-artifacts results"
_MOST_SKIPPED = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("id", metavar="ID", help=values.RUN_ID)
    for flag, what in (("--copy-artifacts", "artifacts"), ("--copy-logs", "logs")):
        parser.add_argument(
            flag,
            nargs="?",
            type=Path,
            const=Path(),
            metavar="DIR",
            help=f"copy the {what} of each job to DIR/INVOCATION/JOB/{what} (DIR: this folder)",
        )


def execute(arguments: argparse.Namespace) -> int:
    """Print the report and the receipts, or copy files."""
    settings = load_settings()
    known = find_known(settings, arguments.id)
    order = CopyOrder(artifacts=arguments.copy_artifacts, logs=arguments.copy_logs)
    if order != CopyOrder():
        _show_copies(known, order, as_json=arguments.json)
    elif isinstance(known, Entry):
        _show_evaluation(known, settings, as_json=arguments.json)
    else:
        _show_invocation(known, settings, as_json=arguments.json)
    return 0


def _show_evaluation(entry: Entry, settings: Settings, *, as_json: bool) -> None:
    (found,) = describe_entries([entry], settings)
    result = decoded(entry.result, dict[str, Any]) if entry.result else {}
    if as_json:
        print_json({"ok": True, "exit_code": 0, **result, **found})
        return
    report = entry.out / REPORT
    if is_open(found["state"]) or not report.is_file():  # a report may be there of an attempt before
        print_text(headline(found))
    print_text(report.read_text(encoding="utf-8") if report.is_file() else "no report yet")
    for receipt in result.get("receipts", []):
        print_text(receipt_line({"dest": "mlflow", **receipt}))
    for error in found["errors"]:
        print_text(f"{error['code']}: {error['message']}" + (f" ({error['hint']})" if error["hint"] else ""))
    print_text(f"folder: {found['out']}" + ("" if entry.out.is_dir() else ", which is made at the end"))


def _show_invocation(jobs: tuple[Job, ...], settings: Settings, *, as_json: bool) -> None:
    found = describe_invocation(jobs, settings)
    results, unread = job_metrics(jobs)
    if as_json:
        told = {"metrics": results, "unread": [error_object(error) for error in unread]}
        print_json({"ok": True, "exit_code": 0, **found, **told})
        return
    print_text(headline(found))
    for line in job_lines(found):
        print_text(line)
    rows = [[name, job, *_cells(value)] for job, metrics in results.items() for name, value in metrics.items()]
    if rows:
        print_text(table(["metric", "job", "value", "n", "unscored"], rows, numbers=(2, 3, 4)))
    for error in unread:
        print_text(str(error))
    print_text(f"folder: {found['out'] or 'none is known'}")


def _cells(metric: float | Mapping[str, Any]) -> list[str]:
    """Value with its interval, n and how many are unscored, as far as they are known."""
    if not isinstance(metric, Mapping):
        return [f"{metric:g}", "", ""]
    value, low, high = metric.get("value"), metric.get("ci_low"), metric.get("ci_high")
    text = "none" if value is None else f"{value:g}" if low is None else f"{value:.3f} [{low:.3f}, {high:.3f}]"
    return [text, *("" if metric.get(name) is None else f"{metric[name]:,}" for name in ("n", "n_unscored"))]


def _show_copies(known: Entry | tuple[Job, ...], order: CopyOrder, *, as_json: bool) -> None:
    if isinstance(known, Entry):
        identity, done = known.id, copy_bundle_files(known, order)
    else:
        identity, done = known[0].invocation_id, copy_job_files(known, order)
    if as_json:
        copied = [
            {"from": str(each.source), "to": str(each.target), "size_bytes": each.size_bytes} for each in done.files
        ]
        skipped = msgspec.to_builtins(done.skipped)
        print_json({"ok": True, "exit_code": 0, "evaluation_id": identity, "copied": copied, "skipped": skipped})
        return
    _show_skipped(done)
    for each in done.files:
        print_text(str(each.target))
    size = sum(each.size_bytes for each in done.files)
    print_text(f"copied {len(done.files):,} files, {size:,} bytes")


def _show_skipped(done: Copies) -> None:
    for item in done.skipped[:_MOST_SKIPPED]:
        print_notice(f"not copied: {item.what}: {item.why}")
    if len(done.skipped) > _MOST_SKIPPED:
        print_notice(f"not copied: {len(done.skipped) - _MOST_SKIPPED:,} more")

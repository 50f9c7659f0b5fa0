"""`evaltrail info`: what an evaluation came to."""

from __future__ import annotations

import argparse

import msgspec

from evaltrail.bundle.layout import REPORT
from evaltrail.cli.show import print_json, print_text, table
from evaltrail.cli.status import headline, job_lines
from evaltrail.config.settings import load_settings
from evaltrail.service.export_jobs import job_results
from evaltrail.service.history import describe, find_known
from evaltrail.service.invocations import describe_invocation
from evaltrail.service.record import error_object
from evaltrail.store.executions import Job

EXAMPLE = "evaltrail info 3f9a"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("id", metavar="ID", help="evaluation, invocation or job (ID.N), or any unique beginning")


def execute(arguments: argparse.Namespace) -> int:
    """Print the report and the receipts."""
    entry = find_known(load_settings(), arguments.id)
    if isinstance(entry, tuple):
        return _show_invocation(entry, as_json=arguments.json)
    found = describe(entry)
    result = msgspec.json.decode(entry.result) if entry.result else {}
    if arguments.json:
        print_json({**result, **found})
        return 0
    report = entry.out / REPORT
    if report.is_file():
        print_text(report.read_text(encoding="utf-8"))
    else:
        print_text(f"{found['evaluation_id']}: {found['state']}, no report yet")
    for receipt in result.get("receipts", []):
        print_text(f"MLflow: {receipt['run_url'] or receipt['run_id']} in {receipt['experiment_name']}")
    for error in found["errors"]:
        print_text(f"{error['code']}: {error['message']}" + (f" ({error['hint']})" if error["hint"] else ""))
    print_text(f"folder: {found['out']}")
    return 0


def _show_invocation(jobs: tuple[Job, ...], *, as_json: bool) -> int:
    found = describe_invocation(jobs)
    results, unread = job_results(jobs)
    if as_json:
        print_json({**found, "metrics": results, "unread": [error_object(error) for error in unread]})
        return 0
    print_text(headline(found))
    for line in job_lines(found):
        print_text(line)
    rows = [[name, job, f"{value:g}"] for job, metrics in results.items() for name, value in metrics.items()]
    if rows:
        print_text(table(["metric", "job", "value"], rows, numbers=(2,)))
    for error in unread:
        print_text(str(error))
    print_text(f"folder: {found['out'] or 'none is known'}")
    return 0

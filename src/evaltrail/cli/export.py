"""`evaltrail export`: finished invocations, as seed 002's exporter has it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import msgspec

from evaltrail.cli.ingest import show_outcomes, show_plans
from evaltrail.cli.ls import show_notes
from evaltrail.cli.show import ProgressLine, print_error, print_json
from evaltrail.config.settings import load_settings
from evaltrail.core.values import Json
from evaltrail.service.export import Exported, export_invocations, told
from evaltrail.service.export_config import ExportOptions, overridden, read_config_file, read_options
from evaltrail.service.record import error_object

EXAMPLE = "evaltrail export 8abcd123 --dest mlflow -o export.mlflow.tracking_uri=http://localhost:5000"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("id", nargs="+", metavar="ID", help="invocation or job (ID.N), or any unique beginning")
    parser.add_argument("--dest", default="mlflow", metavar="NAME", help="where to; mlflow")
    parser.add_argument(
        "-o", "--override", action="append", default=[], metavar="export.mlflow.KEY=V", help="an option of the exporter"
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="YAML with export: mlflow: KEY: VALUE")
    parser.add_argument("--log-metrics", nargs="+", metavar="M", help="only metrics named like these")
    parser.add_argument(
        "--only-required",
        action=argparse.BooleanOptionalAction,
        help="only the files every job must have (the default)",
    )
    parser.add_argument("--log-logs", "--copy-logs", action=argparse.BooleanOptionalAction, help="upload the logs too")
    parser.add_argument(
        "--log-artifacts", "--copy-artifacts", action=argparse.BooleanOptionalAction, help="upload files (the default)"
    )
    parser.add_argument("--job-dirs", nargs="+", metavar="DIR", help="folders with jobs no execution database knows")
    parser.add_argument("--dry-run", action="store_true", help="print what would land")


def execute(arguments: argparse.Namespace) -> int:
    """Export, and tell what became of each job."""
    options = _options(arguments)
    with ProgressLine() as progress:
        done = export_invocations(
            arguments.id,
            options,
            load_settings(),
            dest=arguments.dest,
            dry_run=arguments.dry_run,
            progress=progress,
        )
    show_notes(done.notes)
    if arguments.json:
        print_json(_object(done, arguments))
    elif arguments.dry_run:
        show_plans(done.outcomes)
    else:
        show_outcomes(done.outcomes)
    for error in done.errors:
        print_error(error)
    return done.exit_code


def _options(arguments: argparse.Namespace) -> ExportOptions:
    """The options: flags before ``-o`` before the file."""
    config = read_config_file(arguments.config) if arguments.config else {}
    read_options(config, where=str(arguments.config))
    flags: dict[str, Json] = {
        "log_metrics": arguments.log_metrics,
        "only_required": arguments.only_required,
        "log_logs": arguments.log_logs,
        "log_artifacts": arguments.log_artifacts,
        "job_dirs": arguments.job_dirs,
    }
    given = {name: value for name, value in flags.items() if value is not None}
    return read_options({**overridden(config, arguments.override), **given}, where="-o")


def _object(done: Exported, arguments: argparse.Namespace) -> dict[str, Any]:
    receipts = [receipt for outcome in done.outcomes for receipt in outcome.receipts]
    return {
        "ok": done.exit_code == 0,
        "exit_code": done.exit_code,
        "receipts": msgspec.to_builtins(receipts),
        **told(done, is_single=len(arguments.id) == 1),
        **({"plan": [msgspec.to_builtins(outcome.runs) for outcome in done.outcomes]} if arguments.dry_run else {}),
        "errors": [error_object(error) for error in done.errors],
    }

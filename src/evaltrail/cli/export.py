"""`evaltrail export`: finished invocations, as seed 002's exporter has it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import msgspec

from evaltrail.cli import values
from evaltrail.cli.export_shown import show_files, show_planned_files
from evaltrail.cli.ingest import show_outcomes, show_plans
from evaltrail.cli.ls import show_notes
from evaltrail.cli.show import ProgressLine, print_error, print_json
from evaltrail.config.settings import load_settings
from evaltrail.core.values import Json
from evaltrail.destinations.files.options import FileOptions
from evaltrail.service.exporting.export import Exported, export_invocations, told, told_receipts
from evaltrail.service.exporting.export_config import (
    DESTINATIONS,
    ExportOptions,
    overridden,
    read_config_file,
    read_options,
    with_flags,
)
from evaltrail.service.exporting.export_files import ExportedFiles
from evaltrail.service.exporting.export_table import Given
from evaltrail.service.record import error_object

EXAMPLE = "evaltrail export 8abcd123 --dest mlflow -o export.mlflow.tracking_uri=http://localhost:5000"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("id", nargs="+", metavar="ID", help="invocation or job (ID.N), or any unique beginning")
    parser.add_argument("--dest", default="mlflow", metavar="NAME", help=f"where to: {' or '.join(DESTINATIONS)}")
    parser.add_argument(
        "-o", "--override", action="append", default=[], metavar="export.DEST.KEY=V", help="an option of the exporter"
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="YAML with export: DEST: KEY: VALUE")
    parser.add_argument("--output-dir", metavar="DIR", help="folder of --dest local; default ./evaltrail-results")
    parser.add_argument("--format", metavar="NAME", help="of --dest local: json (the default), csv or parquet")
    parser.add_argument("--log-metrics", nargs="+", metavar="M", help="only metrics named like these")
    parser.add_argument(
        "--only-required",
        action=argparse.BooleanOptionalAction,
        help="only the files every job must have (the default)",
    )
    parser.add_argument("--log-logs", "--copy-logs", action=argparse.BooleanOptionalAction, help="the logs too")
    parser.add_argument(
        "--log-artifacts", "--copy-artifacts", action=argparse.BooleanOptionalAction, help="files too (the default)"
    )
    parser.add_argument(
        "--traces", type=values.traces, metavar="failures|N|all", help="samples to look into in MLflow; default none"
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
    else:
        _show(done, is_plan=arguments.dry_run)
    for error in done.errors:
        print_error(error)
    return done.exit_code


def _show(done: Exported | ExportedFiles, *, is_plan: bool) -> None:
    if isinstance(done, ExportedFiles):
        (show_planned_files if is_plan else show_files)(done)
    else:
        (show_plans if is_plan else show_outcomes)(done.outcomes)


def _options(arguments: argparse.Namespace) -> ExportOptions | FileOptions:
    """The options: flags before ``-o`` before the file."""
    dest: str = arguments.dest
    written = read_config_file(arguments.config, dest=dest) if arguments.config else Given()
    flags: dict[str, Json] = {
        "log_metrics": arguments.log_metrics,
        "only_required": arguments.only_required,
        "log_logs": arguments.log_logs,
        "log_artifacts": arguments.log_artifacts,
        "traces": arguments.traces,
        "job_dirs": arguments.job_dirs,
        "output_dir": arguments.output_dir,
        "format": arguments.format,
    }
    given = with_flags(overridden(written, arguments.override, dest=dest), flags, dest=dest)
    return read_options(given, dest=dest)


def _object(done: Exported | ExportedFiles, arguments: argparse.Namespace) -> dict[str, Any]:
    return {
        "ok": done.exit_code == 0,
        "exit_code": done.exit_code,
        **(_files_object(done) if isinstance(done, ExportedFiles) else {}),
        "receipts": told_receipts(done),
        **told(done, is_single=len(arguments.id) == 1),
        **({"plan": _plan(done)} if arguments.dry_run else {}),
        "errors": [error_object(error) for error in done.errors],
    }


def _files_object(done: ExportedFiles) -> dict[str, Any]:
    """Where everything lies, all jobs together."""
    return {
        "output_dir": str(done.output_dir),
        "files": list(dict.fromkeys(file for receipt in done.receipts for file in receipt.files)),
        "metrics": sum(receipt.metrics for receipt in done.receipts),
        "skipped": [msgspec.to_builtins(item) for receipt in done.receipts for item in receipt.skipped],
    }


def _plan(done: Exported | ExportedFiles) -> list[Any]:
    if isinstance(done, ExportedFiles):
        return [[str(file) for file in outcome.files] for outcome in done.outcomes]
    return [msgspec.to_builtins(outcome.runs) for outcome in done.outcomes]

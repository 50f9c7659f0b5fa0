"""`evaltrail ingest`: result folders, files and archives of any supported harness."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import msgspec

from evaltrail.cli import values
from evaltrail.cli.show import ProgressLine, print_error, print_json, print_text, show_list, table
from evaltrail.config.settings import load_settings
from evaltrail.core.delivery import DeliveryOptions, Receipt, RunLayout, Skipped
from evaltrail.destinations.mlflow.run_plan import RunPlan
from evaltrail.service.gathering.ingest import Ingested, IngestOrder, ingest_results
from evaltrail.service.gathering.land import Outcome
from evaltrail.service.gathering.survey import Search
from evaltrail.service.gathering.unpacking import named
from evaltrail.service.record import error_object

EXAMPLE = "evaltrail ingest results/ --experiment imported"
_MOST_NAMES = 3
_MOST_LISTED = 20
_MOST_NAMED = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("path", nargs="+", type=Path, metavar="PATH", help="result folder, file or archive")
    parser.add_argument("--format", default="", metavar="NAME", help="only this reader; default the surest one")
    parser.add_argument(
        "--evaluation",
        default="",
        metavar="NAME",
        help="the evaluation (beir, bigbench, ...), where content and path leave it open",
    )
    parser.add_argument(
        "--layout",
        choices=get_args(RunLayout),
        default="",
        help="one run a result (per_bundle, the default), a task, a file, or a result with one more a task below",
    )
    parser.add_argument("--experiment", default="", metavar="NAME", help="MLflow experiment; default evaltrail")
    parser.add_argument("--run-name", default="", metavar="NAME", help="MLflow run name; default as the format has it")
    parser.add_argument("--tag", action="append", default=[], metavar="K=V", help="tag of every run")
    parser.add_argument("--tracking-uri", default="", metavar="URI", help="MLflow; default MLFLOW_TRACKING_URI")
    parser.add_argument(
        "--traces", type=values.traces, metavar="failures|N|all", help="samples to look into in MLflow; default none"
    )
    parser.add_argument(
        "--log-metrics", nargs="+", action="extend", default=[], metavar="M", help="only metrics named like these"
    )
    parser.add_argument(
        "--include", nargs="+", action="extend", default=[], metavar="GLOB", help="only these files (after PATH)"
    )
    parser.add_argument(
        "--exclude", nargs="+", action="extend", default=[], metavar="GLOB", help="none of these files or folders"
    )
    parser.add_argument(
        "--skip-existing", action="store_true", help="leave a source alone that has a complete run of any kind"
    )
    parser.add_argument("--dry-run", action="store_true", help="print which reader, why, and what would land")


def execute(arguments: argparse.Namespace) -> int:
    """Ingest, and tell what became of each result."""
    order = _order(arguments)
    with ProgressLine() as progress:
        done = ingest_results(order, load_settings(), progress)
    if arguments.json:
        print_json(_object(done, dry_run=arguments.dry_run))
    elif arguments.dry_run:
        show_plans(done.outcomes)
        _show_passed(done.passed)
    else:
        show_ingested(done)
    for error in done.errors:
        print_error(error)
    return done.exit_code


def _order(arguments: argparse.Namespace) -> IngestOrder:
    tags = {name: str(value) for name, value in values.read_pairs(arguments.tag, "--tag").items()}
    return IngestOrder(
        search=Search(
            paths=tuple(arguments.path),
            reader=arguments.format,
            evaluation=arguments.evaluation,
            include=tuple(arguments.include),
            exclude=tuple(arguments.exclude),
        ),
        delivery=DeliveryOptions(
            tracking_uri=arguments.tracking_uri,
            experiment=arguments.experiment,
            run_name=arguments.run_name,
            tags=tags,
            layout=arguments.layout,
            traces=arguments.traces,
            log_metrics=tuple(arguments.log_metrics),
            skip_existing=arguments.skip_existing,
        ),
        dry_run=arguments.dry_run,
    )


def show_ingested(done: Ingested) -> None:
    """What landed as a table, and what was left out or passed by, for people."""
    show_outcomes(done.outcomes)
    _show_passed(done.passed)


def show_outcomes(outcomes: Sequence[Outcome]) -> None:
    """The runs as a table, where they are, and what to know of each."""
    landed = [(outcome, receipt) for outcome in outcomes for receipt in outcome.receipts]
    has_tasks = any(receipt.task for _, receipt in landed)
    rows = [
        [
            outcome.unit.label,
            *([receipt.task] if has_tasks else []),
            outcome.unit.heads[0].reader,
            receipt.run_id,
            receipt.status + (", was there" if receipt.is_existing else ""),
            f"{receipt.metrics_logged:,}",
            f"{receipt.artifacts_logged:,}",
        ]
        for outcome, receipt in landed
    ]
    if rows:
        head = ["result", *(["task"] if has_tasks else []), "reader", "run", "status", "metrics", "files"]
        print_text(table(head, rows, numbers=(len(head) - 2, len(head) - 1)))
        _show_places([receipt for _, receipt in landed])
    show_list(
        "named otherwise in MLflow:",
        [_renamed(outcome) for outcome in outcomes if outcome.receipts and outcome.renamed],
    )
    _show_notes([(outcome.unit.label, note) for outcome, receipt in landed for note in receipt.skipped])


def _renamed(outcome: Outcome) -> str:
    """The first few names that had to change; the run's name_map.json holds all."""
    shown = [f"{old} -> {new}" for new, old in list(outcome.renamed.items())[:_MOST_NAMES]]
    more = len(outcome.renamed) - len(shown)
    return f"{outcome.unit.label}: {', '.join(shown)}" + (f", and {more:,} more in name_map.json" if more else "")


def _show_places(receipts: Sequence[Receipt]) -> None:
    """How many runs are where, and how many of them were there before."""
    for name in dict.fromkeys(receipt.experiment_name for receipt in receipts):
        here = [receipt for receipt in receipts if receipt.experiment_name == name]
        existing = sum(receipt.is_existing for receipt in here)
        unwell = sum(receipt.status != "FINISHED" for receipt in here)
        was_there = f", {existing:,} of them there already" if existing else ""
        went_ill = f", {unwell:,} of evaluations that did not end well" if unwell else ""
        place = here[0].run_url or f"run {here[0].run_id}"
        first = f"; the first: {place}" if len(here) > 1 else f": {place}"
        print_text(f"\n{_counted(len(here), 'run')} in experiment {name!r}{was_there}{went_ill}{first}")


def _show_notes(notes: Sequence[tuple[str, Skipped]]) -> None:
    show_list("left out, or good to know:", [f"{label}: {note.what}: {note.why}" for label, note in notes])


def _show_passed(passed: Sequence[Skipped]) -> None:
    show_list("passed by:", [f"{item.what}: {item.why}" for item in passed])


def show_plans(outcomes: Sequence[Outcome]) -> None:
    """Which reader takes what, why, and the runs that would land."""
    for outcome in outcomes:
        unit = outcome.unit
        print_text(unit.label if len(unit.heads) == 1 else f"{unit.label}: {len(unit.heads):,} results in one")
        for found in unit.heads[:_MOST_LISTED]:
            evidence = found.evidence
            path = named(str(found.source.path), outcome.unit.archives)
            print_text(f"  {path}: {found.reader}, {evidence.confidence:.0%} sure: {evidence.why}")
        if len(unit.heads) > _MOST_LISTED:
            print_text(f"  and {len(unit.heads) - _MOST_LISTED:,} more results (--json lists all)")
        for plan in outcome.runs:
            _show_plan(plan)
    runs = sum(len(outcome.runs) for outcome in outcomes)
    print_text(f"\n{_counted(runs, 'run')} would land; nothing was sent")
    _show_notes([(outcome.unit.label, note) for outcome in outcomes for plan in outcome.runs for note in plan.skipped])


def _show_plan(plan: RunPlan) -> None:
    place = f"experiment {plan.experiment!r}" if plan.experiment else f"experiment id {plan.experiment_id}"
    print_text(f"  run {plan.run_name!r} in {place}, {plan.status}, key {plan.key}")
    metrics = len({point.name for point in plan.metrics})
    print_text(
        f"    {_counted(metrics, 'metric')}, {_counted(len(plan.params), 'param')}, {_counted(len(plan.tags), 'tag')}, "
        f"{_counted(len(plan.artifacts), 'file')}: {_some([item.path for item in plan.artifacts])}"
    )
    renamed = [f"{original} -> {stored}" for stored, original in plan.names.metrics.items()]
    if renamed:
        print_text(f"    names as MLflow takes them: {_some(renamed)}")


def _some(words: Sequence[str]) -> str:
    """The first few words, and how many more there are."""
    more = len(words) - _MOST_NAMED
    return (", ".join(words[:_MOST_NAMED]) or "none") + (f", and {more:,} more" if more > 0 else "")


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def _object(done: Ingested, *, dry_run: bool) -> dict[str, Any]:
    return {
        "ok": done.exit_code == 0,
        "exit_code": done.exit_code,
        "receipts": msgspec.to_builtins(done.receipts),
        "results": [_outcome_object(outcome, dry_run=dry_run) for outcome in done.outcomes],
        "passed": msgspec.to_builtins(done.passed),
        "errors": [error_object(error) for error in done.errors],
    }


def _outcome_object(outcome: Outcome, *, dry_run: bool) -> dict[str, Any]:
    found = [
        {
            "path": named(str(head.source.path), outcome.unit.archives),
            "reader": head.reader,
            "confidence": head.evidence.confidence,
            "evidence": head.evidence.why,
        }
        for head in outcome.unit.heads
    ]
    shown: dict[str, Any] = {
        "label": outcome.unit.label,
        "copy_of": outcome.unit.copy_of.label if outcome.unit.copy_of else "",
        "sources": found,
        "bundle_id": outcome.bundle_id,
        "status": outcome.status,
        "run_ids": [receipt.run_id for receipt in outcome.receipts],
        "errors": [error_object(error) for error in outcome.errors],
    }
    return shown | ({"plan": [msgspec.to_builtins(plan) for plan in outcome.runs]} if dry_run else {})

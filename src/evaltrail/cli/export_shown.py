"""What people see of an export to files."""

from __future__ import annotations

from evaltrail.cli.show import print_text, show_list, table
from evaltrail.service.exporting.export_files import ExportedFiles, FilesOutcome

_MOST_LISTED = 20


def show_files(done: ExportedFiles) -> None:
    """The jobs as a table, where they are, and what to know of each."""
    rows = [
        [_name(outcome), receipt.status, f"{receipt.metrics:,}", f"{len(receipt.files):,}"]
        for outcome in done.outcomes
        if (receipt := outcome.receipt) is not None
    ]
    if rows:
        print_text(table(["result", "status", "metrics", "files"], rows, numbers=(2, 3)))
        print_text(f"\n{_counted(len(rows), 'result')} in {done.receipts[0].files[-1]}")
    notes = [(outcome, item) for outcome in done.outcomes if outcome.receipt for item in outcome.receipt.skipped]
    show_list("left out, or good to know:", [f"{_name(one)}: {item.what}: {item.why}" for one, item in notes])


def show_planned_files(done: ExportedFiles) -> None:
    """What would be written, and where."""
    planned = [outcome for outcome in done.outcomes if outcome.parcel is not None]
    for outcome in planned:
        metrics = outcome.parcel.metrics if outcome.parcel else 0
        print_text(f"{_name(outcome)}: {_counted(metrics, 'metric')}, {_counted(len(outcome.files), 'file')}")
        for file in outcome.files[:_MOST_LISTED]:
            print_text(f"  {file}")
        if len(outcome.files) > _MOST_LISTED:
            print_text(f"  and {len(outcome.files) - _MOST_LISTED:,} more (--json lists all)")
    print_text(f"\n{_counted(len(planned), 'result')} would be written; nothing was")


def _name(outcome: FilesOutcome) -> str:
    return outcome.job.id if outcome.job else outcome.invocation


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")

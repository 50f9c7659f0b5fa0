"""What people and programs see: tables, errors, progress, and the one JSON object."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import msgspec

from evaltrail.core.delivery import Skipped
from evaltrail.core.errors import EvaltrailError
from evaltrail.core.metric import MetricValue
from evaltrail.core.progress import Progress
from evaltrail.service.evaluation.order import Result

_LINE_SECONDS = 10.0
_MOST_LISTED = 20
_UNSEEN = {code: "\ufffd" for code in (*range(32), 127, *range(128, 160)) if chr(code) not in "\n\t"}
"""Control characters, which could steer the reader's terminal."""


def print_json(value: object) -> None:
    """One JSON object on stdout."""
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")


def print_text(text: str = "") -> None:
    """One line on stdout."""
    sys.stdout.write(text.translate(_UNSEEN) + "\n")


def print_notice(text: str) -> None:
    """One line for people, on stderr."""
    sys.stderr.write(text.translate(_UNSEEN) + "\n")


def print_error(error: EvaltrailError) -> None:
    """What is wrong, where, and the next step, on stderr."""
    print_notice(f"error: {error}")


def table(head: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    """Rows below a head, in columns as wide as they need.

    Args:
        head: the columns' names.
        rows: one text a column.
        numbers: columns to be set flush right.
    """
    widths = [max(len(row[place]) for row in (head, *rows)) for place in range(len(head))]

    def line(row: Sequence[str]) -> str:
        cells = (
            cell.rjust(width) if place in numbers else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        return "  ".join(cells).rstrip()

    return "\n".join([line(head), line(["-" * width for width in widths]), *(line(row) for row in rows)])


def value_text(metric: MetricValue) -> str:
    """A metric's value with its interval: ``0.900 [0.886, 0.912]``."""
    if metric.value is None:
        return "none"
    interval = "" if metric.ci_low is None else f" [{metric.ci_low:.3f}, {metric.ci_high:.3f}]"
    return f"{metric.value:.3f}{interval}"


def results_table(results: Sequence[Result], *, has_slices: bool = True) -> str:
    """Metrics of one or several evaluations of the same tasks, models beside each other.

    Args:
        results: of the evaluations.
        has_slices: those of a type or a source alone too (``token_f1/type/numeric``), of metrics with a value.
    """
    models = [result.bundle.model for result in results]
    rows = []
    for name in _rows(results, has_slices=has_slices):
        metrics = [result.metrics.get(name) for result in results]
        counted = "/".join("-" if metric is None else str(metric.n) for metric in metrics)
        missing = "/".join("-" if metric is None else str(metric.n_unscored) for metric in metrics)
        cells = ["-" if metric is None else value_text(metric) for metric in metrics]
        rows.append([name, *cells, counted, missing])
    last = len(models)
    return table(["metric", *models, "n", "unscored"], rows, numbers=(last + 1, last + 2))


def _rows(results: Sequence[Result], *, has_slices: bool) -> list[str]:
    """The metrics that are shown; slices of one without any value say no more than it does."""
    family_of: dict[str, str] = {}
    valued: set[str] = set()
    for result in results:
        for name, metric in result.metrics.items():
            family = name.removesuffix(metric.name) + metric.name.partition("/")[0]
            family_of[name] = family
            valued |= {family} if metric.value is not None else set()
    return [
        name
        for name, family in family_of.items()
        if name == family or (has_slices and (family in valued or family not in family_of))
    ]


def show_list(title: str, lines: Sequence[str]) -> None:
    """Lines under a title, as many as a screen takes; nothing where there are none."""
    if not lines:
        return
    print_text(f"\n{title}")
    for line in lines[:_MOST_LISTED]:
        print_text(f"  {line}")
    if len(lines) > _MOST_LISTED:
        print_text(f"  and {len(lines) - _MOST_LISTED:,} more (--json lists all)")


def skipped_lines(skipped: Sequence[Skipped]) -> list[str]:
    """What did not land and why, those with one reason in one line: ``not landed: metric a and 23 more: no value``."""
    alike: dict[str, list[str]] = {}
    for each in skipped:
        alike.setdefault(each.why, []).append(each.what)
    return [
        f"not landed: {what[0]}{f' and {len(what) - 1:,} more' if what[1:] else ''}: {why}"
        for why, what in alike.items()
    ]


def receipt_line(receipt: dict[str, Any]) -> str:
    """Where a result is: in MLflow, or in files."""
    files = receipt.get("files", ())
    place = receipt.get("run_url") or receipt.get("run_id") or f"{len(files)} files in {receipt.get('output_dir', '')}"
    name = "MLflow" if receipt.get("dest") == "mlflow" else receipt.get("dest", "delivered")
    experiment = receipt.get("experiment_name")
    return f"{name}: {place}" + (f" ({experiment})" if experiment else "")


class ProgressLine:
    """Progress on stderr: a bar on a terminal, a line every ten seconds elsewhere."""

    def __init__(self) -> None:
        self._is_terminal = sys.stderr.isatty()
        self._began: dict[str, tuple[float, int]] = {}
        self._told_at = time.monotonic()
        self._width = 0

    def __call__(self, progress: Progress) -> None:
        """Take one report."""
        now = time.monotonic()
        began, had = self._began.setdefault(progress.task, (now, progress.done))
        if not self._is_terminal and now - self._told_at < _LINE_SECONDS:
            return
        self._told_at = now
        text = progress_text(progress, seconds=now - began, had=had)
        if self._is_terminal:
            sys.stderr.write("\r" + text.ljust(self._width))
            self._width = len(text)
        else:
            sys.stderr.write(text + "\n")
        sys.stderr.flush()

    def say(self, line: str) -> None:
        """A line of its own, above the bar."""
        if self._width:
            sys.stderr.write("\r" + " " * self._width + "\r")
            self._width = 0
        print_notice(line)
        sys.stderr.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._width:
            sys.stderr.write("\n")


def progress_text(progress: Progress, *, seconds: float, had: int) -> str:
    """``capitals [#####.....] 1,024/2,000  312/s  ETA 3 s  24,310 tokens  2 garbage``.

    Args:
        progress: the report.
        seconds: since the first report.
        had: samples that were done at the first report.
    """
    rate = (progress.done - had) / seconds if seconds > 0 else 0.0
    parts = [f"{progress.task} "]
    if progress.total:
        filled = 20 * progress.done // progress.total
        parts[0] += f"[{'#' * filled}{'.' * (20 - filled)}] {progress.done:,}/{progress.total:,}"
    else:
        parts[0] += f"{progress.done:,}"
    parts.append(f"{rate:,.0f}/s")
    if progress.total and rate > 0:
        parts.append(f"ETA {_duration((progress.total - progress.done) / rate)}")
    if progress.tokens:
        parts.append(f"{progress.tokens:,} tokens")
    parts += [f"{count:,} {reason}" for reason, count in progress.errors.items()]
    if progress.silent_s:
        parts.append(f"nothing for {_duration(progress.silent_s)}")
    return "  ".join(parts)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"

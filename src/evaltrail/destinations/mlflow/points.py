"""Metric points of a run: every aggregate with its error, interval and counts beside it, under unique legal names."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from evaltrail.core.delivery import Skipped
from evaltrail.core.metric import MetricValue
from evaltrail.core.result import TaskResult
from evaltrail.destinations.mlflow.naming import clean_text, legal_name, renamed, unique_names
from evaltrail.destinations.mlflow.run_plan import PlannedMetric

_GLOB = frozenset("*?[")


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """The metrics of a run, what could not be one, and the names that changed."""

    metrics: tuple[PlannedMetric, ...]
    skipped: tuple[Skipped, ...]
    renamed: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Raw:
    name: str
    value: float | None
    step: int = 0


def metric_points(tasks: Iterable[TaskResult], *, timestamp_ms: int, only: Sequence[str] = ()) -> Points:
    """The points of some tasks: ``<task>/<metric>`` with its error, interval and counts beside it.

    Beside a metric stand ``_stderr``, ``_ci_low``, ``_ci_high``, ``_n`` and ``_n_unscored``. The same name and step
    with the same value is one point; with another value it gets a numbered name. A task without a name, or whose
    prefix is empty, puts nothing before its metrics.

    Args:
        tasks: whose metrics they are.
        timestamp_ms: the time of every point, Unix milliseconds.
        only: parts of names, or globs; other metrics are left out. Empty = all.
    """
    left_out = 0
    kept: dict[tuple[str, int], float] = {}
    numbered: dict[str, str] = {}
    skipped: list[Skipped] = []
    for raw in (point for task in tasks for point in _task_points(task)):
        if only and not is_wanted(raw.name, only):
            left_out += 1
            continue
        value = _finite(raw.value)
        if value is None:
            skipped.append(Skipped(what=f"metric {clean_text(raw.name)}", why=_why_not(raw.value)))
            continue
        name, number = raw.name, 2
        while kept.get((name, raw.step), value) != value:
            name, number = f"{raw.name}_{number}", number + 1
        kept[name, raw.step] = value
        if name != raw.name:
            numbered[clean_text(name)] = clean_text(raw.name)
    if left_out:
        skipped.append(Skipped(what=f"{left_out:,} metrics", why=f"not among those asked for: {', '.join(only)}"))
    names = unique_names(clean_text(name) for name, _ in kept)
    changed = renamed(names) | {names[name]: original for name, original in numbered.items()}
    metrics = tuple(
        PlannedMetric(name=names[clean_text(name)], value=value, timestamp_ms=timestamp_ms, step=step)
        for (name, step), value in kept.items()
    )
    return Points(metrics=metrics, skipped=tuple(skipped), renamed=changed)


def is_wanted(name: str, only: Sequence[str]) -> bool:
    """Whether a metric's name holds one of the parts, or fits one of the globs, whatever the case.

    Args:
        name: as its producer says it; ``pass@1`` is found by ``pass@1`` and by ``pass_at_1``.
        only: parts or globs, for the name as it is and as MLflow takes it.
    """
    forms = {name.casefold(), legal_name(name).casefold()}
    for pattern in map(str.casefold, only):
        if any(pattern in form or (_GLOB.intersection(pattern) and fnmatchcase(form, pattern)) for form in forms):
            return True
    return False


def metric_names(tasks: Iterable[TaskResult]) -> list[str]:
    """The names of the metrics of some tasks, as their producer says them."""
    return list(dict.fromkeys(point.name for task in tasks for point in _task_points(task)))


def _task_points(task: TaskResult) -> Iterator[_Raw]:
    prefix = task.name if task.prefix is None else task.prefix
    for metric in task.metrics:
        name = "/".join(part for part in (prefix, *metric.group, metric.name) if part)
        yield _Raw(name=name, value=metric.value, step=metric.step)
        for ending, value in _beside(metric, knows_all=task.counts.total > 0):
            yield _Raw(name=name + ending, value=value, step=metric.step)
    for name, number in task.usage.items():
        yield _Raw(name=f"{prefix}/{name}" if prefix else name, value=number)


def _beside(metric: MetricValue, *, knows_all: bool) -> Iterator[tuple[str, float]]:
    known = (("_stderr", metric.stderr), ("_ci_low", metric.ci_low), ("_ci_high", metric.ci_high), ("_n", metric.n))
    yield from ((ending, value) for ending, value in known if value is not None)
    if metric.unscored or (metric.n is not None and knows_all):
        yield "_n_unscored", metric.n_unscored


def _finite(value: float | None) -> float | None:
    try:
        number = math.nan if value is None else float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _why_not(value: float | None) -> str:
    return "no value: nothing could be scored" if value is None else f"the value {value!r:.40} is not a finite number"

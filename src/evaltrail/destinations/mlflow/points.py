"""Metric points of a run: every aggregate with its error, interval and counts beside it, under unique legal names."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from evaltrail.core.delivery import Skipped
from evaltrail.core.metric import MetricValue
from evaltrail.core.result import TaskResult
from evaltrail.destinations.mlflow.naming import clean_text, renamed, unique_names
from evaltrail.destinations.mlflow.run_plan import PlannedMetric


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


def metric_points(tasks: Iterable[TaskResult], *, timestamp_ms: int) -> Points:
    """The points of some tasks: ``<task>/<metric>`` with its error, interval and counts beside it.

    Beside a metric stand ``_stderr``, ``_ci_low``, ``_ci_high``, ``_n`` and ``_n_unscored``. The same name and step
    with the same value is one point; with another value it gets a numbered name. A task without a name puts no
    prefix before its metrics.
    """
    kept: dict[tuple[str, int], float] = {}
    skipped: list[Skipped] = []
    for raw in (point for task in tasks for point in _task_points(task)):
        value = _finite(raw.value)
        if value is None:
            skipped.append(Skipped(what=f"metric {clean_text(raw.name)}", why=_why_not(raw.value)))
            continue
        name, number = raw.name, 2
        while kept.get((name, raw.step), value) != value:
            name, number = f"{raw.name}_{number}", number + 1
        kept[name, raw.step] = value
    names = unique_names(clean_text(name) for name, _ in kept)
    metrics = tuple(
        PlannedMetric(name=names[clean_text(name)], value=value, timestamp_ms=timestamp_ms, step=step)
        for (name, step), value in kept.items()
    )
    return Points(metrics=metrics, skipped=tuple(skipped), renamed=renamed(names))


def _task_points(task: TaskResult) -> Iterator[_Raw]:
    for metric in task.metrics:
        name = "/".join(part for part in (task.name, *metric.group, metric.name) if part)
        yield _Raw(name=name, value=metric.value, step=metric.step)
        for ending, value in _beside(metric):
            yield _Raw(name=name + ending, value=value, step=metric.step)
    for name, number in task.usage.items():
        yield _Raw(name=f"{task.name}/{name}" if task.name else name, value=number)


def _beside(metric: MetricValue) -> Iterator[tuple[str, float]]:
    known = (("_stderr", metric.stderr), ("_ci_low", metric.ci_low), ("_ci_high", metric.ci_high), ("_n", metric.n))
    yield from ((ending, value) for ending, value in known if value is not None)
    if metric.n is not None or metric.unscored:
        yield "_n_unscored", metric.n_unscored


def _finite(value: float | None) -> float | None:
    try:
        number = math.nan if value is None else float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _why_not(value: float | None) -> str:
    return "no value: nothing could be scored" if value is None else f"the value {value!r:.40} is not a finite number"

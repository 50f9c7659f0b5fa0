"""Entry: what one job says of one task, ready for a summary: every number under a unique name, no secret anywhere."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from evaltrail.config.redaction import redact_text
from evaltrail.core.delivery import Skipped
from evaltrail.core.metric import MetricValue
from evaltrail.core.result import ResultBundle, TaskResult
from evaltrail.core.values import Scalar

Key = tuple[str, str]
"""Invocation and job: what an export replaces as a whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFacts:
    """Whose result it is."""

    invocation_id: str
    job_id: str = ""
    """Empty for an evaluation of ours."""
    executor: str = ""
    container: str = ""
    results_dir: str = ""
    timestamp: float = 0.0
    """When it was written down, Unix seconds."""

    @property
    def key(self) -> Key:
        """What an export replaces as a whole."""
        return self.invocation_id, self.job_id


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedMetric:
    """A metric under the name that it has in a summary."""

    name: str
    """Unique among all the columns of its entry."""
    metric: MetricValue
    n_unscored: int | None = None
    """None where nobody counted."""

    def columns(self) -> Iterator[tuple[str, float]]:
        """Its number and those beside it that are known: ``name``, ``name_stderr``, ``name_n``..."""
        metric = self.metric
        known = (
            ("", metric.value),
            ("_stderr", metric.stderr),
            ("_ci_low", metric.ci_low),
            ("_ci_high", metric.ci_high),
            ("_n", metric.n),
            ("_n_unscored", self.n_unscored),
        )
        yield from ((self.name + ending, value) for ending, value in known if value is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One task of one job."""

    job: JobFacts
    task: str
    """The benchmark, where its producer has a word for that."""
    model: str
    harness: str
    result: TaskResult
    """Its settings and error are without secrets."""
    params: Mapping[str, Scalar] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    started_at: str = ""
    ended_at: str = ""
    metrics: tuple[NamedMetric, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    """What is no number, and what its reader left out."""


def entries_of(
    bundle: ResultBundle, job: JobFacts, is_wanted: Callable[[str], bool] = lambda _: True
) -> tuple[Entry, ...]:
    """An entry for each task of a result.

    Args:
        bundle: the result.
        job: whose it is.
        is_wanted: whether a metric of this name is; one that is brings along what stands beside it.
    """
    heard = tuple(replace(item, why=redact_text(item.why, bundle.secrets)) for item in bundle.skipped)
    return tuple(
        _entry(bundle, task, job, is_wanted, heard if place == 0 else ()) for place, task in enumerate(bundle.tasks)
    )


def _entry(
    bundle: ResultBundle,
    task: TaskResult,
    job: JobFacts,
    is_wanted: Callable[[str], bool],
    heard: tuple[Skipped, ...],
) -> Entry:
    skipped = list(heard)
    metrics = _distinct(_wanted(_metrics(task, skipped), is_wanted, skipped))
    safe = replace(
        task, config=_hidden(task.config, bundle.secrets), error=redact_text(task.error, bundle.secrets), samples=None
    )
    return Entry(
        job=job,
        task=bundle.tags.get("benchmark") or task.name,
        model=bundle.model,
        harness=task.provider,
        result=safe,
        params=_hidden(bundle.params, bundle.secrets),
        tags=bundle.tags,
        started_at=bundle.started_at.isoformat(),
        ended_at=bundle.ended_at.isoformat(),
        metrics=metrics,
        skipped=tuple(skipped),
    )


def _metrics(task: TaskResult, skipped: list[Skipped]) -> Iterator[NamedMetric]:
    prefix = task.name if task.prefix is None else task.prefix
    measured = [
        MetricValue(name=name, value=value, better="neither", is_grade=False) for name, value in task.usage.items()
    ]
    for metric in (*task.metrics, *measured):
        name = "/".join(part for part in (prefix, *metric.group, metric.name) if part)
        value = _finite(metric.value)
        if value is None:
            why = "nothing could be scored" if metric.value is None else f"{metric.value!r:.40} is not a finite number"
            skipped.append(Skipped(what=f"metric {name}", why=f"no value: {why}"))
        counted = metric.unscored or (metric.n is not None and task.counts.total > 0)
        told = replace(
            metric,
            value=value,
            stderr=_finite(metric.stderr),
            ci_low=_finite(metric.ci_low),
            ci_high=_finite(metric.ci_high),
            floor=_finite(metric.floor),
        )
        yield NamedMetric(name=name, metric=told, n_unscored=metric.n_unscored if counted else None)


def _wanted(
    metrics: Iterable[NamedMetric], is_wanted: Callable[[str], bool], skipped: list[Skipped]
) -> Iterator[NamedMetric]:
    left_out = 0
    for metric in metrics:
        if is_wanted(metric.name) or any(is_wanted(name) for name, _ in metric.columns()):
            yield metric
        else:
            left_out += 1
    if left_out:
        skipped.append(Skipped(what=f"{left_out:,} metrics", why="not among those asked for"))


def _distinct(metrics: Iterable[NamedMetric]) -> tuple[NamedMetric, ...]:
    """The metrics, numbered where one would write into another's columns: the same name at another step."""
    taken: set[str] = set()
    found = []
    for metric in metrics:
        told, number = metric, 2
        while not taken.isdisjoint({told.name, *(name for name, _ in told.columns())}):
            told, number = replace(metric, name=f"{metric.name}_{number}"), number + 1
        taken |= {told.name, *(name for name, _ in told.columns())}
        found.append(told)
    return tuple(found)


def _hidden(values: Mapping[str, Scalar], secrets: frozenset[str]) -> dict[str, Scalar]:
    return {
        name: redact_text(value, secrets) if isinstance(value, str) and secrets else value
        for name, value in values.items()
    }


def _finite(value: float | None) -> float | None:
    if value is None:
        return None
    try:
        return value if math.isfinite(value) else None
    except OverflowError:  # a whole number that no float can hold
        return None

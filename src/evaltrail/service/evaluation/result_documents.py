"""``results.json`` and a file for each benchmark: what an evaluation found, for whoever reads JSON and no parquet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from evaltrail.core.ids import slug
from evaltrail.core.metric import MetricValue
from evaltrail.core.result import ResultBundle, TaskResult
from evaltrail.core.values import Json
from evaltrail.service.record import metric_object

DOCUMENT_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Appraisal:
    """What somebody makes of a result who knows what was asked of it."""

    whole: Mapping[str, Json] = field(default_factory=dict)
    """Of all of it: the weighted score, its threshold, the verdict."""
    tasks: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    """Name of a task to what is said of it: the primary metric, its threshold, the verdict."""


Appraise = Callable[[ResultBundle], Appraisal]
"""Called once the metrics are known."""


def unappraised(bundle: ResultBundle) -> Appraisal:  # noqa: ARG001  a verdict needs the result, this needs nothing
    """No verdict: nothing was asked of the result."""
    return Appraisal()


def result_document(bundle: ResultBundle, appraisal: Appraisal, tasks: Sequence[TaskResult] | None = None) -> bytes:
    """A result as JSON: each task's metrics with n, errors and intervals, its counts, status and cost.

    A number that is not finite is null; what is not known, and a verdict nobody gave, is not there.

    Args:
        bundle: the result.
        appraisal: what is made of it.
        tasks: only these, without what is said of the whole; None = all.
    """
    shown = bundle.tasks if tasks is None else tasks
    document: dict[str, Json] = {
        "version": DOCUMENT_VERSION,
        "id": bundle.id,
        "model": bundle.model,
        "status": bundle.status,
        "started_at": bundle.started_at.isoformat(),
        "ended_at": bundle.ended_at.isoformat(),
        "tasks": [_task_object(task, appraisal.tasks.get(task.name, {})) for task in shown],
    }
    if tasks is not None:
        document["status"] = _worst(tasks)
    elif appraisal.whole:
        document["verdict"] = dict(appraisal.whole)
    return msgspec.json.format(msgspec.json.encode(document), indent=1)


def document_names(names: Sequence[str]) -> tuple[str, ...]:
    """A file name for each of some tasks, no two alike whatever the case: ``arc_easy.json``."""
    taken: set[str] = set()
    made: list[str] = []
    for name in names:
        stem = slug(name)
        number, wanted = 2, stem
        while wanted.casefold() in taken:
            wanted, number = f"{stem}_{number}", number + 1
        taken.add(wanted.casefold())
        made.append(f"{wanted}.json")
    return tuple(made)


def _worst(tasks: Sequence[TaskResult]) -> str:
    failed = sum(task.status == "failed" for task in tasks)
    if failed and failed == len(tasks):
        return "failed"
    return "partially_failed" if any(task.status != "completed" for task in tasks) else "completed"


def _task_object(task: TaskResult, verdict: Mapping[str, Json]) -> Json:
    told: dict[str, Json] = {
        "name": task.name,
        "provider": task.provider,
        "provider_version": task.provider_version,
        "status": task.status,
        "metrics": [_metric_object(metric) for metric in task.metrics],
        "counts": msgspec.to_builtins(task.counts),
        "usage": dict(task.usage),
    }
    if task.dataset is not None:
        told["dataset"] = msgspec.to_builtins(task.dataset)
    if task.error:
        told["error"] = task.error
    if verdict:
        told["verdict"] = dict(verdict)
    return told


def _metric_object(metric: MetricValue) -> Json:
    return {
        "name": "/".join((*metric.group, metric.name)),
        **metric_object(metric),
        "unit": metric.unit,
        "better": metric.better,
        "is_grade": metric.is_grade,
        "step": metric.step,
    }

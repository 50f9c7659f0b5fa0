"""TaskNote: what a task file tells of itself without its data being opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from evaltrail.core.errors import InputError
from evaltrail.core.submission import PrimaryScore
from evaltrail.providers.tasks import MetricSpec, TaskFile, read_task
from evaltrail.scoring.metric_notes import MetricNote, metric_notes

MOST_BYTES = 1_000_000
"""Of a task file; more is data, which belongs beside it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskNote:
    """A task file as the catalog knows it."""

    file: Path
    name: str
    description: str
    metrics: tuple[str, ...]
    shares: frozenset[str]
    primary_score: PrimaryScore | None
    num_few_shot: int


def task_note(file: Path) -> TaskNote:
    """What a file says.

    Raises:
        InputError: it is no task file, or too large for one.
    """
    try:
        size = file.stat().st_size
    except OSError as error:
        message = f"the task file cannot be read: {error.strerror}"
        raise InputError(message, code="missing_task", where=str(file), hint="name a file that is there") from error
    if size > MOST_BYTES:
        hint = "put the records into a data set beside it"
        raise InputError(f"the task file has {size:,} bytes", code="bad_task", where=str(file), hint=hint)
    return noted(read_task(file))


def noted(task: TaskFile) -> TaskNote:
    """What a task that was read says; the first of its metrics that grades answers is the primary one."""
    metrics = tuple(metric_name(spec) for spec in task.metrics)
    known = [(name, note) for name in metrics if (note := _notes().get(name.partition("@")[0]))]
    shares = frozenset(name for name, note in known if note.values in {"0..1", "true/false"})
    primary = next(((name, note.better) for name, note in known if name in shares or note.kind == "judge"), None)
    return TaskNote(
        file=task.file,
        name=task.name,
        description=task.description,
        metrics=metrics,
        shares=shares,
        primary_score=PrimaryScore(metric=primary[0], lower_is_better=primary[1] == "lower") if primary else None,
        num_few_shot=task.fewshot.k if task.fewshot else 0,
    )


def metric_name(spec: MetricSpec) -> str:
    """The metric that an entry of ``metrics:`` makes, as results name it: with its cut, as in ``ndcg@10``."""
    if isinstance(spec, str):
        return spec
    ((name, options),) = spec.items()
    cut = options.get("k")
    return f"{name}@{cut}" if isinstance(cut, int) else name


@cache
def _notes() -> Mapping[str, MetricNote]:
    """What is known of the metrics of this package, and of those of others that are installed."""
    return {note.name: note for note in metric_notes()}

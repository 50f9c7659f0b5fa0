"""A foreign result in the making: tasks whose metrics have unique names, settings that fit params, and notes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from evaltrail.core.metric import Better, MetricValue
from evaltrail.core.result import Status, TaskResult
from evaltrail.core.sample import SampleStream
from evaltrail.core.values import Json, Scalar
from evaltrail.readers.leaves import MOST_LEAVES, MOST_SETTINGS, leaves, number, settings, why_no_number
from evaltrail.readers.notes import Notes

_NO_NUMBER = frozenset({"", "n/a", "nan", "inf", "+inf", "-inf", "infinity", "+infinity", "-infinity"})
MISSING = _NO_NUMBER | {"-", "na", "null", "none"}
"""Words that stand in the place of a number that is not there."""
_MOST_SHARED_SETTINGS = 40
_MOST_STEP = 2**53
_STDERR, _N = "_stderr", "_n"


class Names:
    """Hands out names, no two alike: a name that is taken gets a number."""

    def __init__(self) -> None:
        self._taken: set[tuple[str, int]] = set()
        self._next: dict[tuple[str, int], int] = {}

    def free(self, name: str, endings: tuple[str, ...] = ("",), step: int = 0) -> str:
        """The name, or with ``_2``, ``_3``... behind it, so that it is free with every one of the endings.

        Args:
            name: as wished.
            endings: what else the name is to be used with, such as ``_stderr``.
            step: names of different steps never collide.
        """
        found, count = name, self._next.get((name, step), 2)
        while any((found + ending, step) in self._taken for ending in endings):
            found = f"{name}_{count}"
            count += 1
        self._next[name, step] = count
        self._taken.update((found + ending, step) for ending in endings)
        return found


@dataclass(slots=True, kw_only=True)
class Draft:
    """What a parser has found so far in one file."""

    evaluation: str
    file: Path
    notes: Notes
    model: str = ""
    version: str = ""
    """Of the harness behind the evaluation."""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    status: Status = "completed"
    error: str = ""
    settings: dict[str, Json] = field(default_factory=dict)
    """What is no metric and belongs to no single task; free of secrets."""
    _tasks: dict[str, TaskDraft] = field(default_factory=dict)
    _names: Names = field(default_factory=Names)

    def task(self, name: str, *, prefix: str | None = None) -> TaskDraft:
        """The task of this name, begun if it is not there yet.

        Args:
            name: as its producer says it.
            prefix: see ``TaskResult.prefix``; metrics of all tasks without a prefix share their names.
        """
        if name not in self._tasks:
            names = self._names if prefix == "" else Names()
            self._tasks[name] = TaskDraft(name=name, prefix=prefix, draft=self, names=names)
        return self._tasks[name]

    def new_task(self, name: str) -> TaskDraft:
        """A task that is not there yet: of this name, or with a number behind it."""
        found, count = name, 2
        while found in self._tasks:
            found, count = f"{name}_{count}", count + 1
        return self.task(found)

    def rest(self, value: Json, *path: str) -> None:
        """Keep what stands outside of every task: numbers at their path as metrics, the others as settings."""
        self.task(self.evaluation).rest(value, *path)

    def set(self, name: str, value: Json) -> None:
        """Keep a setting, under another name where the name is taken."""
        found, count = name, 2
        while found in self.settings and not _same(self.settings[found], value):
            found, count = f"{name}_{count}", count + 1
        self.settings[found] = value

    def set_all(self, values: Mapping[str, Json]) -> None:
        """Keep several settings."""
        for name, value in values.items():
            self.set(name, value)

    def params(self) -> dict[str, Scalar]:
        """The settings of the whole file, as many as fit."""
        most = _MOST_SHARED_SETTINGS if any(task.settings for task in self._tasks.values()) else MOST_SETTINGS
        return settings(self.settings, self.notes, where=self.file.name, most=most)

    def results(self) -> tuple[TaskResult, ...]:
        """The tasks that hold anything."""
        configs = self._configs()
        return tuple(
            task.result(config)
            for task, config in zip(self._tasks.values(), configs, strict=True)
            if task.metrics or task.samples is not None or config
        )

    def _configs(self) -> list[dict[str, Scalar]]:
        """The settings of each task; where not all fit, every task keeps the first kinds of them."""
        tasks = list(self._tasks.values())
        kinds = list(dict.fromkeys(kind for task in tasks for kind in task.settings))
        numbered = {
            f"{place}:{position}": task.settings[kind]
            for place, kind in enumerate(kinds)
            for position, task in enumerate(tasks)
            if kind in task.settings
        }
        found: list[dict[str, Scalar]] = [{} for _ in tasks]
        most = MOST_SETTINGS - (_MOST_SHARED_SETTINGS if self.settings else 0)
        for name, value in settings(numbered, self.notes, where=f"{self.file.name}: tasks", most=most).items():
            head, _, path = name.partition(".")
            place, _, position = head.partition(":")
            found[int(position)][".".join(part for part in (kinds[int(place)], path) if part)] = value
        return found


@dataclass(slots=True, kw_only=True)
class TaskDraft:
    """One task in the making."""

    name: str
    prefix: str | None
    draft: Draft
    names: Names
    metrics: list[MetricValue] = field(default_factory=list)
    settings: dict[str, Json] = field(default_factory=dict)
    samples: SampleStream | None = None

    def measure(
        self,
        name: str,
        value: Json,
        *path: str,
        group: tuple[str, ...] = (),
        step: int = 0,
        stderr: Json = None,
        n: Json = None,
        better: Better = "neither",
        twin: str = "",
    ) -> None:
        """Keep what stands in a metric's place: a number as the metric, other things for what they are, or a note.

        Args:
            name: as the producer says it.
            value: the number, or whatever stands in its place.
            path: where it stands in the file.
            group: see ``MetricValue.group``.
            step: see ``MetricValue.step``.
            stderr: its standard error, or what stands in its place; None = there is none.
            n: the samples behind it, the same way.
            better: which direction is good, where the producer says so.
            twin: its name where another metric has ``name`` already; one that says the same is not kept twice.
        """
        found, error, count = number(value), number(stderr), _whole(n)
        for ending, beside, is_used in ((_STDERR, stderr, error is not None), (_N, n, count is not None)):
            if beside is not None and (found is None or not is_used):
                self.measure(f"{name}{ending}", beside, *path, ending.strip("_"), group=group, step=step)
        if found is not None:
            named = name or "value"
            metric = MetricValue(name=named, value=found, group=group, step=step, stderr=error, n=count, better=better)
            self._add(metric, twin)
        elif isinstance(value, str) and value.strip().casefold() in MISSING:
            self._note(value, *path)
        else:
            self._keep(value, (name,), path, group=group, step=step)

    def rest(self, value: Json, *path: str) -> None:
        """Keep what has no place of its own: numbers at their path as metrics, the others as settings."""
        self._keep(value, path, path)

    def result(self, config: Mapping[str, Scalar]) -> TaskResult:
        """The finished task."""
        return TaskResult(
            name=self.name,
            provider=self.draft.evaluation,
            provider_version=self.draft.version,
            prefix=self.prefix,
            config=config,
            metrics=tuple(self.metrics),
            samples=self.samples,
            status=self.draft.status,
            error=self.draft.error,
        )

    def _keep(
        self,
        value: Json,
        names: tuple[str, ...],
        path: tuple[str, ...],
        *,
        group: tuple[str, ...] = (),
        step: int = 0,
    ) -> None:
        for count, (inner, leaf) in enumerate(leaves(value), 1):
            if count == MOST_LEAVES:
                self.draft.notes.skip(
                    f"{self.draft.file.name}: {'.'.join(path)}", f"only {count:,} values of it are read"
                )
            is_text = isinstance(leaf, str) and leaf.strip().casefold() not in _NO_NUMBER
            if is_text or isinstance(leaf, bool):
                self.draft.set(".".join((*path, *inner)), leaf)
            elif number(leaf) is not None:
                self.measure(".".join((*names, *inner)), leaf, *path, *inner, group=group, step=step)
            elif leaf != "":
                self._note(leaf, *path, *inner)

    def _add(self, metric: MetricValue, twin: str) -> None:
        same_name = (metric.name, metric.group, metric.step)
        if twin and any((known.name, known.group, known.step) == same_name for known in self.metrics):
            if metric in self.metrics:
                return
            metric = replace(metric, name=twin)
        endings = ("", *((_STDERR,) if metric.stderr is not None else ()), *((_N,) if metric.n is not None else ()))
        wished = "/".join((*metric.group, metric.name))
        given = self.names.free(wished, endings, metric.step)
        if given != wished:
            metric = replace(metric, name=metric.name + given.removeprefix(wished))
        self.metrics.append(metric)

    def _note(self, value: Json, *path: str) -> None:
        where = ".".join(path) or "its only value"
        self.draft.notes.skip(f"{self.draft.file.name}: {where}", why_no_number(value))


def _whole(value: Json) -> int | None:
    """The number of samples that a value says, or None when it is no such number."""
    found = number(value)
    return int(found) if found is not None and found >= 0 and found.is_integer() and found <= _MOST_STEP else None


def whole_step(value: Json) -> int | None:
    """The step that a value says, or None when it is no whole number or too large for one."""
    found = number(value)
    return int(found) if found is not None and found.is_integer() and abs(found) <= _MOST_STEP else None


def _same(first: Json, second: Json) -> bool:
    """Whether two settings say the same; 1 and True do not."""
    return repr(first) == repr(second)

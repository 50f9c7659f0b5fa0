"""Merge: several results that belong together as one bundle, none of whose values hides another's."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from evaltrail.core.artifact import Artifact
from evaltrail.core.delivery import Skipped
from evaltrail.core.ids import digest
from evaltrail.core.metric import MetricValue
from evaltrail.core.result import ResultBundle, Status, TaskResult
from evaltrail.core.source import Source
from evaltrail.core.values import Scalar

_MOST_PARAMS = 99
"""As many as MLflow takes in one request beside the model; the files that land hold them all."""
_TOO_MANY = Skipped(
    what="settings that differ between the results",
    why=f"there are more than {_MOST_PARAMS}; differing params stand together, and the files of each result hold all",
)

_SAY_NOTHING = frozenset({"automatic", "llm_as_a_judge", "results", "artifacts"})
"""Folders that harnesses put everything into."""
_INVOCATION = "invocation_id"
"""The tag by which runs of one launch are found."""
Point = tuple[str, int]
"""A metric's whole name, and its step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What tells one result from the others it is put together with."""

    text: str
    """Stands before names that would meet: ``mmlu.3``."""
    folder: str
    """Where its files go, relative; empty = the top."""


def labels_of(heads: Sequence[Source]) -> list[Label]:
    """A label for each head, none alike: its path below the folder they share, without what says nothing."""
    common = os.path.commonpath([head.path.parent for head in heads])
    relative = [PurePath(os.path.relpath(head.path, common)) for head in heads]
    short = [path if head.is_folder else path.with_suffix("") for head, path in zip(heads, relative, strict=True)]
    telling = [PurePath(*(part for part in path.parts if part not in _SAY_NOTHING)) for path in short]
    texts = next(found for found in (telling, short, relative) if len(set(found)) == len(found))
    folders = [path if head.is_folder else path.parent for head, path in zip(heads, relative, strict=True)]
    return [
        Label(text=text.as_posix(), folder="" if folder == PurePath() else folder.as_posix())
        for text, folder in zip(texts, folders, strict=True)
    ]


def merge(
    bundles: Sequence[ResultBundle], labels: Sequence[Label], *, group: str, name: str, is_split: bool = False
) -> ResultBundle:
    """One bundle of all the tasks, files and settings.

    Metrics whose names meet another result's bear its label; settings that differ bear it too, as many as fit. Where
    each task becomes a run of its own, what differs stands with the tasks instead: settings, model, tags and files.

    Args:
        bundles: in the order they are to be told.
        labels: what tells each of them apart; none alike.
        group: what they have in common; the id where the producer has ids of its own.
        name: what the run is called.
        is_split: whether each task becomes a run of its own.
    """
    first = bundles[0]
    timed = [bundle for bundle in bundles if bundle.started_at != bundle.ended_at] or bundles
    told = _tasks(bundles, labels, _own_settings(bundles) if is_split else ())
    params, is_whole = (_split_params(bundles, labels), True) if is_split else _params(bundles, labels)
    return ResultBundle(
        id=group if first.origin.invocation else digest(sorted(bundle.id for bundle in bundles)),
        digest=digest([[bundle.id, bundle.digest] for bundle in bundles]) if first.origin.invocation else "",
        name=name,
        kind=first.kind,
        origin=replace(first.origin, folder=name or first.origin.folder),
        model=_split_model(bundles) if is_split else _joined(bundle.model for bundle in bundles),
        tasks=tuple(task for tasks in told for task in tasks),
        params=params,
        tags=_split_tags(bundles) if is_split else _tags(bundles),
        artifacts=_artifacts(bundles, labels, told if is_split else ()),
        status=_status([bundle.status for bundle in bundles]),
        started_at=min(bundle.started_at for bundle in timed),
        ended_at=max(bundle.ended_at for bundle in timed),
        skipped=(
            *(
                Skipped(what=f"{label.text}: {item.what}", why=item.why)
                for bundle, label in zip(bundles, labels, strict=True)
                for item in bundle.skipped
            ),
            *(() if is_whole else (_TOO_MANY,)),
        ),
        secrets=frozenset(secret for bundle in bundles for secret in bundle.secrets),
    )


def _tasks(
    bundles: Sequence[ResultBundle], labels: Sequence[Label], own: Sequence[Mapping[str, Scalar]]
) -> list[list[TaskResult]]:
    """The tasks of each result, with its own settings where there are such, else without any."""
    names = Counter(task.name for bundle in bundles for task in bundle.tasks)
    points = Counter(point for bundle in bundles for task in bundle.tasks for point in set(_points(task)))
    taken = {start for name, _ in points for start in _starts(name)}.union(names)
    whole: list[list[TaskResult]] = []
    for place, (bundle, label) in enumerate(zip(bundles, labels, strict=True)):
        labelled = _labelled(label.text, bundle, taken)
        whole.append([])
        for task in bundle.tasks:
            is_alone = names[task.name] == 1
            meets = {point for point in _points(task) if points[point] > 1}
            told = replace(
                task,
                name=task.name if is_alone else labelled[task.name],
                config={**own[place], **task.config} if own else {},
            )
            if meets and is_alone and not _prefix(task):
                told = replace(told, metrics=_apart(task, meets, labelled[""]))
            elif meets:
                told = replace(told, prefix=labelled[_prefix(task)])
            whole[-1].append(told)
    return whole


def _apart(task: TaskResult, meets: set[Point], label: str) -> tuple[MetricValue, ...]:
    """The metrics, those below the label whose names or groups meet another's: ``ifeval.1/runtime/count``."""
    groups = {metric.group for metric in task.metrics if metric.group and _point(metric, task) in meets}
    return tuple(
        replace(metric, group=(label, *metric.group))
        if metric.group in groups or _point(metric, task) in meets
        else metric
        for metric in task.metrics
    )


def _artifacts(
    bundles: Sequence[ResultBundle], labels: Sequence[Label], told: Sequence[Sequence[TaskResult]]
) -> tuple[Artifact, ...]:
    """Every file once, in its result's folder; with the tasks as they are told, it is that of its only task."""
    found: dict[tuple[str, Path], Artifact] = {}
    for place, (bundle, label) in enumerate(zip(bundles, labels, strict=True)):
        for item in bundle.artifacts:
            path = f"{label.folder}/{item.path}" if label.folder else item.path
            task = _owner(item, bundle, told[place]) if told else ""
            kept = found.setdefault((path, item.file), replace(item, path=path, task=task))
            if kept.task != task:  # a file of several results
                found[path, item.file] = replace(kept, task="")
    return tuple(found.values())


def _owner(item: Artifact, bundle: ResultBundle, told: Sequence[TaskResult]) -> str:
    """The name, as it is told, of the one task that a file belongs to; empty = it is shared."""
    if len(told) == 1:
        return told[0].name
    return next((task.name for was, task in zip(bundle.tasks, told, strict=True) if was.name == item.task), "")


def _points(task: TaskResult) -> Iterator[Point]:
    return (_point(metric, task) for metric in task.metrics)


def _point(metric: MetricValue, task: TaskResult) -> Point:
    return "/".join((_prefix(task), *metric.group, metric.name)), metric.step


def _prefix(task: TaskResult) -> str:
    return task.name if task.prefix is None else task.prefix


def _starts(name: str) -> Iterator[str]:
    """The name, and what stands before each of its slashes."""
    yield name
    yield from (name[:place] for place, letter in enumerate(name) if letter == "/")


def _labelled(label: str, bundle: ResultBundle, taken: set[str]) -> dict[str, str]:
    """For the name and the prefix of each task, and for none, what it is called with its label; then those are taken.

    ``mmlu.3`` says enough of the only task ``mmlu``; other labels stand before the name. What would meet a name of
    another result, or the start of one, gets a number.
    """
    told: dict[str, str] = {}
    for name in dict.fromkeys(("", *(said for task in bundle.tasks for said in (task.name, _prefix(task))))):
        is_said = len(bundle.tasks) == 1 and PurePath(label).name.startswith(name)
        long = f"{label}/{name}" if name else label
        forms = itertools.chain(
            (label,) if is_said else (), (long,), (f"{long}_{place}" for place in itertools.count(2))
        )
        told[name] = next(form for form in forms if form == name or form not in taken)
    taken.update(told.values())
    return told


def _params(bundles: Sequence[ResultBundle], labels: Sequence[Label]) -> tuple[dict[str, Scalar], bool]:
    """The settings of all results as params, and whether every value stands by itself.

    What all share stands once. What differs bears a label, as long as everything fits one request; else the
    differing values of one name stand together.
    """
    shared, differing = _compared([_all_settings(bundle) for bundle in bundles])
    own = {
        f"{label.text}.{name}": value
        for name, found in differing.items()
        for label, value in zip(labels, found, strict=True)
        if value is not None
    }
    if len(shared) + len(own) <= _MOST_PARAMS:
        return shared | own, True
    joined = {name: _joined(str(value) for value in found if value is not None) for name, found in differing.items()}
    return dict(list((shared | joined).items())[:_MOST_PARAMS]), False


def _own_settings(bundles: Sequence[ResultBundle]) -> list[dict[str, Scalar]]:
    """What each result says of itself and not all share: tags, model and params, the latter where names meet."""
    own: list[dict[str, Scalar]] = [{} for _ in bundles]
    layers: tuple[list[Mapping[str, Scalar]], ...] = (
        [bundle.tags for bundle in bundles],
        [{"model": bundle.model or None} for bundle in bundles],
        [bundle.params for bundle in bundles],
    )
    for layer in layers:
        shared, _ = _compared(layer)
        for mine, said in zip(own, layer, strict=True):
            mine |= {name: value for name, value in said.items() if name not in shared and value is not None}
    return own


def _split_params(bundles: Sequence[ResultBundle], labels: Sequence[Label]) -> dict[str, Scalar]:
    """The params that all share; those of a result that has no task to bear them keep its label."""
    shared, differing = _compared([bundle.params for bundle in bundles])
    homeless = {
        f"{label.text}.{name}": value
        for name, found in differing.items()
        for bundle, label, value in zip(bundles, labels, found, strict=True)
        if value is not None and not bundle.tasks
    }
    return shared | homeless


def _split_model(bundles: Sequence[ResultBundle]) -> str:
    """The model that all share."""
    models = {bundle.model for bundle in bundles}
    return models.pop() if len(models) == 1 else ""


def _split_tags(bundles: Sequence[ResultBundle]) -> dict[str, str]:
    """The tags that all share, and what the producer knows the whole by."""
    shared, _ = _compared([bundle.tags for bundle in bundles])
    return {name: value for name, value in _tags(bundles).items() if name in shared or name == _INVOCATION}


def _all_settings(bundle: ResultBundle) -> dict[str, Scalar]:
    several = len(bundle.tasks) > 1
    settings = {
        f"{task.name}.{name}" if several else name: value
        for task in bundle.tasks
        for name, value in task.config.items()
    }
    return {**bundle.params, **settings}


def _compared(settings: Sequence[Mapping[str, Scalar]]) -> tuple[dict[str, Scalar], dict[str, list[Scalar]]]:
    """The values that all share, and for every other name the value of each."""
    values = {name: [each.get(name) for each in settings] for each in settings for name in each}
    shared = {name: found[0] for name, found in values.items() if all(value == found[0] for value in found)}
    return shared, {name: found for name, found in values.items() if name not in shared}


def _tags(bundles: Sequence[ResultBundle]) -> dict[str, str]:
    names = dict.fromkeys(name for bundle in bundles for name in bundle.tags)
    return {name: _joined(bundle.tags.get(name, "") for bundle in bundles) for name in names}


def _joined(values: Iterable[str]) -> str:
    return ",".join(dict.fromkeys(value for value in values if value))


def _status(found: Sequence[Status]) -> Status:
    if len(set(found)) == 1:
        return found[0]
    return "cancelled" if "cancelled" in found and "failed" not in found else "partially_failed"

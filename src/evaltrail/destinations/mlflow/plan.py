"""From a bundle to the runs it becomes: pure, so that a delivery can be shown and tested without MLflow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

import msgspec

from evaltrail.core.dataset import Dataset
from evaltrail.core.delivery import DeliveryOptions, Skipped
from evaltrail.core.ids import digest
from evaltrail.core.result import ResultBundle, Status, TaskResult
from evaltrail.core.values import Json
from evaltrail.destinations.mlflow.labels import Labels, run_params, run_tags
from evaltrail.destinations.mlflow.naming import (
    NAME_CHARACTERS,
    NameMap,
    checked_experiment,
    clean_text,
    renamed,
    unique_paths,
)
from evaltrail.destinations.mlflow.points import Points, metric_points
from evaltrail.destinations.mlflow.run_plan import (
    NAME_MAP_FILE,
    TABLE_FILE,
    PlannedArtifact,
    PlannedDataset,
    RunPlan,
)

DEFAULT_EXPERIMENT = "evaltrail"

TERMINAL: Mapping[Status, str] = MappingProxyType(
    {
        "completed": "FINISHED",
        "partially_failed": "FAILED",
        "failed": "FAILED",
        "cancelled": "KILLED",
    }
)
"""How a result ended, in MLflow's words."""

_DIGEST_CHARACTERS = 36


def plan_bundle(bundle: ResultBundle, options: DeliveryOptions, *, version: str, user: str = "") -> tuple[RunPlan, ...]:
    """The runs a bundle becomes, parent first: one, and with layout ``nested`` one more below it for each task.

    Args:
        bundle: the finished result.
        options: how it is to land.
        version: evaltrail's version, kept as a tag.
        user: who delivers, as MLflow shows it; empty = nobody said.

    Raises:
        InputError: the experiment name or a tag cannot be used.
    """
    whole = _run(bundle, bundle.tasks, options, version=version, user=user)
    if options.layout != "nested":
        return (whole,)
    children = tuple(_run(bundle, (task,), options, version=version, user=user, parent=whole) for task in bundle.tasks)
    return (whole, *children)


def _run(
    bundle: ResultBundle,
    tasks: Sequence[TaskResult],
    options: DeliveryOptions,
    *,
    version: str,
    user: str,
    parent: RunPlan | None = None,
) -> RunPlan:
    task = "" if parent is None else tasks[0].name
    points = metric_points(tasks, timestamp_ms=_milliseconds(bundle.ended_at))
    params = run_params(bundle, tasks, options)
    key = _key(bundle, options, task=task, params=params, points=points)
    artifacts = () if parent is not None else _artifacts(bundle, options)
    tags = run_tags(_our_tags(bundle, tasks, key=key, version=version, artifacts=artifacts), bundle, options)
    run_name = clean_text((options.run_name if parent is None else "") or _run_name(bundle, tasks))
    names = NameMap(
        metrics=points.renamed,
        params=params.renamed,
        tags=tags.renamed,
        artifacts=renamed({} if parent is not None else unique_paths(item.path for item in bundle.artifacts)),
    )
    if names:
        artifacts = (*artifacts, PlannedArtifact(path=NAME_MAP_FILE))
    return RunPlan(
        key=key,
        parent_key="" if parent is None else parent.key,
        parent_run_id=options.parent_run_id if parent is None else "",
        run_id=options.run_id if parent is None else "",
        experiment="" if options.experiment_id else checked_experiment(options.experiment or DEFAULT_EXPERIMENT),
        experiment_id=options.experiment_id,
        run_name=run_name[:NAME_CHARACTERS],
        user=clean_text(user),
        task=task,
        started_ms=_milliseconds(bundle.started_at),
        ended_ms=_milliseconds(bundle.ended_at),
        status=TERMINAL[bundle.status if parent is None else tasks[0].status],
        tags=tags.values,
        params=params.values,
        metrics=points.metrics,
        artifacts=artifacts,
        datasets=_datasets(tasks),
        skipped=(*points.skipped, *params.skipped, *tags.skipped, *_cut_name(run_name)),
        names=names,
    )


def _key(bundle: ResultBundle, options: DeliveryOptions, *, task: str, params: Labels, points: Points) -> str:
    """What makes two deliveries the same: source, place, and everything MLflow could not change later."""
    identity: dict[str, Json] = {
        "bundle": clean_text(bundle.id),
        "layout": options.layout,
        "experiment": options.experiment_id or options.experiment or DEFAULT_EXPERIMENT,
        "run_id": options.run_id,
        "parent_run_id": options.parent_run_id,
        "child": task,
        "params": dict(params.values),
        "metrics": sorted({point.name for point in points.metrics}),
    }
    return digest(identity)


def _our_tags(
    bundle: ResultBundle,
    tasks: Sequence[TaskResult],
    *,
    key: str,
    version: str,
    artifacts: Sequence[PlannedArtifact],
) -> dict[str, str]:
    table = [{"path": item.path, "type": "table"} for item in artifacts if item.path == TABLE_FILE]
    return {
        "evaltrail.key": key,
        "evaltrail.id": bundle.id,
        "evaltrail.version": version,
        "evaltrail.source": " ".join(part for part in (bundle.origin.producer, bundle.origin.version) if part),
        "evaltrail.model": bundle.model,
        "evaltrail.task": ",".join(task.name for task in tasks),
        "evaltrail.provider": ",".join(dict.fromkeys(task.provider for task in tasks)),
        "mlflow.source.name": "evaltrail",
        "mlflow.source.type": "LOCAL",
        "mlflow.loggedArtifacts": msgspec.json.encode(table).decode() if table else "",
    }


def _artifacts(bundle: ResultBundle, options: DeliveryOptions) -> tuple[PlannedArtifact, ...]:
    paths = unique_paths(item.path for item in bundle.artifacts)
    planned = [
        PlannedArtifact(path=paths[item.path], file=str(item.file), is_required=item.role == "required")
        for item in bundle.artifacts
    ]
    has_samples = any(task.samples is not None for task in bundle.tasks)
    if has_samples and options.table_rows > 0 and TABLE_FILE not in paths.values():
        planned.append(PlannedArtifact(path=TABLE_FILE))
    return tuple(planned)


def _datasets(tasks: Sequence[TaskResult]) -> tuple[PlannedDataset, ...]:
    known = {(task.dataset.name, task.dataset.digest): task.dataset for task in tasks if task.dataset is not None}
    return tuple(_dataset(dataset) for dataset in known.values())


def _dataset(dataset: Dataset) -> PlannedDataset:
    address = clean_text(dataset.source)
    scheme, _, place = address.partition("://")
    if scheme == "hf" and place:
        path, _, query = place.partition("?")
        split = query.partition("split=")[2].partition("&")[0]
        source_type, source = "hugging_face", {"path": path, "split": split or None}
    elif scheme in {"http", "https"} and place:
        source_type, source = "http", {"url": address}
    else:
        source_type, source = "local", {"uri": address or clean_text(dataset.name)}
    profile = "" if dataset.size is None else msgspec.json.encode({"num_rows": dataset.size}).decode()
    return PlannedDataset(
        name=clean_text(dataset.name)[:NAME_CHARACTERS] or "unnamed",
        digest=clean_text(dataset.digest)[:_DIGEST_CHARACTERS] or "unknown",
        source_type=source_type,
        source=msgspec.json.encode(source).decode(),
        profile=profile,
    )


def _run_name(bundle: ResultBundle, tasks: Sequence[TaskResult]) -> str:
    subject = ", ".join(task.name for task in tasks if task.name) or bundle.origin.folder or bundle.origin.producer
    return f"{subject} · {bundle.model}" if bundle.model else subject


def _cut_name(run_name: str) -> tuple[Skipped, ...]:
    if len(run_name) <= NAME_CHARACTERS:
        return ()
    return (Skipped(what="run name", why=f"{len(run_name)} characters, cut to {NAME_CHARACTERS}"),)


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)

"""From a bundle to the runs it becomes: pure, so that a delivery can be shown and tested without MLflow."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType

import msgspec

from evaltrail.core.dataset import Dataset
from evaltrail.core.delivery import DeliveryOptions, Skipped
from evaltrail.core.ids import digest
from evaltrail.core.result import ResultBundle, Status, TaskResult
from evaltrail.core.values import Json
from evaltrail.destinations.mlflow.files import Files, run_files
from evaltrail.destinations.mlflow.labels import Labels, experiment_tags, run_params, run_tags, without
from evaltrail.destinations.mlflow.naming import (
    NAME_CHARACTERS,
    NameMap,
    checked_experiment,
    clean_text,
)
from evaltrail.destinations.mlflow.open_run import beside_others
from evaltrail.destinations.mlflow.points import Points, metric_points
from evaltrail.destinations.mlflow.run_plan import (
    EVALUATED_ON,
    ID_TAG,
    KEY_TAG,
    NAME_MAP_FILE,
    NOTE_TAG,
    PROVIDER_TAG,
    TABLE_FILE,
    ExperimentLabels,
    PlannedArtifact,
    PlannedDataset,
    PlannedTraces,
    RunPlan,
)

TERMINAL: Mapping[Status, str] = MappingProxyType(
    {
        "completed": "FINISHED",
        "partially_failed": "FAILED",
        "failed": "FAILED",
        "cancelled": "KILLED",
    }
)
"""How a result ended, in MLflow's words."""

RUN_TYPE_TAG, EVALUATION_RUN = "mlflow.runType", "genai_evaluate"
"""By this tag MLflow's UI knows a run whose traces and assessments it is to show as an evaluation."""

_DIGEST_CHARACTERS = 36
_MOST_TASKS_IN_NAME = 8
_MOST_PARAMS_ABOVE = 100
"""What MLflow takes in one request; a parent with more leaves them to its children."""
_SEARCHABLE = re.compile(r"[\w.:-]{1,200}")
"""Values that MLflow's filters can compare without quoting."""


def plan_bundle(bundle: ResultBundle, options: DeliveryOptions, *, version: str, user: str = "") -> tuple[RunPlan, ...]:
    """The runs a bundle becomes, parent first.

    One; with layout ``nested`` one more below it for each task; with ``per_task`` one for each task instead. What
    ``per_file`` and ``per_bundle`` tell apart is decided where sources are put together into bundles.

    Args:
        bundle: the finished result.
        options: how it is to land.
        version: evaltrail's version, kept as a tag.
        user: who delivers, as MLflow shows it; empty = nobody said.

    Raises:
        InputError: the experiment name or a tag cannot be used.
    """
    if options.layout == "per_task" and len(bundle.tasks) > 1:
        shared = (bundle, *(replace(bundle, skipped=()) for _ in bundle.tasks[1:]))  # what was skipped is told once
        return tuple(
            _run(one, (task,), options, version=version, user=user, task=task.name)
            for one, task in zip(shared, bundle.tasks, strict=True)
        )
    whole = _run(bundle, bundle.tasks, options, version=version, user=user)
    if options.stays_open:
        return (beside_others(whole, options),)
    if options.layout != "nested":
        return (whole,)
    children = tuple(
        _run(bundle, (task,), options, version=version, user=user, task=task.name, parent=whole)
        for task in bundle.tasks
    )
    return (whole, *children)


def _run(
    bundle: ResultBundle,
    tasks: Sequence[TaskResult],
    options: DeliveryOptions,
    *,
    version: str,
    user: str,
    task: str = "",
    parent: RunPlan | None = None,
) -> RunPlan:
    points = metric_points(tasks, timestamp_ms=_milliseconds(bundle.ended_at), only=options.log_metrics)
    params = run_params(bundle, tasks, options)
    if options.layout == "nested" and parent is None and len(params.values) > _MOST_PARAMS_ABOVE:
        params = run_params(replace(bundle, tasks=()), (), options)  # the runs below hold each task's own
    key = _key(bundle, options, task=task, params=params, points=points)
    files = run_files(bundle, options, task=task) if parent is None else Files(renamed={})
    artifacts = files.artifacts
    traces = _traces(tasks, options) if parent is None else PlannedTraces()
    ours = _our_tags(bundle, tasks, key=key, version=version, layout=options.layout, artifacts=artifacts)
    ours |= {RUN_TYPE_TAG: EVALUATION_RUN} if traces.choice else {}
    tags, above = run_tags(ours, bundle, options), experiment_tags(bundle, options)
    run_name = clean_text(_run_name(bundle, tasks, options, task=task, is_child=parent is not None))
    names = NameMap(metrics=points.renamed, params=params.renamed, tags=tags.renamed, artifacts=files.renamed)
    if names and options.artifact_roles:
        artifacts = (*artifacts, PlannedArtifact(path=NAME_MAP_FILE))
    heard = () if parent is not None else _public(bundle)
    return RunPlan(
        key=key,
        parent_key="" if parent is None else parent.key,
        parent_run_id=options.parent_run_id if parent is None else "",
        run_id=options.run_id if parent is None else "",
        experiment=_experiment(options),
        experiment_id=options.experiment_id,
        experiment_labels=_experiment_labels(above.values),
        run_name=run_name[:NAME_CHARACTERS],
        user=clean_text(user),
        task=task,
        started_ms=_milliseconds(bundle.started_at),
        ended_ms=_milliseconds(bundle.ended_at),
        family=_family(tags.values),
        skip_existing=options.skip_existing,
        status=TERMINAL[tasks[0].status if task else bundle.status],
        tags=tags.values,
        params=params.values,
        metrics=points.metrics,
        artifacts=artifacts,
        datasets=_datasets(tasks),
        traces=traces,
        skipped=(
            *heard,
            *points.skipped,
            *params.skipped,
            *tags.skipped,
            *above.skipped,
            *files.skipped,
            *_cut_name(run_name),
        ),
        names=names,
    )


def _experiment(options: DeliveryOptions) -> str:
    """The experiment's name; empty where its id says it."""
    return "" if options.experiment_id else checked_experiment(options.experiment or options.default_experiment)


def _experiment_labels(tags: Mapping[str, str]) -> ExperimentLabels:
    own = {name: value for name, value in tags.items() if name != NOTE_TAG}
    return ExperimentLabels(tags=own, description=tags.get(NOTE_TAG, ""))


def _public(bundle: ResultBundle) -> tuple[Skipped, ...]:
    """What the reader left out, told without the secrets that it may have met there."""
    return tuple(replace(item, why=without(item.why, bundle.secrets)) for item in bundle.skipped)


def _key(bundle: ResultBundle, options: DeliveryOptions, *, task: str, params: Labels, points: Points) -> str:
    """What makes two deliveries the same: source, place, and everything MLflow could not change later."""
    identity: dict[str, Json] = {
        "bundle": clean_text(bundle.id),
        **({"digest": bundle.digest} if bundle.digest else {}),
        "layout": options.layout,
        "experiment": options.experiment_id or options.experiment or options.default_experiment,
        "run_id": options.run_id,
        "parent_run_id": options.parent_run_id,
        "child": task,
        "params": dict(params.values),
        "metrics": sorted({point.name for point in points.metrics}),
    }
    return digest(identity)


def _family(tags: Mapping[str, str]) -> tuple[str, str]:
    """What to look for to find every run of the same source: a producer's invocation, else the bundle's id."""
    for name in ("invocation_id", ID_TAG):
        if _SEARCHABLE.fullmatch(tags.get(name, "")):
            return name, tags[name]
    return "", ""


def _our_tags(
    bundle: ResultBundle,
    tasks: Sequence[TaskResult],
    *,
    key: str,
    version: str,
    layout: str,
    artifacts: Sequence[PlannedArtifact],
) -> dict[str, str]:
    table = [{"path": item.path, "type": "table"} for item in artifacts if item.path == TABLE_FILE]
    return {
        KEY_TAG: key,
        ID_TAG: bundle.id,
        "evaltrail.version": version,
        "evaltrail.layout": layout,
        "evaltrail.source": " ".join(part for part in (bundle.origin.producer, bundle.origin.version) if part),
        "evaltrail.model": bundle.model,
        "evaltrail.task": ",".join(task.name for task in tasks),
        PROVIDER_TAG: ",".join(dict.fromkeys(task.provider for task in tasks)),
        "mlflow.source.name": "evaltrail",
        "mlflow.source.type": "LOCAL",
        "mlflow.loggedArtifacts": msgspec.json.encode(table).decode() if table else "",
    }


def _traces(tasks: Sequence[TaskResult], options: DeliveryOptions) -> PlannedTraces:
    has_samples = any(task.samples is not None for task in tasks)
    return PlannedTraces(choice=options.traces or 0) if has_samples else PlannedTraces()


def _datasets(tasks: Sequence[TaskResult]) -> tuple[PlannedDataset, ...]:
    own = [dataset for task in tasks for dataset in (task.dataset, *task.inputs) if dataset is not None]
    known = {(dataset.name, dataset.digest, dataset.context): dataset for dataset in own}
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
        context=clean_text(dataset.context) or EVALUATED_ON,
    )


def _run_name(
    bundle: ResultBundle, tasks: Sequence[TaskResult], options: DeliveryOptions, *, task: str, is_child: bool
) -> str:
    own = bundle.name if is_child else options.run_name or bundle.name
    if own:
        return f"{own}-{task}" if task else own
    names = [task.name for task in tasks if task.name]
    subject = ", ".join(names) or bundle.origin.folder or bundle.origin.producer
    if len(names) > _MOST_TASKS_IN_NAME:
        subject = f"{bundle.origin.folder or names[0]} ({len(names)} tasks)"
    return f"{subject} · {bundle.model}" if bundle.model else subject


def _cut_name(run_name: str) -> tuple[Skipped, ...]:
    if len(run_name) <= NAME_CHARACTERS:
        return ()
    return (Skipped(what="run name", why=f"{len(run_name)} characters, cut to {NAME_CHARACTERS}"),)


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)

"""A finished generation as a result that can land: figures, settings, files, and what it was made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from evaltrail.bundle import layout
from evaltrail.config.secrets import public_url
from evaltrail.core.artifact import Artifact
from evaltrail.core.document import Document
from evaltrail.core.generation import Generation, GenerationPlan
from evaltrail.core.metric import MetricValue
from evaltrail.core.result import Origin, ResultBundle, TaskResult
from evaltrail.core.values import Scalar
from evaltrail.core.version import VERSION
from evaltrail.providers.questions.lineage import DATASET_TAG, UPLOAD_RUN_TAG, UPLOAD_TAG, VERSION_TAG, joined_ids
from evaltrail.service.generating.order import GenerationOrder
from evaltrail.service.generating.upload_run import upload_dataset
from evaltrail.store.dataset_store import DatasetVersion

GENERATION_TASK = "generation"


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a generation does not know of itself."""

    id: str
    started_at: datetime
    ended_at: datetime
    artifacts: tuple[Artifact, ...]
    dataset: DatasetVersion | None = None
    upload_run_ids: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()


def generation_bundle(
    order: GenerationOrder, generation: Generation, documents: Sequence[Document], about: About
) -> ResultBundle:
    """The result.

    Args:
        order: what was asked for.
        generation: what came of it.
        documents: that it was made of.
        about: its id, its times, its data set.
    """
    is_empty = generation.requested > 0 and not generation.accepted
    task = TaskResult(
        name=GENERATION_TASK,
        provider=order.plan.generator,
        provider_version=VERSION,
        prefix="",
        config=_settings(order),
        metrics=figures(generation),
        inputs=tuple(upload_dataset(document) for document in documents),
        status="failed" if is_empty else "completed",
        error="not one question was accepted" if is_empty else "",
    )
    return ResultBundle(
        id=about.id,
        kind="generation",
        name=_name(order, documents),
        origin=Origin(producer="evaltrail", version=VERSION),
        model=order.model_name,
        tasks=(task,),
        tags={**dict(about.tags), **order.tags, **_tags(documents, about)},
        artifacts=about.artifacts,
        status=task.status,
        started_at=about.started_at,
        ended_at=about.ended_at,
    )


def figures(generation: Generation) -> tuple[MetricValue, ...]:
    """The counts of a generation as metrics; ``cost`` only where prices are known."""
    rejected = generation.rejected_by_reason
    found: dict[str, float | None] = {
        "requested": generation.requested,
        "accepted": generation.accepted,
        "missing": generation.missing,
        "rejected": len(generation.rejected),
        "duplicates": rejected.get("duplicate", 0),
        **{f"rejected_{reason}": count for reason, count in sorted(rejected.items())},
        "windows": len(generation.windows),
        "calls": generation.calls,
        "tokens": generation.prompt_tokens + generation.completion_tokens,
        "tokens_prompt": generation.prompt_tokens,
        "tokens_completion": generation.completion_tokens,
        "cost": generation.cost,
        "seconds": generation.seconds,
    }
    return tuple(
        MetricValue(name=name, value=value, better="neither", is_grade=False)
        for name, value in found.items()
        if value is not None
    )


def _name(order: GenerationOrder, documents: Sequence[Document]) -> str:
    """What the run is called where nobody names it."""
    first = documents[0].name if documents else "nothing"
    more = f" and {len(documents) - 1} more" if len(documents) > 1 else ""
    return f"questions on {first}{more} · {order.model_name}"


def request_document(order: GenerationOrder, documents: Sequence[Document]) -> bytes:
    """What was asked for as JSON, without header values and without user and password in the URL."""
    target = order.target
    told = None
    if target is not None:
        told = {**asdict(target), "url": public_url(target.url), "headers": dict.fromkeys(target.headers, "***")}
    whole = {
        "documents": [{"name": each.name, "digest": each.digest, "format": each.format} for each in documents],
        "plan": msgspec.to_builtins(order.plan),
        "target": told,
        "limits": msgspec.to_builtins(order.limits),
    }
    return msgspec.json.format(msgspec.json.encode(whole), indent=1)


def artifacts_in(folder: Path) -> tuple[Artifact, ...]:
    """The files of a generation beside those that every bundle has."""
    found = ((layout.QUESTIONS, "text/csv"), (layout.REJECTS, "text/csv"))
    return tuple(
        Artifact(path=path, file=folder / path, role="required", media_type=kind)
        for path, kind in found
        if (folder / path).is_file()
    )


def _settings(order: GenerationOrder) -> dict[str, Scalar]:
    """The plan, flat: what holds of it and is not empty."""
    plan, target = order.plan, order.target
    flat: dict[str, Scalar] = {
        "generator": plan.generator,
        "window_size": plan.window_size,
        "window_step": plan.window_step,
        "window_scope": plan.window_scope,
        **_wanted(plan),
        **{f"gates.{name}": value for name, value in asdict(plan.thresholds).items()},
        "rounds": plan.rounds,
        "seed": plan.seed,
        "budget_tokens": plan.budget_tokens,
        "price_prompt": plan.price_prompt,
        "price_completion": plan.price_completion,
        "personas": ", ".join(plan.personas) or None,
        **{f"generation.{name}": _scalar(value) for name, value in plan.generation.items()},
        "endpoint": public_url(target.url) if target is not None and target.url else None,
    }
    return {name: value for name, value in flat.items() if value is not None}


def _wanted(plan: GenerationPlan) -> dict[str, Scalar]:
    if plan.types:
        return {f"types.{name}": count for name, count in plan.types.items()}
    return {"questions_per_window": plan.questions_per_window}


def _scalar(value: object) -> Scalar:
    return value if isinstance(value, str | int | float | bool) else msgspec.json.encode(value).decode()


def _tags(documents: Sequence[Document], about: About) -> dict[str, str]:
    tags = {UPLOAD_TAG: joined_ids([each.digest for each in documents])}
    if about.dataset is not None:
        tags |= {DATASET_TAG: about.dataset.dataset_id, VERSION_TAG: str(about.dataset.version)}
    if about.upload_run_ids:
        tags[UPLOAD_RUN_TAG] = joined_ids(about.upload_run_ids)
    return tags

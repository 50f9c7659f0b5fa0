"""A generation of the service as the JSON that the queue keeps, and as the order that workers carry out; version 1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec

from evaltrail.core.decoding import converted
from evaltrail.core.delivery import DeliveryOptions
from evaltrail.core.errors import InputError
from evaltrail.core.generation import GenerationPlan
from evaltrail.core.request import ModelTarget, RequestLimits
from evaltrail.core.submission import SubmittedModel
from evaltrail.core.values import Json
from evaltrail.jobs.order import NewUnit
from evaltrail.service.generating.order import GenerationOrder, NamedUpload
from evaltrail.service.generating.places import GENERATIONS
from evaltrail.service.working.understanding import OF

GENERATION = "generation"
"""The kind of such jobs."""
GENERATE = "generate"
"""The kind of their unit."""
RUN_URL = "run_url"
"""Key of a unit's result: where people see its run."""
SPEC_VERSION = 1
_ATTEMPTS = 15
"""So that a worker may die ten times; an endpoint that refuses is given up earlier."""
_SPEC = "generation"


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationSpec:
    """A generation as it was accepted: everything resolved that a name in the request meant."""

    uploads: tuple[NamedUpload, ...]
    """Whole ids; the documents are kept, and stay what they are."""
    plan: GenerationPlan
    model: SubmittedModel | None = None
    """Who writes the questions; None = nobody is asked."""
    name: str = ""
    """Of the run; empty = made of documents and model."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Of the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _KeptPlan(GenerationPlan):
    """A plan whose fields all have types that can be checked: a recursive one cannot."""

    generation: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _KeptModel(SubmittedModel):
    """The same for a model."""

    configuration: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _KeptSpec(GenerationSpec):
    """The same for the whole."""

    plan: _KeptPlan
    model: _KeptModel | None = None


def generate_unit() -> NewUnit:
    """The unit that does it all: what is asked lies on disk answer by answer, so nothing is gained by several."""
    return NewUnit(kind=GENERATE, max_attempts=_ATTEMPTS, is_last=True, runs_when_cancelled=True)


def generation_to_json(spec: GenerationSpec) -> Mapping[str, Json]:
    """The spec of the generation's job."""
    return {"version": SPEC_VERSION, _SPEC: cast("Json", msgspec.to_builtins(spec))}


def generation_from_json(given: Mapping[str, Json]) -> GenerationSpec:
    """The generation that a job's spec holds.

    Raises:
        InputError: it is of another version, or says what this version does not understand.
    """
    if given.get("version") != SPEC_VERSION or _SPEC not in given:
        raise InputError(
            f"the generation was accepted by another version of evaltrail: version {given.get('version')!r:.20} of its "
            f"spec, this one knows {SPEC_VERSION}",
            code="bad_spec",
            hint="start workers of the version that accepted it, or submit it anew",
        )
    try:
        return converted(given[_SPEC], _KeptSpec)
    except msgspec.ValidationError as error:
        message = f"the spec is not understood any more: {error}"
        raise InputError(message, code="bad_spec", hint="submit it anew") from error


def generation_id_of(spec: Mapping[str, Json], job_id: str) -> str:
    """The generation that a job is about: its own id, or that of the job which it belongs to."""
    return str(spec.get(OF) or job_id)


def order_of_generation(spec: GenerationSpec, generation_id: str) -> GenerationOrder:
    """The order that a worker carries out.

    Args:
        spec: as it was accepted.
        generation_id: its job's id.
    """
    model = spec.model
    target = None
    if model is not None:
        target = ModelTarget(id=model.name, url=model.url, api_key_env=model.api_key_env, is_outside=model.is_outside)
    return GenerationOrder(
        uploads=spec.uploads,
        plan=spec.plan,
        target=target,
        limits=RequestLimits() if model is None else RequestLimits(concurrency=model.concurrency),
        delivery=DeliveryOptions(run_name=spec.name, tags=_tags(spec, generation_id), default_experiment=GENERATIONS),
        id=generation_id,
    )


def _tags(spec: GenerationSpec, generation_id: str) -> Mapping[str, str]:
    model = spec.model
    about = {} if model is None else {"model.name": model.name, "model.server": model.server}
    known = {**about, "request_id": generation_id}
    return {**spec.tags, **{name: value for name, value in known.items() if value}}

"""A submission of the service as an order that workers carry out, and as the JSON that the queue keeps; version 1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec

from evaltrail.core.decoding import converted
from evaltrail.core.delivery import DeliveryOptions
from evaltrail.core.errors import InputError
from evaltrail.core.request import EvaluationRequest, ModelTarget, RequestLimits, TaskSettings
from evaltrail.core.submission import Benchmark, Submission, SubmittedModel
from evaltrail.core.values import Json, Scalar
from evaltrail.providers.catalog import names_dataset
from evaltrail.service.evaluation.experiment import DESCRIPTION
from evaltrail.service.working.dataset_reference import local_task
from evaltrail.service.working.order_spec import OrderSpec

SUBMISSION = "submission"
"""Key of a job's spec that holds it."""
SUBMISSION_VERSION = 1
_GENERATION = frozenset(
    {
        "frequency_penalty",
        "logit_bias",
        "max_completion_tokens",
        "max_tokens",
        "min_p",
        "presence_penalty",
        "reasoning_effort",
        "repetition_penalty",
        "response_format",
        "stop",
        "temperature",
        "top_k",
        "top_p",
    }
)
"""Settings of a benchmark that are sent to the model; others are the provider's."""
LIMITS = ("limit", "num_examples")
"""What a benchmark's first records, or the share of them, may be called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _KeptBenchmark(Benchmark):
    """A benchmark whose fields all have types that can be checked: a recursive one cannot."""

    config: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _KeptModel(SubmittedModel):
    """The same for a model."""

    configuration: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _KeptSubmission(Submission):
    """The same for the whole."""

    model: _KeptModel
    benchmarks: tuple[_KeptBenchmark, ...]


def submission_to_json(submission: Submission) -> Mapping[str, Json]:
    """The spec of the submission's job."""
    return {"version": submission.version, SUBMISSION: cast("Json", msgspec.to_builtins(submission))}


def submission_from_json(spec: Mapping[str, Any]) -> Submission:
    """The submission that a job's spec holds.

    Raises:
        InputError: it is of another version, or says what this version does not understand.
    """
    again = "submit it anew"
    if spec.get("version") != SUBMISSION_VERSION:
        raise InputError(
            f"the evaluation was accepted by another version of evaltrail: version {spec.get('version')!r:.20} of its "
            f"spec, this one knows {SUBMISSION_VERSION}",
            code="bad_spec",
            hint=f"start workers of the version that accepted it, or {again}",
        )
    try:
        return converted(spec[SUBMISSION], _KeptSubmission)
    except msgspec.ValidationError as error:
        raise InputError(f"the spec is not understood any more: {error}", code="bad_spec", hint=again) from error


def spec_of_submission(submission: Submission, job_id: str) -> OrderSpec:
    """The submission as an order, whose tasks nobody has looked at yet.

    Args:
        submission: as it was accepted.
        job_id: the evaluation's id.
    """
    model = submission.model
    request = EvaluationRequest(
        tasks=tuple(local_task(benchmark.task, job_id) for benchmark in submission.benchmarks),
        target=ModelTarget(id=model.name, url=model.url, api_key_env=model.api_key_env, is_outside=model.is_outside),
        limits=RequestLimits(concurrency=model.concurrency),
        task_settings=tuple(task_settings({**model.configuration, **each.config}) for each in submission.benchmarks),
    )
    return OrderSpec(
        request=request,
        delivery=_delivery(submission, job_id),
        allow_unscored=1.0,
        cwd=submission.data_root,
    )


def task_settings(config: Mapping[str, Json]) -> TaskSettings:
    """A benchmark's settings, told apart by who they are for.

    Args:
        config: checked: the model's configuration and, over it, the benchmark's own.
    """
    generation = {name: value for name, value in config.items() if name in _GENERATION}
    inner = config.get("generation")
    limit = next((config[name] for name in LIMITS if config.get(name) is not None), None)
    known = {*generation, *LIMITS, "generation", "seed", "repeats"}
    return TaskSettings(
        limit=limit if isinstance(limit, int | float) else None,
        seed=_whole(config.get("seed")),
        repeats=_whole(config.get("repeats")),
        generation={**generation, **(inner if isinstance(inner, Mapping) else {})},
        params={name: cast("Scalar", value) for name, value in config.items() if name not in known},
    )


def _delivery(submission: Submission, job_id: str) -> DeliveryOptions:
    model = submission.model
    settings = {f"model.{name}": _text(value) for name, value in model.configuration.items()}
    about = {
        "model.name": model.name,
        "model.server": model.server,
        **settings,
        "benchmarks": ",".join(benchmark.id for benchmark in submission.benchmarks),
        "provider": ",".join(dict.fromkeys(benchmark.provider_id for benchmark in submission.benchmarks)),
        "collection": submission.collection,
        "request_id": job_id,
    }
    return DeliveryOptions(
        experiment=submission.experiment,
        run_name=submission.name,
        description=submission.description,
        tags={name: value for name, value in about.items() if value},
        params_by_task=True,
        experiment_tags=submission.tags,
        experiment_description=described(submission),
        layout=submission.layout,
    )


def described(submission: Submission) -> str:
    """One sentence about what the experiment is of: benchmarks and model; of data sets of questions that of all."""
    if all(names_dataset(benchmark.task) for benchmark in submission.benchmarks):
        return DESCRIPTION
    names = ", ".join(f"{benchmark.provider_id}/{benchmark.id}" for benchmark in submission.benchmarks)
    place = f" on {submission.model.server}" if submission.model.server else ""
    what = f"{submission.collection}: {names}" if submission.collection else names
    return f"Evaluation of {submission.model.name}{place} on {what}"


def _whole(value: Json) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _text(value: Json) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()

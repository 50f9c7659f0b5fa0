"""What an evaluation's job was asked for, whichever command accepted it: by the service, or by `run --detach`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import cast

import msgspec

from evaltrail.core.decoding import converted
from evaltrail.core.errors import InputError
from evaltrail.core.submission import Benchmark, Submission, SubmittedModel
from evaltrail.core.values import Json
from evaltrail.service.working.submission_spec import SUBMISSION, submission_from_json

_FILE_ENDINGS = {".yaml", ".yml"}
_OWN = "native"
"""Provider of task files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is known of a request."""

    submission: Submission
    is_delivered: bool = True
    """Whether its results are to land in MLflow."""
    tracking_uri: str = ""
    """Where, if the request says so; empty = as the settings say."""


class _Target(msgspec.Struct):
    id: str = ""
    url: str = ""


class _Request(msgspec.Struct):
    target: _Target = msgspec.field(default_factory=_Target)
    tasks: tuple[str, ...] = ()
    generation: dict[str, object] = msgspec.field(default_factory=dict)


class _Delivery(msgspec.Struct):
    experiment: str = ""
    tracking_uri: str = ""
    tags: dict[str, str] = msgspec.field(default_factory=dict)


class _Order(msgspec.Struct):
    request: _Request = msgspec.field(default_factory=_Request)
    delivery: _Delivery | None = None


def asked_for(spec: Mapping[str, Json]) -> Asked:
    """What a job's spec asks for; of one that this version does not understand only a warning.

    Args:
        spec: of a job of kind ``evaluation``.
    """
    try:
        if SUBMISSION in spec:
            return Asked(submission=submission_from_json(spec))
        return _ordered(converted(spec, _Order))
    except InputError as error:
        return _unclear(error.message)
    except msgspec.ValidationError as error:
        return _unclear(f"the job's spec is not understood: {error}")


def benchmark_of_task(task: str) -> Benchmark:
    """A task, as `evaltrail run` calls it, as a benchmark.

    Args:
        task: ``provider/task``, or the path of a task file.
    """
    file = PurePath(task)
    provider, _, name = task.partition("/")
    if file.suffix.lower() in _FILE_ENDINGS or not (provider and name):
        return Benchmark(id=file.stem, provider_id=_OWN, task=task)
    return Benchmark(id=name, provider_id=provider, task=task)


def _ordered(order: _Order) -> Asked:
    target, delivery = order.request.target, order.delivery
    submission = Submission(
        model=SubmittedModel(
            name=target.id, url=target.url, configuration=cast("Mapping[str, Json]", order.request.generation)
        ),
        benchmarks=tuple(map(benchmark_of_task, order.request.tasks)),
        experiment=delivery.experiment if delivery else "",
        tags=delivery.tags if delivery else {},
    )
    return Asked(
        submission=submission,
        is_delivered=delivery is not None,
        tracking_uri=delivery.tracking_uri if delivery else "",
    )


def _unclear(why: str) -> Asked:
    return Asked(submission=Submission(model=SubmittedModel(name=""), benchmarks=(), warnings=(why,)))

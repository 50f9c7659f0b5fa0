"""`evaltrail.run`: one model on some tasks, from Python."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, TypedDict, Unpack, cast, get_type_hints

import msgspec

from evaltrail.config.settings import load_settings
from evaltrail.core.delivery import DeliveryOptions, RunLayout
from evaltrail.core.errors import InputError
from evaltrail.core.ids import nearest
from evaltrail.core.progress import ProgressSink
from evaltrail.core.request import EvaluationRequest, ModelTarget, RequestLimits
from evaltrail.core.values import Json, Scalar
from evaltrail.destinations.mlflow.active import join_session
from evaltrail.service.evaluation.asking import Watch
from evaltrail.service.evaluation.evaluate import evaluate
from evaltrail.service.evaluation.order import Order, Result


class RunOptions(TypedDict, total=False):
    """What may be said about a run besides tasks and model."""

    url: str
    """OpenAI-compatible base URL or full URL; default OPENAI_BASE_URL; not for baselines."""
    api_key_env: str
    """Name of the variable that holds the key."""
    headers: Mapping[str, str]
    """Extra request headers; their values are kept out of everything that is stored."""
    generation: Mapping[str, Json]
    """Overrides of the tasks' generation settings."""
    limit: int | float
    """First so many records (int), or a share of them (float up to 1)."""
    sample_ids: Sequence[str]
    """Only these samples."""
    seed: int
    """Sent with every request; also seeds ``baseline:random``."""
    repeats: int
    """Times each sample is asked."""
    limits: RequestLimits
    """Concurrency, rates, time-out in seconds, retries."""
    params: Mapping[str, Scalar]
    """Logged with the run."""
    tracking_uri: str
    """MLflow; default MLFLOW_TRACKING_URI, else its own default store."""
    experiment: str
    """Default MLFLOW_EXPERIMENT_NAME, else ``evaltrail``."""
    run_name: str
    """Default made from tasks and model."""
    description: str
    """What MLflow shows as the run's note."""
    tags: Mapping[str, str]
    """Tags of the run."""
    layout: RunLayout
    """``per_bundle`` (one run) or ``nested`` (one more a task below it)."""
    deliver: bool
    """False writes the bundle only."""
    out: str | Path
    """A folder that shows the bundle too."""
    fresh: bool
    """Start over, even where the same work was cut short."""
    reuse_answers: bool
    """Let stored answers of earlier evaluations serve this one."""
    allow_unscored: float
    """Share of samples that may stay unscored before it counts as an error, in [0, 1]."""
    progress: ProgressSink
    """Told a few times a second."""


def run(tasks: str | Path | Sequence[str | Path], *, model: str, **options: Unpack[RunOptions]) -> Result:
    """The result of one model on some tasks, landed in MLflow as one run.

    The same call again goes on where it was cut short; after a finished one it asks the model anew. Inside
    ``with mlflow.start_run():`` the run becomes a child of the active one.

    Args:
        tasks: one task file or several.
        model: name as the endpoint knows it, or ``baseline:extractive|majority|random``.
        options: see RunOptions.

    Returns:
        ``metrics`` (``task/metric`` to value with n, interval, unscored), ``samples``, ``receipts``, and ``errors``:
        what did not go as it should although the evaluation ended, such as a delivery that waits in the outbox.

    Raises:
        InputError: a task, its data or an option is wrong; nothing was asked.
        EndpointError: the endpoint refuses every request or is gone; answers are kept.
        StorageError: the disk refuses.
    """
    checked = _checked(options)
    settings = load_settings()
    names = [tasks] if isinstance(tasks, str | Path) else list(tasks)
    request = EvaluationRequest(
        tasks=tuple(map(str, names)),
        target=_target(model, checked, settings.openai_base_url),
        **_chosen(checked, EvaluationRequest),
    )
    delivery = join_session(DeliveryOptions(**_chosen(checked, DeliveryOptions)))
    out = checked.get("out")
    order = Order(
        request=request,
        delivery=delivery if checked.get("deliver", True) else None,
        out=None if out is None else Path(out),
        fresh=checked.get("fresh", False),
        allow_unscored=checked.get("allow_unscored", 0.0),
    )
    progress = checked.get("progress")
    return evaluate(order, settings, Watch(progress=progress) if progress else Watch())


def _checked(options: RunOptions) -> RunOptions:
    """The options, each of the type that RunOptions says.

    Raises:
        InputError: an option is unknown or has the wrong type.
    """
    kinds = get_type_hints(RunOptions)
    checked: dict[str, object] = {}
    for name, value in options.items():
        if name not in kinds:
            raise InputError(f"run() has no option {name!r}", code="unknown_option", hint=nearest(name, kinds))
        try:
            checked[name] = _OWN_CHECKS[name](value) if name in _OWN_CHECKS else _converted(value, kinds[name])
        except (msgspec.ValidationError, TypeError) as error:
            raise InputError(f"{name} has the wrong type: {error}", code="bad_option") from error
    return cast("RunOptions", checked)


def _converted(value: object, kind: Any) -> object:
    return msgspec.convert(msgspec.to_builtins(value), kind)


def _settings(value: object) -> object:
    """Generation settings: whatever JSON can say, under names."""
    return msgspec.json.decode(msgspec.json.encode(value), type=dict[str, Any])


def _path(value: object) -> str:
    return os.fspath(cast("os.PathLike[str]", value))


def _sink(value: object) -> object:
    if not callable(value):
        raise TypeError("a function is wanted")
    return value


_OWN_CHECKS: Mapping[str, Callable[[object], object]] = {"generation": _settings, "out": _path, "progress": _sink}


def _target(model: str, options: RunOptions, default_url: str) -> ModelTarget:
    if model.startswith("baseline:"):
        return ModelTarget(id=model)
    url = options.get("url") or default_url
    if not url:
        raise InputError("no endpoint is given", code="missing_url", hint="pass url=, or set OPENAI_BASE_URL")
    return ModelTarget(
        id=model, url=url, api_key_env=options.get("api_key_env", ""), headers=options.get("headers", {})
    )


def _chosen(options: RunOptions, kind: type) -> dict[str, Any]:
    """The options that are fields of a type, under the same names."""
    names = {field.name for field in fields(kind)}
    given: dict[str, Any] = {name: value for name, value in options.items() if name in names}
    return {name: tuple(value) if name == "sample_ids" else value for name, value in given.items()}

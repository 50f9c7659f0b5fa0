"""`evaltrail.run`: one model on some tasks, from Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Unpack, cast

from evaltrail.config.settings import load_settings
from evaltrail.core.delivery import DeliveryOptions, RunLayout
from evaltrail.core.errors import InputError
from evaltrail.core.request import EvaluationRequest, ModelTarget
from evaltrail.core.values import Json, Scalar
from evaltrail.destinations.mlflow.active import join_session
from evaltrail.providers.catalog import needs_no_url
from evaltrail.service.evaluation.evaluate import evaluate
from evaltrail.service.evaluation.lineage import in_usual_experiment
from evaltrail.service.evaluation.options import VerbOptions, check_options, chosen, named_paths, with_judge
from evaltrail.service.evaluation.order import Order, Result
from evaltrail.service.evaluation.watch import Watch


class RunOptions(VerbOptions, total=False):
    """What may be said about a run besides tasks and model; see VerbOptions too."""

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
    params: Mapping[str, Scalar]
    """Logged with the run."""
    layout: RunLayout
    """``per_bundle`` (one run) or ``nested`` (one more a task below it)."""
    reuse_answers: bool
    """Let stored answers of earlier evaluations serve this one."""


def run(tasks: str | Path | Sequence[str | Path], *, model: str, **options: Unpack[RunOptions]) -> Result:
    """The result of one model on some tasks, landed in MLflow as one run.

    The same call again goes on where it was cut short; after a finished one it asks the model anew. Inside
    ``with mlflow.start_run():`` the run becomes a child of the active one.

    Args:
        tasks: one task file or several; ``dataset:ID`` is a data set of questions.
        model: name as the endpoint knows it, or ``baseline:extractive|majority|random``.
        options: see RunOptions and VerbOptions.

    Returns:
        ``metrics`` (``task/metric`` to value with n, interval, unscored), ``samples``, ``receipts``, and ``errors``:
        what did not go as it should although the evaluation ended, such as a delivery that waits in the outbox.

    Raises:
        InputError: a task, its data or an option is wrong; nothing was asked.
        EndpointError: the endpoint refuses every request or is gone; answers are kept.
        StorageError: the disk refuses.
    """
    checked = cast("RunOptions", check_options(options, RunOptions, "run"))
    settings = load_settings()
    names = [str(task) for task in named_paths(tasks, "task")]
    params = with_judge(checked.get("params", {}), checked.get("judge", ""))
    request = EvaluationRequest(
        tasks=tuple(names),
        target=_target(model, checked, settings.openai_base_url, names=names),
        **chosen({**checked, "params": params}, EvaluationRequest),
    )
    delivery = join_session(in_usual_experiment(DeliveryOptions(**chosen(checked, DeliveryOptions)), names, settings))
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


def _target(model: str, options: RunOptions, default_url: str, *, names: Sequence[str]) -> ModelTarget:
    if model.startswith("baseline:"):
        return ModelTarget(id=model)
    url = options.get("url") or default_url
    if not url and not all(map(needs_no_url, names)):
        raise InputError("no endpoint is given", code="missing_url", hint="pass url=, or set OPENAI_BASE_URL")
    return ModelTarget(
        id=model,
        url=url,
        api_key_env=options.get("api_key_env", ""),
        headers=options.get("headers", {}),
        is_asked=bool(url),
    )

"""`evaltrail.run`: one model on some tasks, from Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from evaltrail.config.settings import load_settings
from evaltrail.core.delivery import DeliveryOptions, RunLayout
from evaltrail.core.errors import InputError
from evaltrail.core.progress import ProgressSink
from evaltrail.core.request import EvaluationRequest, ModelTarget, RequestLimits
from evaltrail.core.values import Json, Scalar
from evaltrail.service.evaluate import Watch, evaluate
from evaltrail.service.order import Order, Result


def run(
    tasks: str | Path | Sequence[str | Path],
    *,
    model: str,
    url: str = "",
    api_key_env: str = "",
    headers: Mapping[str, str] | None = None,
    generation: Mapping[str, Json] | None = None,
    limit: float | None = None,
    samples: Sequence[str] = (),
    seed: int | None = None,
    repeats: int | None = None,
    limits: RequestLimits | None = None,
    params: Mapping[str, Scalar] | None = None,
    tracking_uri: str = "",
    experiment: str = "",
    run_name: str = "",
    description: str = "",
    tags: Mapping[str, str] | None = None,
    layout: RunLayout = "per_bundle",
    deliver: bool = True,
    out: str | Path | None = None,
    fresh: bool = False,
    reuse_answers: bool = False,
    allow_unscored: float = 0.0,
    progress: ProgressSink | None = None,
) -> Result:
    """The result of one model on some tasks, landed in MLflow as one run.

    The same call again goes on where it was cut short; after a finished one it asks the model anew.

    Args:
        tasks: one task file or several.
        model: name as the endpoint knows it, or ``baseline:extractive|majority|random``.
        url: OpenAI-compatible base URL or full URL; default OPENAI_BASE_URL; not for baselines.
        api_key_env: name of the variable that holds the key.
        headers: extra request headers; their values are kept out of everything that is stored.
        generation: overrides of the tasks' generation settings.
        limit: first so many records (int), or a share of them (float up to 1).
        samples: only these sample ids.
        seed: sent with every request; also seeds ``baseline:random``.
        repeats: times each sample is asked.
        limits: concurrency, rates, time-out in seconds, retries.
        params: logged with the run.
        tracking_uri: MLflow; default MLFLOW_TRACKING_URI, else its own default store.
        experiment: default MLFLOW_EXPERIMENT_NAME, else ``evaltrail``.
        run_name: default made from tasks and model.
        description: what MLflow shows as the run's note.
        tags: tags of the run.
        layout: ``per_bundle`` (one run) or ``nested`` (one more a task below it).
        deliver: False writes the bundle only.
        out: a folder that shows the bundle too.
        fresh: start over, even where the same work was cut short.
        reuse_answers: let stored answers of earlier evaluations serve this one.
        allow_unscored: share of samples that may stay unscored before it counts as an error, in [0, 1].
        progress: told a few times a second.

    Returns:
        ``metrics`` (``task/metric`` to value with n, interval, unscored), ``samples``, ``receipts``, and ``errors``:
        what did not go as it should although the evaluation ended, such as a delivery that waits in the outbox.

    Raises:
        InputError: a task, its data or an option is wrong; nothing was asked.
        EndpointError: the endpoint refuses every request or is gone; answers are kept.
        StorageError: the disk refuses.
    """
    settings = load_settings()
    address = "" if model.startswith("baseline:") else url or settings.openai_base_url
    if not address and not model.startswith("baseline:"):
        raise InputError("no endpoint is given", code="missing_url", hint="pass url=, or set OPENAI_BASE_URL")
    names = [tasks] if isinstance(tasks, str | Path) else list(tasks)
    request = EvaluationRequest(
        tasks=tuple(map(str, names)),
        target=ModelTarget(id=model, url=address, api_key_env=api_key_env, headers=headers or {}),
        limits=limits or RequestLimits(),
        limit=limit,
        sample_ids=tuple(samples),
        seed=seed,
        repeats=repeats,
        generation=generation or {},
        params=params or {},
        reuse_answers=reuse_answers,
    )
    options = DeliveryOptions(
        tracking_uri=tracking_uri,
        experiment=experiment,
        run_name=run_name,
        description=description,
        tags=tags or {},
        layout=layout,
    )
    order = Order(
        request=request,
        delivery=options if deliver else None,
        out=Path(out) if out is not None else None,
        fresh=fresh,
        allow_unscored=allow_unscored,
    )
    return evaluate(order, settings, Watch(progress=progress) if progress else Watch())

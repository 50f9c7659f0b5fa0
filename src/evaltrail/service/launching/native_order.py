"""The launcher's settings of a native job as an order, and its check before anything is asked.

Loads neither engine nor destination: a launcher has to be quick.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from evaltrail.config.secrets import find_key
from evaltrail.config.settings import Settings
from evaltrail.core.errors import InputError
from evaltrail.core.ids import nearest
from evaltrail.core.job import JobSpec
from evaltrail.core.request import EvaluationRequest, ModelTarget, RequestLimits, Wording
from evaltrail.core.values import Json, Scalar
from evaltrail.models.address import parse_address
from evaltrail.providers.catalog import open_task
from evaltrail.scoring.judging.port import Judge
from evaltrail.service.evaluation.order import Order, check_limits

BUNDLE = Path("artifacts", "bundle")
"""Where a job of ours keeps its bundle, below its folder."""
_GENERATION = {"temperature": "temperature", "top_p": "top_p", "max_new_tokens": "max_tokens"}
"""The launcher's word to the endpoint's."""
_LIMITS = {"parallelism": "concurrency", "request_timeout": "timeout_s", "max_retries": "max_retries"}
_EXTRA = ("generation", "headers", "repeats", "rpm", "samples", "seed", "tpm")
"""What we act on below ``params.extra``; the rest is for the task's provider, and logged with the run."""
_PATHS = ("dataset_path", "include_path")
"""Parameters that name a place, relative to where the job was launched."""
_JUDGE = (
    "set config.params.extra.judge below nemo_evaluator_config, the metric's `model`, or EVALTRAIL_JUDGE:"
    " openai:/NAME or http://host/v1#NAME"
)
_ROUTES = {"chat": "/chat/completions", "completions": "/completions", "completions_logprob": "/completions"}


def native_order(spec: JobSpec) -> Order:
    """The order of a job whose task is a task file.

    Raises:
        InputError: a setting has the wrong type, or the endpoint's kind cannot be asked.
    """
    params = _mapping(_mapping(spec.evaluator.get("config"), "config").get("params"), "config.params")
    extra = dict(_mapping(params.get("extra"), "config.params.extra"))
    limits: dict[str, Any] = {
        **{own: params[word] for word, own in _LIMITS.items() if params.get(word) is not None},
        **{word: extra[word] for word in ("rpm", "tpm") if extra.get(word) is not None},
    }
    generation = {own: params[word] for word, own in _GENERATION.items() if params.get(word) is not None}
    headers = _mapping(extra.get("headers"), "extra.headers")
    samples = extra.get("samples") or ()
    request = EvaluationRequest(
        tasks=(spec.place,),
        target=ModelTarget(
            id=spec.model,
            url="" if spec.model.startswith("baseline:") else _url(spec),
            api_key_env=spec.api_key_env,
            headers={name: str(value) for name, value in headers.items()},
        ),
        limits=RequestLimits(**limits),
        limit=cast("int | float | None", params.get("limit_samples")),
        sample_ids=tuple(map(str, samples if isinstance(samples, list | tuple) else [samples])),
        seed=_whole(extra.get("seed"), "extra.seed"),
        repeats=_whole(extra.get("repeats"), "extra.repeats"),
        generation={**generation, **_mapping(extra.get("generation"), "extra.generation")},
        params={name: _param(name, value, spec.cwd) for name, value in extra.items() if name not in _EXTRA},
        params_prefix="extra.",
    )
    return Order(request=request, delivery=None, allow_unscored=spec.allow_unscored, wording=_wording(spec))


def check_native(spec: JobSpec, settings: Settings) -> None:
    """Find what would end a native job before it asks anything; its data is read in a first pass.

    Raises:
        InputError: the task, its data or a setting is wrong.
    """
    order = native_order(spec)
    check_limits(order.request.limits, order.allow_unscored)
    task = open_task(spec.place, order.request, datasets_dir=settings.datasets_dir, environ=settings.environ)
    find_key(order.request.target, settings.openai_base_url, settings.environ)
    judges = [metric for metric in getattr(task, "metrics", ()) if isinstance(metric, Judge)]
    if judges:
        _check_judges(judges, order.request, settings, provider=task.provider)


def _check_judges(judges: Sequence[Judge], request: EvaluationRequest, settings: Settings, *, provider: str) -> None:
    from evaltrail.service.evaluation import judges as found  # noqa: PLC0415  it loads the engine

    try:
        found.find_gradings(
            judges,
            settings,
            default=found.named_judge(request),
            tested=request.target,
            may_be_tested=provider in found.SELF_JUDGED,
        )
    except InputError as error:
        if error.code == "missing_judge":
            error.hint = _JUDGE
        raise


def _wording(spec: JobSpec) -> Wording:
    """What errors call the settings of a job's target: the keys of the run configuration."""
    return Wording(
        url="target.api_endpoint.url",
        api_key_env="target.api_endpoint.api_key_name: NAME",
        resume=f"`evaltrail resume {spec.id}`",
    )


def _url(spec: JobSpec) -> str:
    """The endpoint's URL, with the path that its kind asks for where only a base is given."""
    kind = spec.endpoint_type or "chat"
    if kind not in _ROUTES:
        raise InputError(
            f"a task file cannot ask an endpoint of type {kind!r}",
            code="bad_endpoint_type",
            where="target.api_endpoint.type",
            hint=nearest(kind, _ROUTES) or f"known: {', '.join(_ROUTES)}",
        )
    is_full = parse_address(spec.url).path.endswith("/completions")
    return spec.url if is_full or kind == "chat" else spec.url.rstrip("/") + _ROUTES[kind]


def _mapping(value: Json, where: str) -> Mapping[str, Json]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InputError(f"a mapping is wanted, not {value!r:.80}", code="bad_value", where=where)
    return value


def _whole(value: Json, where: str) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise InputError(f"a whole number is wanted, not {value!r:.80}", code="bad_value", where=where)


def _param(name: str, value: Json, folder: str) -> Scalar:
    if name in _PATHS and isinstance(value, str) and "://" not in value:
        return str(Path(folder, Path(value).expanduser()))
    return _scalar(value)


def _scalar(value: Json) -> Scalar:
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)

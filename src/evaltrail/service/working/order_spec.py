"""An order as JSON and back: what the queue keeps of it, without any secret; version 1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, cast

import msgspec

from evaltrail.config.secrets import public_url
from evaltrail.config.settings import Settings
from evaltrail.core.decoding import converted
from evaltrail.core.delivery import DeliveryOptions
from evaltrail.core.errors import InputError
from evaltrail.core.ids import digest
from evaltrail.core.request import EvaluationRequest, TaskSettings
from evaltrail.core.values import Json
from evaltrail.destinations.mlflow.tracking_uri import public_uri, resolve_tracking_uri
from evaltrail.providers.catalog import is_task_file
from evaltrail.service.deliver import complete_options
from evaltrail.service.evaluation.order import Order
from evaltrail.service.evaluation.prepare import Prepared

SPEC_VERSION = 1
FROM_VARIABLE = "host:"
"""How a header's value begins that stands in a variable of the worker: its name comes behind it."""
_AGAIN = "submit it anew with `evaltrail run --detach`"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSpec:
    """An order as the queue keeps it."""

    version: int = SPEC_VERSION
    request: EvaluationRequest
    """Headers name the variables that hold their values; task files are absolute."""
    delivery: DeliveryOptions | None = None
    out: str = ""
    allow_unscored: float = 0.0
    tags: Mapping[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    cwd: str = ""
    """The working folder: relative addresses of data and stores are meant from there."""
    judge: str = ""
    """EVALTRAIL_JUDGE where it was accepted; empty = the worker's own."""
    judge_api_key_env: str = ""
    datasets_dir: str = ""
    content: str = ""
    """Digest of the tasks, their data and their judges as they were accepted."""

    def order(self, environ: Mapping[str, str]) -> Order:
        """The order, with the values of its headers.

        Args:
            environ: the variables of this process.

        Raises:
            InputError: a variable that a header names is not set.
        """
        target = self.request.target
        headers = {name: _header(name, value, environ) for name, value in target.headers.items()}
        return Order(
            request=replace(self.request, target=replace(target, headers=headers)),
            delivery=self.delivery,
            out=Path(self.out) if self.out else None,
            allow_unscored=self.allow_unscored,
            tags=self.tags,
            command=self.command,
        )

    def settings(self, own: Settings) -> Settings:
        """A worker's settings with what they were where the order was accepted."""
        return replace(
            own,
            judge=self.judge or own.judge,
            judge_api_key_env=self.judge_api_key_env or own.judge_api_key_env,
            datasets_dir=Path(self.datasets_dir) if self.datasets_dir else own.datasets_dir,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _KeptTaskSettings(TaskSettings):
    """Settings whose fields all have types that can be checked: a recursive one cannot."""

    generation: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _KeptRequest(EvaluationRequest):
    """The same for a request."""

    generation: Mapping[str, Any] = field(default_factory=dict)
    task_settings: tuple[_KeptTaskSettings, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _KeptSpec(OrderSpec):
    """The same for a spec."""

    request: _KeptRequest


def spec_of(order: Order, settings: Settings, cwd: Path) -> OrderSpec:
    """The order as the queue keeps it, not checked against its data yet.

    Args:
        order: what is to be done, as the user gave it.
        settings: of this process.
        cwd: absolute; what relative addresses are meant from.

    Raises:
        InputError: it holds a secret, which the queue would keep, or tasks that no file and no name stands for.
    """
    if order.tasks:
        raise InputError("tasks made in Python cannot be queued", code="not_queueable", hint="name task files")
    _refuse_secrets(order)
    request = order.request
    judge = "" if _holds_secret(settings.judge.partition("#")[0]) else settings.judge
    return OrderSpec(
        request=replace(request, tasks=tuple(_absolute(name, cwd) for name in request.tasks)),
        delivery=None if order.delivery is None else _delivery(order.delivery, settings),
        out=str(cwd / order.out) if order.out else "",
        allow_unscored=order.allow_unscored,
        tags=order.tags,
        command=order.command,
        cwd=str(cwd),
        judge=judge,
        judge_api_key_env=settings.judge_api_key_env,
        datasets_dir=str(settings.datasets_dir or ""),
    )


def spec_to_json(spec: OrderSpec) -> Mapping[str, Json]:
    """The spec as JSON."""
    return cast("Mapping[str, Json]", msgspec.to_builtins(spec))


def spec_from_json(given: Mapping[str, Any]) -> OrderSpec:
    """The spec that was kept.

    Raises:
        InputError: it is of a newer version, or says what this version does not understand.
    """
    version = given.get("version") if isinstance(given, Mapping) else None
    if version is None:
        raise InputError("the job's spec is not understood: it has no version", code="bad_spec", hint=_AGAIN)
    if version != SPEC_VERSION:
        raise InputError(
            f"the job was accepted by another version of evaltrail: its spec is of version {version!r:.20}, "
            f"this one knows {SPEC_VERSION}",
            code="bad_spec",
            hint=f"start workers of the version that accepted it and `evaltrail jobs retry ID`, or {_AGAIN}",
        )
    try:
        kept = converted(given, _KeptSpec)
    except msgspec.ValidationError as error:
        message = f"the job's spec is not understood any more: {error}"
        raise InputError(message, code="bad_spec", hint=_AGAIN) from error
    return OrderSpec(**{**_fields(kept), "request": EvaluationRequest(**_fields(kept.request))})


def content_digest(prepared: Prepared) -> str:
    """Identity of the tasks, their data and their judges: every unit of a job has to find the same."""
    tasks: list[Json] = [[task.name, task.identity] for task in prepared.tasks]
    judges: list[Json] = [
        [grading.judge.name, grading.target.id, public_url(grading.target.url)]
        for task in prepared.gradings
        for grading in task
    ]
    return digest([tasks, judges])


def check_content(spec: OrderSpec, prepared: Prepared) -> None:
    """Return when tasks, data and judges are what was accepted.

    Raises:
        InputError: they are not.
    """
    if content_digest(prepared) != spec.content:
        raise InputError(
            "a task file, its data, its judge or a metric is no longer what was accepted",
            code="changed",
            where=", ".join(spec.request.tasks),
            hint=f"put it back and `evaltrail jobs retry ID`, or {_AGAIN}",
        )


def _delivery(options: DeliveryOptions, settings: Settings) -> DeliveryOptions:
    """The options with what this process's variables say; a URI with a login stays in the worker's variables."""
    whole = complete_options(options, settings)
    uri = resolve_tracking_uri(whole.tracking_uri, settings.environ)
    return replace(whole, tracking_uri="" if public_uri(uri) != uri else uri)


def _refuse_secrets(order: Order) -> None:
    target = order.request.target
    for name, value in target.headers.items():
        if not value.startswith(FROM_VARIABLE):
            raise InputError(
                f"the queue would keep the value of the header {name}",
                code="secret_in_job",
                where="--header",
                hint=f"put it into a variable of the worker and name that: --header {name}={FROM_VARIABLE}NAME",
            )
    if _holds_secret(target.url):
        hint = "leave out login and query; --api-key-env NAME names the variable that holds the key"
        raise InputError("the queue would keep the login or query of the URL", code="secret_in_job", hint=hint)
    if order.delivery is not None and public_uri(order.delivery.tracking_uri) != order.delivery.tracking_uri:
        raise InputError(
            "the queue would keep the login in the tracking URI",
            code="secret_in_job",
            where="--tracking-uri",
            hint="leave it out; MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD of the worker hold it",
        )


def _holds_secret(url: str) -> bool:
    """Whether a URL has a part where secrets stand."""
    return "://" in url and public_url(url) != url


def _header(name: str, value: str, environ: Mapping[str, str]) -> str:
    variable = value.removeprefix(FROM_VARIABLE)
    if not environ.get(variable):
        raise InputError(
            f"the variable {variable}, named to hold the header {name}, is not set",
            code="missing_variable",
            where="--header",
            hint=f"export {variable}=... for the worker, and here",
        )
    return environ[variable]


def _fields(value: OrderSpec | EvaluationRequest) -> dict[str, Any]:
    return {each.name: getattr(value, each.name) for each in fields(value)}


def _absolute(name: str, cwd: Path) -> str:
    return str(cwd / name) if is_task_file(name) else name

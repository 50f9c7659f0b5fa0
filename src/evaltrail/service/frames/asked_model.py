"""AskedModel: what `evaluate(model=...)` means: a function to call, an endpoint to ask, or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evaltrail.config.settings import Settings
from evaltrail.core.errors import InputError
from evaltrail.core.request import ModelTarget, RequestLimits
from evaltrail.destinations.mlflow.gateway import load_model
from evaltrail.destinations.mlflow.tracking_uri import resolve_tracking_uri
from evaltrail.service.frames.frame import Frame
from evaltrail.service.frames.function_model import FunctionModel, function_model
from evaltrail.service.frames.roles import Roles

_OPENAI = "https://api.openai.com/v1"
_LOGGED = ("models:/", "runs:/", "mlflow-artifacts:/")
_FORMS = "a function, openai:/NAME, http://host/v1#NAME, baseline:NAME, models:/NAME/VERSION, or None with predictions="


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedModel:
    """Who answers, under which name."""

    target: ModelTarget
    function: FunctionModel | None = None
    """Called by us before anything is scored; None = the target is asked."""

    @property
    def is_absent(self) -> bool:
        """Whether the data bring the outputs."""
        return self.function is None and not self.target.is_asked


def read_model(
    model: Any, frame: Frame, roles: Roles, options: Mapping[str, Any], settings: Settings, *, key: str = ""
) -> AskedModel:
    """What a model is; nothing is asked yet.

    Args:
        model: see ``evaluate``.
        frame: what it will be asked.
        roles: of its columns.
        options: of the call: url, api_key_env, headers, batch, concurrency, limits, tracking_uri.
        settings: of this process.
        key: entry of a function's outputs that holds the text.

    Raises:
        InputError: it is nothing that answers, or has no URL.
    """
    if model is None:
        return AskedModel(target=ModelTarget(id="", is_asked=False))
    if isinstance(model, str) and not model.startswith(_LOGGED):
        if key:
            hint = "leave predictions= away, or model="
            raise InputError("an endpoint's outputs are no column", code="bad_option", where="predictions", hint=hint)
        return AskedModel(target=_target(model, options, settings))
    if isinstance(model, str):
        tracking_uri = options.get("tracking_uri") or settings.tracking_uri
        loaded = load_model(model, resolve_tracking_uri(tracking_uri, settings.environ))
        name = model
    elif callable(model) or callable(getattr(model, "predict", None)):
        loaded, name = model, ""
    else:
        raise InputError(f"{model!r:.80} is no model", code="bad_model", where="model", hint=f"pass {_FORMS}")
    function = function_model(
        loaded,
        roles.asked(frame),
        batch=options.get("batch"),
        key=key,
        concurrency=max(1, options.get("concurrency", options.get("limits", RequestLimits()).concurrency)),
    )
    target = ModelTarget(id=name or function.signature.name, is_asked=False)
    return AskedModel(target=target, function=function)


def _target(model: str, options: Mapping[str, Any], settings: Settings) -> ModelTarget:
    """The endpoint that a text names."""
    if model.startswith("baseline:"):
        return ModelTarget(id=model)
    url = options.get("url") or settings.openai_base_url
    name = model
    if model.startswith("openai:/"):
        name, url = model.removeprefix("openai:/").lstrip("/"), url or _OPENAI
    elif "://" in model:
        url, _, name = model.partition("#")
    if not name or ":/" in name:
        raise InputError(f"{model!r} names no model", code="bad_model", where="model", hint=f"pass {_FORMS}")
    if not url:
        hint = "pass url=, set OPENAI_BASE_URL, or write http://host/v1#NAME"
        raise InputError(f"no endpoint is given for {name!r}", code="missing_url", where="model", hint=hint)
    given = {word: options[word] for word in ("api_key_env", "headers") if word in options}
    return ModelTarget(id=name, url=url, **given)

"""From a target to a model that can be asked: an endpoint, or a baseline computed here."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from evaltrail.core.errors import InputError
from evaltrail.core.ports import Model
from evaltrail.core.request import COMMAND_LINE, ModelTarget, RequestLimits, Wording
from evaltrail.core.values import Json
from evaltrail.models.absent import Absent
from evaltrail.models.admission import START
from evaltrail.models.baseline import Baseline
from evaltrail.models.endpoint import Endpoint


def open_model(
    target: ModelTarget,
    *,
    generation: Mapping[str, Json],
    limits: RequestLimits,
    api_key: str = "",
    references: Sequence[str] = (),
    seed: int = 0,
    start: int = START,
    environ: Mapping[str, str] = os.environ,
    wording: Wording = COMMAND_LINE,
) -> Model:
    """The model of a target; enter it (``async with``) before it is asked.

    Args:
        target: which model, and where.
        generation: settings that go into every request as they are.
        limits: how hard an endpoint may be pressed.
        api_key: the key itself, never its variable's name; empty = none.
        references: the accepted answers of the task, for baselines.
        seed: of the ``random`` baseline and of back-off jitter.
        start: requests in flight before an endpoint has shown that it takes more.
        environ: where proxies and the custom CA are named.
        wording: what errors call the target's settings.

    Raises:
        InputError: no such baseline, no URL for an endpoint, or a setting that cannot be sent.
    """
    if target.is_baseline:
        return Baseline(target.id.removeprefix("baseline:"), references=references, seed=seed)
    if not target.is_asked:
        return Absent()
    if not target.url:
        hint = f"add {wording.url} http://host:port/v1, or use baseline:extractive"
        raise InputError(f"model {target.id!r} has no URL", code="no_url", hint=hint)
    return Endpoint(
        target,
        generation=generation,
        limits=limits,
        api_key=api_key,
        seed=seed,
        start=start,
        environ=environ,
        wording=wording,
    )

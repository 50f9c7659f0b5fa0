"""Checks of everything a run leans on: versions, disk, outbox, MLflow, queue, endpoint."""

from __future__ import annotations

import asyncio
import platform
import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import version

from evaltrail.bundle.folders import make_private, write_whole
from evaltrail.config.secrets import find_key
from evaltrail.config.settings import Settings
from evaltrail.core.answer import Prompt
from evaltrail.core.errors import DestinationError, EvaltrailError, StorageError
from evaltrail.core.request import ModelTarget, RequestLimits
from evaltrail.core.version import VERSION
from evaltrail.destinations.mlflow.door import open_gateway
from evaltrail.destinations.mlflow.refusal import MISSING
from evaltrail.destinations.mlflow.tracking_uri import check_tracking_uri, public_uri, resolve_tracking_uri, sqlite_file
from evaltrail.models.target import open_model
from evaltrail.service.deliver import open_destination

_LEAST_FREE_BYTES = 500_000_000
_PATIENCE_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at."""

    what: str
    is_good: bool
    found: str


def check_all(settings: Settings, target: ModelTarget | None, tracking_uri: str) -> list[Check]:
    """Every check, none of which raises.

    Args:
        settings: of this process.
        target: the endpoint to ask one question; None = none.
        tracking_uri: given on the command line, or empty.
    """
    checks = [
        _check("evaltrail", lambda: f"{VERSION} on Python {platform.python_version()}"),
        _check("MLflow library", lambda: version("mlflow")),
        _check("EVALTRAIL_HOME", lambda: _home(settings)),
        _check("outbox", lambda: _outbox(settings)),
        _check("MLflow", lambda: _mlflow(tracking_uri or settings.tracking_uri, settings)),
        _check("queue", lambda: _queue(settings)),
    ]
    if target is not None:
        checks.append(_check("endpoint", lambda: _endpoint(target, settings)))
    return checks


def _check(what: str, look: Callable[[], str]) -> Check:
    try:
        return Check(what=what, is_good=True, found=look())
    except EvaltrailError as error:
        return Check(what=what, is_good=False, found=str(error))


def _home(settings: Settings) -> str:
    file = make_private(settings.home) / "doctor"
    write_whole(file, b"")
    file.unlink()
    free = shutil.disk_usage(settings.home).free
    if free < _LEAST_FREE_BYTES:
        raise StorageError(f"{free / 1e6:.0f} MB are free", where=str(settings.home), hint="free some space")
    return f"{settings.home}, {free / 1e9:.1f} GB free"


def _outbox(settings: Settings) -> str:
    waiting = open_destination(settings).waiting()
    return f"{len(waiting)} deliveries wait; `evaltrail sync` sends them" if waiting else "nothing waits"


def _mlflow(given: str, settings: Settings) -> str:
    uri = resolve_tracking_uri(given, settings.environ)
    check_tracking_uri(uri)
    file = sqlite_file(uri)
    if file is not None and not file.exists():
        return f"{uri}, which the first run will make"
    with closing(open_gateway(uri, environ=settings.environ)) as gateway:
        try:
            gateway.experiment_by_id("0")
        except DestinationError as error:
            if error.code not in {MISSING, "deleted_experiment"}:
                raise
    return public_uri(uri)


def _queue(settings: Settings) -> str:
    from evaltrail.jobs.opening import open_queue  # noqa: PLC0415  SQLAlchemy, which few commands need
    from evaltrail.store.engines import sqlite_path  # noqa: PLC0415  the same

    file = sqlite_path(settings.database_url, settings.home)
    if file is not None and not file.exists():
        return f"{file}, which the first `run --detach` will make"
    with open_queue(settings, patience_s=_PATIENCE_S) as queue:
        counts, workers = queue.counts(), queue.workers()
        waiting = counts.units.get("waiting", 0)
        told = "1 unit waits" if waiting == 1 else f"{waiting:,} units wait"
        if waiting and not workers:
            hint = "`evaltrail worker` starts one"
            raise EvaltrailError(f"{told} and no worker is alive", hint=hint, where=queue.place)
        return f"{queue.place}: {told}, {counts.units.get('running', 0):,} run, workers alive: {len(workers)}"


def _endpoint(target: ModelTarget, settings: Settings) -> str:
    key = find_key(target, settings.openai_base_url, settings.environ)
    limits = RequestLimits(concurrency=1, timeout_s=30, max_retries=0)

    async def ask() -> str:
        async with open_model(target, generation={"max_tokens": 16}, limits=limits, api_key=key) as model:
            answer = await model.ask(Prompt(text="Say hello."))
        if answer.error:
            raise EvaltrailError(f"the answer is unusable: {answer.error} {answer.detail}", where=target.url)
        return f"{target.id} answered in {answer.latency_s or 0:.2f} s"

    return asyncio.run(ask())

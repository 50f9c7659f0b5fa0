"""What stands when everything stands: the service, its workers and MLflow, as the commands that they are started by."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from evaltrail.bundle.folders import make_private
from evaltrail.config.redaction import redact_text
from evaltrail.config.service_settings import ServiceSettings
from evaltrail.config.settings import Settings
from evaltrail.core.errors import InputError
from evaltrail.destinations.mlflow.tracking_uri import is_http, public_uri, resolve_tracking_uri
from evaltrail.service.standing.part import PartOrder
from evaltrail.service.standing.ports import free_port, is_listened_at, shown_host

_MLFLOW_HOST = "127.0.0.1"
_AGREED = ("EVALTRAIL_DATABASE_URL", "EVALTRAIL_QUEUE_URL", "EVALTRAIL_DURABILITY", "EVALTRAIL_ALLOW_PRIVATE_URLS")
"""What all of them have to understand alike: empty, no .env file of the working folder, which workers read, sets it."""
_STORES = ("sqlite", "postgresql", "mysql", "mssql")
"""Kinds of tracking URIs that MLflow's server can be put before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is asked for beyond the settings."""

    port: int
    """Of the service; 0 = one that is free."""
    mlflow_port: int
    """The same for MLflow."""
    workers: int = 1
    concurrency: int = 2
    """Units that each worker does at a time."""
    has_mlflow: bool = True
    """Whether MLflow's server is started where none is named, or none answers at the PORT that is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingPlan:
    """What is started, and where it is found."""

    url: str
    """Of the service."""
    mlflow_url: str
    """Where MLflow's pages are; empty = there are none."""
    has_own_mlflow: bool
    """Whether we start it."""
    home: Path
    logs: Path
    orders: tuple[PartOrder, ...]
    """MLflow last, as the others need it while they end."""


def plan_standing(settings: Settings, service: ServiceSettings, wish: Wish) -> StandingPlan:
    """What is to be started, once its ports are free.

    Args:
        settings: of this process.
        service: how the service is reached.
        wish: what is asked for beyond them.

    Raises:
        InputError: a port is taken, or two parts are to have the same one.
    """
    port = free_port(service.host, wish.port, flag="--port")
    if wish.has_mlflow:
        settings = _unless_local(settings)
    named = settings.tracking_uri
    is_ours = wish.has_mlflow and (not named or named.startswith(_STORES))
    mlflow_port = free_port(_MLFLOW_HOST, wish.mlflow_port, flag="--mlflow-port") if is_ours else 0
    if port == mlflow_port:
        hint = f"give another: --mlflow-port {port + 1}"
        raise InputError(f"the service and MLflow cannot both have port {port}", code="port_taken", hint=hint)
    mlflow_url = f"http://{_MLFLOW_HOST}:{mlflow_port}" if is_ours else named if is_http(named) else ""
    environ = {**dict.fromkeys(_AGREED, ""), **settings.environ, "EVALTRAIL_HOME": str(settings.home)}
    if is_ours:
        environ |= {"MLFLOW_TRACKING_URI": mlflow_url, "EVALTRAIL_MLFLOW_PORT": str(mlflow_port)}
    url = f"http://{shown_host(service.host)}:{port}"
    orders = [_service(service.host, port, url, environ), *_workers(wish, environ)]
    if is_ours:
        orders.append(_mlflow(settings, mlflow_port, mlflow_url))
    return StandingPlan(
        url=url,
        mlflow_url=public_uri(mlflow_url) if mlflow_url else "",
        has_own_mlflow=is_ours,
        home=settings.home,
        logs=settings.home / "logs",
        orders=tuple(orders),
    )


def _unless_local(settings: Settings) -> Settings:
    """The settings; without the local server on PORT that they name where nobody listens: it is ours to start."""
    port = settings.local_mlflow_port
    is_there = not port or is_listened_at(_MLFLOW_HOST, port)
    return settings if is_there else replace(settings, tracking_uri="")


def _own(*words: str) -> tuple[str, ...]:
    """A command of ours; people have it as ``evaltrail``, which need not be in the PATH.

    ``-P``: the working folder, below which requests have their data, is none that modules are imported from.
    """
    return (sys.executable, "-P", "-m", "evaltrail.cli.main", *words)


def _service(host: str, port: int, url: str, environ: Mapping[str, str]) -> PartOrder:
    return PartOrder(
        name="service",
        command=_own("serve", "--host", host, "--port", str(port)),
        environ=environ,
        log="service.log",
        url=f"{url}/ready",
    )


def _workers(wish: Wish, environ: Mapping[str, str]) -> list[PartOrder]:
    return [
        PartOrder(
            name="worker" if wish.workers == 1 else f"worker {number}",
            command=_own("worker", "--concurrency", str(wish.concurrency)),
            environ=environ,
            log="worker.log",
            says=b"working at ",
        )
        for number in range(1, wish.workers + 1)
    ]


def _mlflow(settings: Settings, port: int, url: str) -> PartOrder:
    """MLflow's server over the store that the settings name, else over one of its own in the home."""
    folder = make_private(make_private(settings.home) / "mlflow")
    named = settings.tracking_uri
    store = resolve_tracking_uri(named, {}) if named else f"sqlite:///{folder / 'mlflow.db'}"
    answers_to = ",".join(f"{name}:{port}" for name in ("127.0.0.1", "localhost"))
    pages_of = ",".join(f"http://{name}" for name in answers_to.split(","))
    environ = {
        "MLFLOW_ARTIFACTS_DESTINATION": str(folder / "artifacts"),
        "MLFLOW_SERVER_ALLOWED_HOSTS": answers_to,
        "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": pages_of,
        **{name: value for name, value in settings.environ.items() if name != "MLFLOW_TRACKING_URI"},
        # not an argument, which every user of the machine could read: it may hold a password
        "MLFLOW_BACKEND_STORE_URI": store,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    artifacts = environ["MLFLOW_ARTIFACTS_DESTINATION"]
    if "://" not in artifacts:
        environ["MLFLOW_ARTIFACTS_DESTINATION"] = str(Path(artifacts).absolute())
    words = ("server", "--host", _MLFLOW_HOST, "--port", str(port), "--workers", "1")
    command = (sys.executable, "-P", "-m", "mlflow", *words)
    return PartOrder(
        name="MLflow",
        command=command,
        environ=environ,
        log="mlflow.log",
        url=f"{url}/health",
        cwd=folder,  # the servers that it starts import modules from there
        clean=_without_secrets,
    )


def _without_secrets(data: bytes) -> bytes:
    return redact_text(data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")

"""Tracking URIs: which one is meant, what may be shown of it, and where a run is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from evaltrail.core.errors import InputError

DEFAULT_STORE = "mlflow.db"
_SQLITE = "sqlite:///"
_SCHEMES = frozenset(
    {"http", "https", "sqlite", "postgresql", "mysql", "mssql", "databricks", "databricks-uc", "uc", "arn"}
)
_STORE_PLUGINS = "mlflow.tracking_store"


def resolve_tracking_uri(given: str, environ: Mapping[str, str]) -> str:
    """The tracking URI that is meant: the given one, else MLFLOW_TRACKING_URI, else sqlite in the working folder.

    A relative sqlite path becomes absolute, so that a later ``sync`` from another folder finds the same store.

    Raises:
        InputError: an http(s) URI without a host, or with a port that is none.
    """
    uri = given.strip() or environ.get("MLFLOW_TRACKING_URI", "").strip() or _SQLITE + DEFAULT_STORE
    file = sqlite_file(uri)
    if file is not None:
        return f"{_SQLITE}{file.absolute()}{''.join(uri.partition('?')[1:])}"
    return _checked(uri.rstrip("/")) if is_http(uri) else uri


def _checked(uri: str) -> str:
    try:
        url = urlsplit(uri)
        if url.hostname and (url.port is None or url.port > 0):
            return uri
    except ValueError:
        pass
    raise InputError(
        "the tracking URI has no host, or no valid port",
        code="bad_tracking_uri",
        hint="write http://HOST:PORT",
        where=uri.rpartition("@")[2],
    )


def check_tracking_uri(uri: str) -> None:
    """Return when MLflow knows the kind of a resolved tracking URI.

    Raises:
        InputError: it is a folder, which MLflow no longer writes to, or of a kind that nobody knows.
    """
    scheme = uri.partition(":")[0].partition("+")[0] if ":" in uri else uri
    if scheme in _SCHEMES or any(point.name == scheme for point in entry_points(group=_STORE_PLUGINS)):
        return
    if scheme == "file" or ":" not in uri:
        raise InputError(
            "MLflow keeps no runs in folders any more", code="bad_tracking_uri", hint="write sqlite:///FILE", where=uri
        )
    raise InputError(
        f"MLflow knows no tracking URI that begins with {scheme!r}",
        code="bad_tracking_uri",
        hint="write http://HOST:PORT or sqlite:///FILE",
        where=public_uri(uri),
    )


def is_http(tracking_uri: str) -> bool:
    """Whether the URI is that of a tracking server spoken to over HTTP."""
    return tracking_uri.startswith(("http://", "https://"))


def sqlite_file(tracking_uri: str) -> Path | None:
    """The file of a sqlite store; None for every other URI."""
    path = tracking_uri.removeprefix(_SQLITE).partition("?")[0] if tracking_uri.startswith(_SQLITE) else ""
    return Path(path) if path else None


def public_uri(tracking_uri: str) -> str:
    """The URI without user name and password, fit for messages and links."""
    parts = urlsplit(tracking_uri)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])) if "@" in parts.netloc else tracking_uri


def run_url(tracking_uri: str, experiment_id: str, run_id: str) -> str:
    """Where MLflow's UI shows the run; empty for a store without a server."""
    if not is_http(tracking_uri):
        return ""
    return f"{public_uri(tracking_uri).rstrip('/')}/#/experiments/{experiment_id}/runs/{run_id}"

"""Tracking URIs: which one is meant, what may be shown of it, and where a run is looked at."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

from evaltrail.core.errors import InputError

DEFAULT_STORE = "mlflow.db"
_SCHEMES = frozenset(
    {"http", "https", "sqlite", "postgresql", "mysql", "mssql", "databricks", "databricks-uc", "uc", "arn"}
)
_DATABASES = ("postgresql", "mysql", "mssql")
_STORE_PLUGINS = "mlflow.tracking_store"
_SQLITE = re.compile(r"(sqlite(?:\+\w+)?:///)([^?]*)")
"""SQLAlchemy's address of a file: what comes before it, and the file."""
_LOGIN = re.compile(r"(?<=://)[^/?#]*@")
_DATABASE_LOGIN = re.compile(r"(?<=://)[^:/]*(?::[^@]*)?@(?:[^/?#]*@)?")
"""SQLAlchemy lets a password hold what ends a host elsewhere: ``/``, ``?`` and ``#``."""
_SECRET_OPTIONS = frozenset({"password", "passwd", "pwd", "token", "odbc_connect"})


def resolve_tracking_uri(given: str, environ: Mapping[str, str]) -> str:
    """The tracking URI that is meant: the given one, else MLFLOW_TRACKING_URI, else sqlite in the working folder.

    A relative sqlite path becomes absolute, so that a later ``sync`` from another folder finds the same store.

    Raises:
        InputError: an http(s) URI without a host, or with a port that is none; a sqlite URI that names no file.
    """
    uri = given.strip() or environ.get("MLFLOW_TRACKING_URI", "").strip() or f"sqlite:///{DEFAULT_STORE}"
    if _scheme(uri) == "sqlite":
        return _checked_sqlite(uri)
    return _checked(uri.rstrip("/"), example="http://HOST:PORT") if is_http(uri) else uri


def _checked_sqlite(uri: str) -> str:
    found, file = _SQLITE.match(uri), sqlite_file(uri)
    if found is None or file is None or file.name == ":memory:" or found[2].startswith("file:"):
        raise InputError(
            "the tracking URI names no sqlite file that outlives this process",
            code="bad_tracking_uri",
            hint="write sqlite:///FILE",
            where=public_uri(uri),
        )
    return f"{found[1]}{file.absolute()}{uri[found.end() :]}"


def _checked(uri: str, *, example: str) -> str:
    try:
        url = urlsplit(public_uri(uri))
        if (url.hostname or url.scheme not in {"http", "https"}) and (url.port is None or url.port > 0):
            return uri
    except ValueError:
        pass
    raise InputError(
        "the tracking URI has no host, or no valid port",
        code="bad_tracking_uri",
        hint=f"write {example}",
        where=public_uri(uri),
    )


def _is_plugin(scheme: str) -> bool:
    """Whether an installed package offers MLflow a store of this kind."""
    from importlib.metadata import entry_points  # noqa: PLC0415  15 ms that no usual kind needs

    return any(point.name == scheme for point in entry_points(group=_STORE_PLUGINS))


def check_tracking_uri(uri: str) -> None:
    """Return when MLflow knows the kind of a resolved tracking URI.

    Raises:
        InputError: it is a folder, which MLflow no longer writes to, of a kind that nobody knows, or a database on a
            port that is none.
    """
    scheme = _scheme(uri)
    if scheme in _DATABASES:
        _checked(uri, example=f"{scheme}://USER:PASSWORD@HOST:PORT/DATABASE")
    if scheme in _SCHEMES or _is_plugin(scheme):
        return
    if scheme == "file" or ":" not in uri:
        raise InputError(
            "MLflow keeps no runs in folders any more",
            code="bad_tracking_uri",
            hint="write sqlite:///FILE",
            where=public_uri(uri),
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
    found = _SQLITE.match(tracking_uri)
    return Path(found[2]) if found is not None and found[2] else None


def public_uri(tracking_uri: str) -> str:
    """The URI without user name and password, fit for messages and links; of a database also without its options."""
    if _scheme(tracking_uri) in _DATABASES:
        return _DATABASE_LOGIN.sub("", tracking_uri).partition("?")[0]
    return _LOGIN.sub("", tracking_uri, count=1)


def without_login(text: str, tracking_uri: str) -> str:
    """The text with the public URI in place of the whole one, and nothing in it of the URI's login or password.

    Passwords are found as they stand in the URI, and with their %-escapes undone or done anew.
    """
    text = text.replace(tracking_uri, public_uri(tracking_uri))
    for secret in sorted(set(_secrets(tracking_uri)), key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def run_url(tracking_uri: str, experiment_id: str, run_id: str) -> str:
    """Where MLflow's UI shows the run; empty for a store without a server."""
    if not is_http(tracking_uri):
        return ""
    return f"{public_uri(tracking_uri).rstrip('/')}/#/experiments/{experiment_id}/runs/{run_id}"


def _scheme(uri: str) -> str:
    """The kind of the URI without its driver; the whole text where it has no scheme."""
    return uri.partition(":")[0].partition("+")[0] if ":" in uri else uri


def _secrets(tracking_uri: str) -> Iterator[str]:
    """Login, password and secret options of the URI, in every spelling they may come back in; none is empty."""
    found = (_DATABASE_LOGIN if _scheme(tracking_uri) in _DATABASES else _LOGIN).search(tracking_uri)
    login = found[0].removesuffix("@") if found is not None else ""
    password = login.partition(":")[2]
    options = parse_qsl(tracking_uri.partition("?")[2])
    hidden = [value for name, value in options if name.lower() in _SECRET_OPTIONS]
    for secret in (login if password else "", password, *hidden):
        if secret:
            plain = unquote(secret)
            yield from (secret, plain, quote(plain, safe=""), quote_plus(plain), repr(plain)[1:-1])

"""Login: who we are to a tracking server, from MLflow's own settings.

Source: ``mlflow/utils/credentials.py`` and ``rest_utils.py`` of MLflow 3.17.
"""

from __future__ import annotations

import base64
import configparser
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from urllib.parse import SplitResult, unquote

from evaltrail.core.errors import InputError

_PLUGIN_GROUPS = ("mlflow.request_header_provider", "mlflow.request_auth_provider")


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """What every request to the server carries."""

    headers: Mapping[str, str]
    tls: ssl.SSLContext | None
    """None for plain http."""


def read_login(url: SplitResult, environ: Mapping[str, str]) -> Login:
    """The login for a server, from MLFLOW_TRACKING_*, MLFLOW_WORKSPACE, ``~/.mlflow/credentials`` and the URL itself.

    Raises:
        InputError: the settings contradict each other, or a certificate cannot be read.
    """
    headers = {"User-Agent": "evaltrail", "Accept": "application/json"}
    authorization = _authorization(url, environ)
    if authorization:
        headers["Authorization"] = authorization
    workspace = environ.get("MLFLOW_WORKSPACE", "").strip()
    if workspace:
        headers["X-MLFLOW-WORKSPACE"] = workspace
    return Login(headers=headers, tls=_tls(environ) if url.scheme == "https" else None)


def needs_stock_client(url: SplitResult, environ: Mapping[str, str]) -> bool:
    """Whether only MLflow's client can speak to this server: request signing, login plugins, or a proxy between."""
    if environ.get("MLFLOW_TRACKING_AUTH") or _is_true(environ.get("MLFLOW_TRACKING_AWS_SIGV4", "")):
        return True
    if any(entry_points(group=group) for group in _PLUGIN_GROUPS):
        return True
    names = (f"{url.scheme}_proxy", f"{url.scheme}_proxy".upper(), "all_proxy", "ALL_PROXY")
    if not any(environ.get(name) for name in names):
        return False
    exempt = (environ.get("no_proxy") or environ.get("NO_PROXY", "")).split(",")
    return not any(_covers(entry.strip(), url.hostname or "") for entry in exempt)


def _covers(entry: str, host: str) -> bool:
    """Whether an entry of NO_PROXY names the host or a domain above it."""
    domain = entry.lstrip(".").lower()
    return entry == "*" or (domain != "" and (host == domain or host.endswith(f".{domain}")))


def _authorization(url: SplitResult, environ: Mapping[str, str]) -> str:
    filed = _filed_credentials(Path(environ.get("HOME") or Path.home()) / ".mlflow" / "credentials")
    user = environ.get("MLFLOW_TRACKING_USERNAME") or filed.get("mlflow_tracking_username")
    password = environ.get("MLFLOW_TRACKING_PASSWORD") or filed.get("mlflow_tracking_password")
    token = environ.get("MLFLOW_TRACKING_TOKEN")
    if not (user and password) and not token and url.username:
        user, password = unquote(url.username), unquote(url.password or "")
        return _basic(user, password)
    if user and password:
        return _basic(user, password)
    return f"Bearer {token}" if token else ""


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _filed_credentials(file: Path) -> Mapping[str, str]:
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(file)
    except (configparser.Error, UnicodeDecodeError) as error:
        raise InputError(
            f"MLflow's credentials file cannot be read: {type(error).__name__}", where=str(file)
        ) from error
    return dict(parser["mlflow"]) if parser.has_section("mlflow") else {}


def _tls(environ: Mapping[str, str]) -> ssl.SSLContext:
    server_certificate = environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH", "")
    client_certificate = environ.get("MLFLOW_TRACKING_CLIENT_CERT_PATH", "")
    is_insecure = _is_true(environ.get("MLFLOW_TRACKING_INSECURE_TLS", ""))
    if is_insecure and server_certificate:
        raise InputError(
            "MLFLOW_TRACKING_INSECURE_TLS and MLFLOW_TRACKING_SERVER_CERT_PATH are both set", hint="set one of them"
        )
    trusted = server_certificate or environ.get("REQUESTS_CA_BUNDLE") or environ.get("CURL_CA_BUNDLE") or ""
    try:
        context = _context(trusted)
        if client_certificate:
            context.load_cert_chain(client_certificate)
    except (OSError, ssl.SSLError) as error:
        raise InputError(
            f"a TLS certificate cannot be read: {error}",
            hint="check MLFLOW_TRACKING_SERVER_CERT_PATH and MLFLOW_TRACKING_CLIENT_CERT_PATH",
            where=trusted or client_certificate,
        ) from error
    if is_insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _context(trusted: str) -> ssl.SSLContext:
    if trusted and Path(trusted).is_dir():
        return ssl.create_default_context(capath=trusted)
    if trusted:
        return ssl.create_default_context(cafile=trusted)
    context = ssl.create_default_context()
    if not context.cert_store_stats()["x509_ca"]:
        import certifi  # noqa: PLC0415 - only where the machine has no list of its own; comes with mlflow

        context.load_verify_locations(certifi.where())
    return context


def _is_true(text: str) -> bool:
    return text.strip().lower() in {"true", "1"}

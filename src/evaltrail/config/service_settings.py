"""ServiceSettings: what only the evaluation service needs of the variables; wrong values keep it from starting."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from evaltrail.config.settings import Settings
from evaltrail.core.errors import InputError
from evaltrail.core.outside import HIGHEST_PORT, AllowedPlaces, literal_address, read_allowed

Auth = Literal["keys", "none"]
IpNetwork = IPv4Network | IPv6Network

_USUAL_STORE = "http://localhost:5000"
_MEGABYTE = 1_000_000
_MOST_MEGABYTES = 1000.0
_MOST_A_MINUTE = 1_000_000
_PREFIX = re.compile(r"[\w.-]{1,100}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """How the service is reached, who may speak to it, and what its requests may reach."""

    host: str = "127.0.0.1"
    """EVALTRAIL_HOST: the address to listen on."""
    port: int = 8000
    """EVALTRAIL_PORT, else API_PORT, else UPLOAD_PORT."""
    mlflow_port: int = 5000
    """Where `up` starts MLflow: PORT where that names it, else EVALTRAIL_MLFLOW_PORT."""
    auth: Auth = "none"
    """EVALTRAIL_AUTH: whether a key is asked for; none by itself on loopback only."""
    allowed_hosts: frozenset[str] = frozenset()
    """EVALTRAIL_ALLOWED_HOSTS: further names that the service answers to, in small letters, without ports."""
    allowed_origins: frozenset[str] = frozenset()
    """EVALTRAIL_ALLOWED_ORIGINS: web pages of other places that may speak to it: ``https://host:port``."""
    rate_limit: int = 6000
    """EVALTRAIL_RATE_LIMIT: requests a minute of one key, or of one address without; 0 = as many as come."""
    max_body_bytes: int = 10 * _MEGABYTE
    """EVALTRAIL_MAX_BODY_MB."""
    max_upload_bytes: int = 100 * _MEGABYTE
    """Of a document or a table of questions: one more is refused before it is read."""
    allowed_places: AllowedPlaces = field(default_factory=AllowedPlaces)
    """EVALTRAIL_ALLOW_PRIVATE_URLS: what URLs in requests may reach beside public addresses."""
    callback_secret: str = field(default="", repr=False)
    """EVALTRAIL_CALLBACK_SECRET: what callbacks are signed with; empty = they are not."""
    data_root: Path = Path()
    """EVALTRAIL_DATA_ROOT, absolute: the data sets of requests lie below it."""
    experiment_prefix: str = "eval-hub"
    """MLFLOW_EXPERIMENT_PREFIX: what the names of experiments begin with."""
    generation_model: str = ""
    """EVALTRAIL_GENERATION_MODEL: who writes questions where a request names nobody, ``SERVER/NAME``; empty = cloze."""
    form_secret: str = field(default="", repr=False)
    """FLASK_KEY: what the tokens of form pages are signed with; empty = a secret of this process."""
    trusted_proxies: tuple[IpNetwork, ...] = ()
    """EVALTRAIL_TRUSTED_PROXIES: whose word on scheme and path prefix is taken."""


def load_service_settings(settings: Settings, *, host: str = "", port: int | None = None) -> ServiceSettings:
    """The service's settings, from the same variables as all others.

    Args:
        settings: of this process.
        host: given on the command line; empty = as the variables say.
        port: the same; 0 = one that is free.

    Raises:
        InputError: a variable holds what it cannot mean, or the service would be open to a network without keys.
    """
    environ = settings.environ
    listened = host or environ.get("EVALTRAIL_HOST") or "127.0.0.1"
    auth = _auth(environ.get("EVALTRAIL_AUTH", ""), listened)
    private = environ.get("EVALTRAIL_ALLOW_PRIVATE_URLS", "")
    return ServiceSettings(
        host=listened,
        port=_port(environ, ("EVALTRAIL_PORT", "API_PORT", "UPLOAD_PORT"), 8000) if port is None else port,
        mlflow_port=settings.local_mlflow_port or _port(environ, ("EVALTRAIL_MLFLOW_PORT",), 5000),
        auth=auth,
        allowed_hosts=frozenset(map(_host_name, _listed(environ, "EVALTRAIL_ALLOWED_HOSTS"))),
        allowed_origins=frozenset(map(_web_origin, _listed(environ, "EVALTRAIL_ALLOWED_ORIGINS"))),
        rate_limit=_rate_limit(environ.get("EVALTRAIL_RATE_LIMIT") or "6000"),
        max_body_bytes=_body_bytes(environ.get("EVALTRAIL_MAX_BODY_MB") or "10"),
        allowed_places=read_allowed(private, where="EVALTRAIL_ALLOW_PRIVATE_URLS"),
        callback_secret=environ.get("EVALTRAIL_CALLBACK_SECRET", ""),
        data_root=_data_root(environ.get("EVALTRAIL_DATA_ROOT", "")),
        generation_model=environ.get("EVALTRAIL_GENERATION_MODEL", "").strip(),
        form_secret=environ.get("FLASK_KEY", ""),
        trusted_proxies=tuple(map(_network, _listed(environ, "EVALTRAIL_TRUSTED_PROXIES"))),
        experiment_prefix=_prefix(environ.get("MLFLOW_EXPERIMENT_PREFIX") or "eval-hub"),
    )


def with_usual_store(settings: Settings) -> Settings:
    """The settings with MLflow's usual server where nothing names a store: service and workers are no one's session.

    Source: seed 001, ``MLFLOW_TRACKING_URI``.
    """
    return settings if settings.tracking_uri else replace(settings, tracking_uri=_USUAL_STORE)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens on a host."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


def _auth(text: str, host: str) -> Auth:
    if text == "keys":
        return "keys"
    if text == "none" or (not text and is_loopback(host)):
        return "none"
    if text:
        raise _wrong("EVALTRAIL_AUTH", text, "keys and none are known")
    raise InputError(
        f"the service would be open to everybody who reaches {host}",
        code="auth_missing",
        where="EVALTRAIL_AUTH",
        hint="set EVALTRAIL_AUTH=keys and make keys by `evaltrail keys add NAME --role submit`, or set "
        "EVALTRAIL_AUTH=none where nobody else reaches it, or listen on 127.0.0.1",
    )


def _port(environ: Mapping[str, str], names: tuple[str, ...], default: int) -> int:
    name = next((name for name in names if environ.get(name)), "")
    if not name:
        return default
    text = environ[name]
    if text.isascii() and text.isdecimal() and 0 < int(text) <= HIGHEST_PORT:
        return int(text)
    raise _wrong(name, text, "a port is a number from 1 to 65535")


def _listed(environ: Mapping[str, str], name: str) -> list[str]:
    return [part.strip() for part in environ.get(name, "").split(",") if part.strip()]


def _host_name(text: str) -> str:
    plain = text.lower().rstrip(".")
    try:
        if plain == "localhost" or literal_address(plain) is None:
            return plain
    except ValueError:
        pass
    raise _wrong("EVALTRAIL_ALLOWED_HOSTS", text, "give names without scheme and port; addresses are always answered")


def _web_origin(text: str) -> str:
    """An origin as browsers write it (RFC 6454): in small letters, without a port that the scheme implies."""
    hint = "give origins as https://host:port, separated by commas; there is no word for all of them"
    try:
        parts = urlsplit(text.lower())
        port = parts.port
    except ValueError:
        raise _wrong("EVALTRAIL_ALLOWED_ORIGINS", text, hint) from None
    is_plain = not (parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc or "*" in text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or not is_plain:
        raise _wrong("EVALTRAIL_ALLOWED_ORIGINS", text, hint)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    is_implied = port in {None, 443 if parts.scheme == "https" else 80}
    return f"{parts.scheme}://{host}" if is_implied else f"{parts.scheme}://{host}:{port}"


def _network(text: str) -> IpNetwork:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        hint = "give addresses or networks such as 10.1.0.0/16, separated by commas"
        raise _wrong("EVALTRAIL_TRUSTED_PROXIES", text, hint) from None


def _rate_limit(text: str) -> int:
    if text.isascii() and text.isdecimal() and int(text) <= _MOST_A_MINUTE:
        return int(text)
    hint = f"give requests a minute, {_MOST_A_MINUTE:,} at most; 0 = as many as come"
    raise _wrong("EVALTRAIL_RATE_LIMIT", text, hint)


def _body_bytes(text: str) -> int:
    try:
        megabytes = float(text)
    except ValueError:
        megabytes = 0.0
    if 0 < megabytes <= _MOST_MEGABYTES:
        return int(megabytes * _MEGABYTE)
    raise _wrong("EVALTRAIL_MAX_BODY_MB", text, f"give megabytes above 0, {_MOST_MEGABYTES:,.0f} at most")


def _data_root(text: str) -> Path:
    folder = Path(text).expanduser().absolute()
    if text and not folder.is_dir():
        raise _wrong("EVALTRAIL_DATA_ROOT", text, "give a folder that is there")
    if not text and folder == folder.parent:
        message = f"the working folder is {folder}: requests could have every file of this machine put to a model"
        hint = "set it to the folder that holds the data sets of requests"
        raise InputError(message, code="bad_setting", where="EVALTRAIL_DATA_ROOT", hint=hint)
    return folder


def _prefix(text: str) -> str:
    if _PREFIX.fullmatch(text):
        return text
    raise _wrong("MLFLOW_EXPERIMENT_PREFIX", text, "give letters, digits, _ . and -, 100 at most")


def _wrong(name: str, text: str, hint: str) -> InputError:
    return InputError(f"{name} is {text[:100]!r}", code="bad_setting", hint=hint)

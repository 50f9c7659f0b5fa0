"""Which proxy leads to a host: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, as curl reads them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from urllib.parse import unquote, urlsplit

from evaltrail.core.errors import InputError
from evaltrail.models.address import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """An HTTP proxy."""

    host: str
    port: int
    authorization: str = field(default="", repr=False)
    """Value of Proxy-Authorization; empty without a user name."""


def proxy_for(address: Address, environ: Mapping[str, str]) -> Proxy | None:
    """The proxy that leads to an address, or None where it is reached directly.

    Raises:
        InputError: the variable names something that is no HTTP proxy (SOCKS, TLS to the proxy).
    """
    for name in (f"{address.scheme}_proxy", "all_proxy"):
        value = environ.get(name) or environ.get(name.upper())
        if value:
            break
    else:
        return None
    if is_exempt(address.host, address.port, environ.get("no_proxy") or environ.get("NO_PROXY") or ""):
        return None
    return _parsed(value, name)


def is_exempt(host: str, port: int, no_proxy: str) -> bool:
    """Whether NO_PROXY holds a host: ``*``, a domain and all below it, an address, a network; a port may follow."""
    host = host.lower()
    for entry in no_proxy.lower().replace(",", " ").split():
        name, _, wanted = entry.rpartition(":") if entry.rpartition(":")[2].isdigit() else (entry, "", "")
        if name.count(":") and not name.startswith("["):
            name, wanted = entry, ""
        name = name.strip("[]").removeprefix("*.").lstrip(".")
        if wanted and int(wanted) != port:
            continue
        if entry == "*" or host == name or (name and host.endswith("." + name)) or _in_network(host, name):
            return True
    return False


def _in_network(host: str, name: str) -> bool:
    if "/" not in name:
        return False
    try:
        return ip_address(host) in ip_network(name, strict=False)
    except ValueError:
        return False


def _parsed(value: str, name: str) -> Proxy:
    hint = "give an HTTP proxy as http://host:port"
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        port = parts.port or 80
    except ValueError as error:
        raise InputError("the proxy's URL cannot be read", code="bad_proxy", hint=hint, where=name) from error
    if parts.scheme != "http" or not parts.hostname:
        raise InputError(f"a {parts.scheme} proxy is not supported", code="bad_proxy", hint=hint, where=name)
    authorization = ""
    if parts.username is not None:
        user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = f"Basic {b64encode(user.encode()).decode()}"
    return Proxy(host=parts.hostname, port=port, authorization=authorization)

"""URLs that stand in requests: checked before they are accepted, and looked up to the addresses that are connected to.

A name is looked up once for each connection, all of its addresses are checked, and one of those is connected to: what
it leads to cannot change in between.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from urllib.parse import urlsplit

from evaltrail.core.errors import EndpointError, InputError
from evaltrail.core.outside import NOTHING_ALLOWED, AllowedPlaces, IpAddress, literal_address, read_allowed
from evaltrail.models.address import parse_address

ALLOW_VARIABLE = "EVALTRAIL_ALLOW_PRIVATE_URLS"
_HINT = f"the operator may allow it: {ALLOW_VARIABLE}"
_LOCAL = ("localhost", "localdomain")


def allowed_places(environ: Mapping[str, str]) -> AllowedPlaces:
    """What the operator opened to requests.

    Raises:
        InputError: the variable says what it cannot mean.
    """
    text = environ.get(ALLOW_VARIABLE, "")
    return read_allowed(text, where=ALLOW_VARIABLE) if text else NOTHING_ALLOWED


def check_outside_url(url: str, allowed: AllowedPlaces) -> None:
    """Return where a request may name this URL, as far as the URL itself tells; nothing is looked up.

    Args:
        url: http or https.
        allowed: what the operator opened.

    Raises:
        InputError: it is no such URL, holds a login or a fragment, writes an address in an odd way, or names a host
            that requests may not reach.
    """
    address = parse_address(url)
    parts = urlsplit(url)
    if "#" in url:
        raise InputError("the URL holds a fragment", code="bad_url", hint="leave out the # and what follows")
    if parts.port == 0:
        raise InputError("the URL's port is 0", code="bad_url", hint="a port is a number from 1 to 65535")
    try:
        literal = _literal(parts.netloc, address.host)
    except ValueError:
        hint = "write a name, four decimal numbers, or an IPv6 address in brackets"
        raise InputError("the URL's host is neither a name nor an address", code="bad_url", hint=hint) from None
    if literal is None:
        is_local = address.host.rstrip(".").lower().rpartition(".")[2] in _LOCAL
        is_open = not is_local or allowed.has_name(address.host, address.port) or bool(allowed.networks)
    else:
        is_open = allowed.has_address(literal, address.port)
    if not is_open:
        raise InputError("the URL leads into a private network", code="private_url", hint=_HINT)


def resolve_outside(host: str, port: int, allowed: AllowedPlaces) -> tuple[str, ...]:
    """The addresses to connect to, each of which a request may reach.

    Args:
        host: a name or an address, in ASCII.
        port: to be connected to.
        allowed: what the operator opened.

    Raises:
        OSError: the name is not known.
        EndpointError: it leads to an address that requests may not reach.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = tuple(dict.fromkeys(str(info[4][0]) for info in found))
    if not addresses:
        raise socket.gaierror(socket.EAI_NONAME, "the name has no address")
    if not allowed.has_name(host, port):
        for each in addresses:
            _check(each, port, allowed)
    return addresses


def _literal(place: str, host: str) -> IpAddress | None:
    """The address that a URL's host is written as, or None for a name.

    Raises:
        ValueError: it is neither.
    """
    if "[" in place and ":" not in host:  # forms of the future, which releases of Python read in several ways
        raise ValueError("brackets around what is no IPv6 address")
    return literal_address(host)


def _check(address: str, port: int, allowed: AllowedPlaces) -> None:
    try:
        literal = literal_address(address)
    except ValueError:
        literal = None
    if literal is None or not allowed.has_address(literal, port):
        # Without the address: what names of a private network lead to is not for strangers.
        raise EndpointError("the URL leads into a private network", code="private_url", hint=_HINT)

"""Presence: whether anybody answers at an endpoint, found out once and cheaply before work is started.

Any HTTP answer will do, a refusal too: what the endpoint serves is found out by the first real request. No key is sent.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping

from evaltrail.core.errors import InputError
from evaltrail.models.address import Address, parse_address
from evaltrail.models.proxies import proxy_for

_SECONDS = 10.0


def check_presence(url: str, environ: Mapping[str, str]) -> None:
    """Find out that somebody answers at an endpoint; through a proxy, that the proxy does.

    Args:
        url: of the endpoint.
        environ: where proxies are named.

    Raises:
        InputError: the URL cannot be used, or nobody answers within 10 s.
    """
    address = parse_address(url)
    proxy = proxy_for(address, environ)
    place = (proxy.host, proxy.port) if proxy else (address.host, address.port)
    try:
        with socket.create_connection(place, timeout=_SECONDS) as connection:
            if proxy is None and address.scheme == "http":
                _ask(connection, address)
            elif proxy is None:
                _greet(connection, address)
    except OSError as error:
        reason = "nobody answers within 10 s" if isinstance(error, TimeoutError) else error.strerror or str(error)
        raise InputError(
            f"the endpoint does not answer: {reason}",
            code="endpoint_away",
            where=address.shown,
            hint="start it, or correct target.api_endpoint.url; --no-endpoint-check leaves this out",
        ) from error


def _ask(connection: socket.socket, address: Address) -> None:
    request = f"HEAD {address.path or '/'} HTTP/1.1\r\nHost: {address.authority}\r\nConnection: close\r\n\r\n"
    connection.sendall(request.encode())
    if not connection.recv(1):
        raise ConnectionResetError("it hung up without an answer")


def _greet(connection: socket.socket, address: Address) -> None:
    """Shake hands for TLS; whose certificate it is, the first real request checks."""
    import ssl  # noqa: PLC0415  10 ms that an address without TLS need not pay

    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with context.wrap_socket(connection, server_hostname=address.host):
        return

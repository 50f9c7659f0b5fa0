"""Ports of this machine: whether one is free before something is started on it."""

from __future__ import annotations

import socket
from contextlib import suppress

from evaltrail.core.errors import InputError

_HIGHEST = 65535
_PATIENCE_S = 1.0


def free_port(host: str, port: int, *, flag: str) -> int:
    """The port, once nobody listens on it.

    Args:
        host: name or address of this machine.
        port: 0 = one that is free now.
        flag: where another one is given, with the variable beside it.

    Raises:
        InputError: it is taken, or is none; the message names it and the flag.
    """
    if port > _HIGHEST:
        raise InputError(f"{port} is no port", code="bad_port", where=flag, hint="a port is a number up to 65535")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        raise InputError(f"{host!r:.100} is no address", code="bad_host", hint="try --host 127.0.0.1") from error
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            hint = f"end what uses it, or give another: {flag} {min(port + 1, _HIGHEST)}"
            why = f"port {port} of {host} cannot be used: {error.strerror or error}"
            raise InputError(why, code="port_taken", where=flag, hint=hint) from error
        return int(probe.getsockname()[1])


def is_listened_at(host: str, port: int) -> bool:
    """Whether somebody takes connections there."""
    with suppress(OSError), socket.create_connection((host, port), _PATIENCE_S):
        return True
    return False


def shown_host(host: str) -> str:
    """The host as URLs of this machine have it: in brackets where need be, loopback where all addresses are meant."""
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  where is listened is not chosen here
    return f"[{name}]" if ":" in name else name

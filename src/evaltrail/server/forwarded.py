"""Forwarded: what a trusted proxy says of the request that it hands on: its scheme, and the prefix that it took off.

Source: the headers X-Forwarded-Proto and X-Forwarded-Prefix, as nginx and Traefik are told to send them. Of anybody
else they are passed over: they would choose where the answers' links lead.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import ip_address
from typing import TYPE_CHECKING

from evaltrail.api.request_record import record_of
from evaltrail.config.service_settings import IpNetwork
from evaltrail.server.refusal import header

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~-]+)+")
_MOST_CHARACTERS = 200


class Forwarded:
    """Notes what a trusted proxy says.

    Args:
        app: what answers.
        trusted: networks of the proxies.
    """

    def __init__(self, app: ASGIApp, trusted: Sequence[IpNetwork]) -> None:
        self._app = app
        self._trusted = tuple(trusted)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, with what is known of its way."""
        if scope["type"] == "http" and self._is_trusted(scope):
            scheme = (header(scope, b"x-forwarded-proto") or b"").strip().lower()
            if scheme in {b"http", b"https"}:
                scope["scheme"] = scheme.decode()
            prefix = (header(scope, b"x-forwarded-prefix") or b"").decode("latin-1").strip().rstrip("/")
            if len(prefix) <= _MOST_CHARACTERS and _PREFIX.fullmatch(prefix):
                record_of(scope).prefix = prefix
        await self._app(scope, receive, send)

    def _is_trusted(self, scope: Scope) -> bool:
        client = scope.get("client")
        try:
            address = ip_address(str(client[0])) if client else None
        except ValueError:
            return False
        return address is not None and any(address in network for network in self._trusted)

"""HostGuard: which names the service answers to, and which web pages may speak to it (RFC 6454, the Fetch standard).

A page of a stranger in the browser of somebody who may reach the service must not: neither by a request of its own,
which bears its origin, nor by a name of its own that it lets lead to our address, which stands in Host. Addresses in
Host are answered always: no page can make one lead elsewhere.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from evaltrail.config.service_settings import ServiceSettings
from evaltrail.server.access import is_open_path
from evaltrail.server.refusal import header, refuse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE"
_ASKABLE = (
    b"Authorization, Content-Type, Idempotency-Key, Last-Event-ID, X-Request-Id, X-Tenant, File-Name, Window-Size, "
    b"Window-Step, Window-Scope, Questions-Per-Window, Model-Name, Benchmark-Uri, Mode"
)
_SHOWN = b"Location, Retry-After, X-Request-Id, Idempotent-Replayed"
_PREFLIGHT_S = b"600"
_MOST_REMEMBERED = 256


class HostGuard:
    """Refuses strange names in Host where no key protects, and strange origins everywhere.

    Args:
        app: what answers.
        settings: the names and origins that are known.
    """

    def __init__(self, app: ASGIApp, settings: ServiceSettings) -> None:
        self._app = app
        self._origins = settings.allowed_origins
        self._answers_to_all = settings.auth == "keys"  # a page that got here by a name of its own has no key
        self._names = {"localhost", settings.host.lower().rstrip("."), *settings.allowed_hosts}
        self._known_hosts: dict[bytes, bool] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, unless a stranger's page may have sent it."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        host = header(scope, b"host") or b""
        if not self._is_ours(host) and not is_open_path(scope["path"]):
            message = f"the service does not answer to the name {host[:100].decode('latin-1')!r}"
            hint = "ask it as localhost or by its address; the operator may add names: EVALTRAIL_ALLOWED_HOSTS"
            await refuse(scope, send, status=421, code="bad_host", message=message, hint=hint)
            return
        origin = header(scope, b"origin")
        if origin is None:
            await self._app(scope, receive, send)
        else:
            await self._from_page(origin.decode("latin-1"), host, scope, receive, send)

    async def _from_page(self, origin: str, host: bytes, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that bears the origin of a web page."""
        is_allowed = origin.lower() in self._origins
        if not is_allowed and not _is_same(origin, host):
            hint = "the operator may allow the page's origin: EVALTRAIL_ALLOWED_ORIGINS"
            message = "web pages of other places may not speak to the service"
            await refuse(scope, send, status=403, code="bad_origin", message=message, hint=hint)
            return
        if not is_allowed:
            await self._app(scope, receive, send)
            return
        shown = [(b"access-control-allow-origin", origin.encode("latin-1")), (b"vary", b"Origin")]
        if scope["method"] == "OPTIONS" and header(scope, b"access-control-request-method") is not None:
            await send({"type": "http.response.start", "status": 204, "headers": [*shown, *_preflight()]})
            await send({"type": "http.response.body", "body": b""})
            return

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message.get("headers", ()),
                    *shown,
                    (b"access-control-expose-headers", _SHOWN),
                ]
            await send(message)

        await self._app(scope, receive, tell)

    def _is_ours(self, host: bytes) -> bool:
        known = self._known_hosts.get(host)
        if known is None:
            known = bool(host) and (self._answers_to_all or self._is_known(host))
            if len(self._known_hosts) < _MOST_REMEMBERED:
                self._known_hosts[host] = known
        return known

    def _is_known(self, host: bytes) -> bool:
        name = _host_name(host.decode("latin-1"))
        if name in self._names:
            return True
        try:
            ip_address(name)
        except ValueError:
            return False
        return True


def _host_name(host: str) -> str:
    """The name or address in a Host header, without its port; empty where it holds anything else."""
    try:
        parts = urlsplit(f"//{host}")
        is_plain = parts.netloc == host and "@" not in host and (parts.port is None or parts.port > 0)
        return (parts.hostname or "").rstrip(".") if is_plain else ""
    except ValueError:
        return ""


def _is_same(origin: str, host: bytes) -> bool:
    """Whether a page's origin is the place that was asked; TLS may have been taken off on the way."""
    try:
        page = urlsplit(origin)
        asked = urlsplit(f"//{host.decode('latin-1')}")
        implied = {"http": 80, "https": 443}.get(page.scheme)
        return (
            implied is not None
            and bool(page.hostname)
            and (page.hostname, page.port or implied) == (asked.hostname, asked.port or implied)
        )
    except ValueError:
        return False


def _preflight() -> list[tuple[bytes, bytes]]:
    return [
        (b"access-control-allow-methods", _METHODS),
        (b"access-control-allow-headers", _ASKABLE),
        (b"access-control-max-age", _PREFLIGHT_S),
    ]

"""Metering: every request counted by its route, whoever answered it."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

from evaltrail.api.meters import Meters

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_NOWHERE = "none"
"""The route of what was refused before a route was looked for, or where there is none."""
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metering:
    """Stands before everything else.

    Args:
        app: what answers.
        meters: count.
    """

    def __init__(self, app: ASGIApp, meters: Meters) -> None:
        self._app = app
        self._meters = meters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have a request answered, and count it as its answer begins."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = perf_counter()

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                method = scope["method"] if scope["method"] in _METHODS else "other"
                route = getattr(scope.get("route"), "path", _NOWHERE)
                self._meters.request(method, route, message["status"], perf_counter() - began)
            await send(message)

        await self._app(scope, receive, tell)

"""Direct: the endpoints that are asked most, answered before FastAPI is reached, as it would answer them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, cast

from starlette.requests import Request

from evaltrail.api.endpoint import Endpoint
from evaltrail.server.failures import HANDLERS

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send


class Direct:
    """Answers hot endpoints of a fixed path; hands on what is anything else.

    Args:
        app: what answers the rest.
        known: all endpoints.
    """

    def __init__(self, app: ASGIApp, known: Sequence[Endpoint]) -> None:
        self._app = app
        self._hot = {(each.method, each.path): each for each in known if each.is_hot}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have a request answered; a fault goes on to who keeps it, once its client was told."""
        endpoint = self._hot.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if endpoint is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = endpoint
        request = Request(scope, receive)
        answer = cast("Callable[[Request], Awaitable[Response]]", endpoint.handler)
        try:
            reply = await answer(request)
        except Exception as error:  # the same as FastAPI's
            kind = next(each for each in type(error).__mro__ if each in HANDLERS)
            reply = await HANDLERS[kind](request, error)
            if kind is Exception:
                await reply(scope, receive, send)
                raise
        await reply(scope, receive, send)

"""EnvironmentApp: the service as any ASGI server starts it, put together from the variables when it is asked first."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING

from anyio.to_thread import run_sync

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


class EnvironmentApp:
    """An application that is assembled in the process which serves it, after a server has forked its workers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._opened = ExitStack()
        self._app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have a request answered; at the server's start and end open and close what the service needs."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        app = self._app if self._app is not None else await run_sync(self._assembled)
        await app(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                try:
                    await run_sync(self._assembled)
                except Exception as error:  # noqa: BLE001  the wall between us and the server, which tells its user
                    await send({"type": "lifespan.startup.failed", "message": str(error)})
                    return
                await send({"type": "lifespan.startup.complete"})
            else:
                await run_sync(self._opened.close)
                self._app = None
                await send({"type": "lifespan.shutdown.complete"})
                return

    def _assembled(self) -> ASGIApp:
        """The service; several first requests at once wait for one assembly."""
        from evaltrail.config.service_settings import (  # noqa: PLC0415  the assembly imports this module
            load_service_settings,
            with_usual_store,
        )
        from evaltrail.config.settings import load_settings  # noqa: PLC0415  the same
        from evaltrail.server.assembly import assembled  # noqa: PLC0415  the same

        with self._lock:
            if self._app is None:
                settings = with_usual_store(load_settings(dotenv=None))
                parts = self._opened.enter_context(assembled(settings, load_service_settings(settings)))
                self._app = parts.app
            return self._app

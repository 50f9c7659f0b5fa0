"""Requests that fail: errors of ours and of the framework as problems, a fault of ours told in the log."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from evaltrail.api.problems import internal, of_status, problem_of, status_of
from evaltrail.api.request_record import record_of
from evaltrail.config.secrets import redact
from evaltrail.core.errors import EvaltrailError
from evaltrail.server.request_log import WriteLine

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_CLOSED = 499
"""The client went away before it had said what it wants; nobody reads this answer, and logs know the number."""


async def answer_error(request: Request, error: Exception) -> Response:
    """Tell a client of an error of ours; one that is no answer to anybody is a fault, of which the log tells."""
    own = cast("EvaltrailError", error)
    if status_of(own) == HTTPStatus.INTERNAL_SERVER_ERROR:
        record_of(request.scope).fault = own
    return problem_of(own, instance=request.url.path, request_id=record_of(request.scope).id).response()


async def answer_refusal(request: Request, error: Exception) -> Response:
    """Tell a client what the framework refuses: an unknown path, a method that a path does not know."""
    refused = cast("HTTPException", error)
    headers = dict(refused.headers or {})
    if refused.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(sorted(_methods(request)))  # the framework's names those of one route alone
    return of_status(
        refused.status_code,
        instance=request.url.path,
        request_id=record_of(request.scope).id,
        headers=headers,
    ).response()


async def answer_nobody(_request: Request, _error: Exception) -> Response:
    """End a request whose client has gone."""
    return Response(status_code=_CLOSED)


async def answer_fault(request: Request, _error: Exception) -> Response:
    """Tell a client of a fault of ours, without what it was."""
    return internal(instance=request.url.path, request_id=record_of(request.scope).id).response()


def _methods(request: Request) -> set[str]:
    """Every method that some route has for the request's path."""
    routes = [each for each in request.app.routes if isinstance(each, Route)]
    path = request.scope["path"]
    return {method for each in routes if each.path_regex.match(path) for method in each.methods or ()}


HANDLERS: Mapping[type[Exception], Callable[[Request, Exception], Coroutine[None, None, Response]]] = MappingProxyType(
    {
        EvaltrailError: answer_error,
        HTTPException: answer_refusal,
        ClientDisconnect: answer_nobody,
        Exception: answer_fault,
    }
)
"""What answers each kind of error."""


class Wall:
    """Keeps a fault in one request from whoever serves all of them, and tells the log of it.

    Args:
        app: what answers.
        write: takes a line, which ends in a line break.
    """

    def __init__(self, app: ASGIApp, write: WriteLine) -> None:
        self._app = app
        self._write = write

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have a request answered; the client has been told of a fault when it comes here."""
        fault: BaseException | None
        try:
            await self._app(scope, receive, send)
        except Exception as error:  # noqa: BLE001  the wall
            fault = error
        else:
            fault = record_of(scope).fault
        if fault is not None:
            self._write(fault_line(fault, record_of(scope).id) + b"\n")


def fault_line(error: BaseException, request_id: str) -> bytes:
    """A fault as one line of JSON, without secrets.

    Args:
        error: that was not expected.
        request_id: of the request that met it.
    """
    text = "".join(traceback.format_exception(error))
    told = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "level": "error",
        "message": f"{type(error).__name__} at a request",
        "request_id": request_id,
        "traceback": redact(text),
    }
    return msgspec.json.encode(told)

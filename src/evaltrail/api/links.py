"""Addresses of this service as a client can ask them: with the host that it asked, and the prefix of a proxy."""

from __future__ import annotations

from starlette.requests import Request

from evaltrail.api.request_record import record_of


def path_of(request: Request, path: str) -> str:
    """A path as the client has to write it.

    Args:
        request: that is answered.
        path: on this service, from its root.
    """
    return record_of(request.scope).prefix + path


def address_of(request: Request, path: str) -> str:
    """The whole address of a path."""
    host = request.headers.get("host", "")
    own = path_of(request, path)
    return f"{request.scope['scheme']}://{host}{own}" if host else own

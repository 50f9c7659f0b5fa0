"""Addresses of this service as a client can ask them: with the host that it asked, and the prefix of a proxy."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request

from evaltrail.api.request_record import record_of


class Link(str):
    """A path on this service, from its root: an answer tells it with the prefix that a proxy took off."""

    __slots__ = ()


def linked(paths: Mapping[str, str]) -> dict[str, Link]:
    """Paths on this service as links, under the same names."""
    return {name: Link(path) for name, path in paths.items()}


def address_of(request: Request, path: str) -> str:
    """The whole address of a path on this service.

    Args:
        request: that is answered.
        path: from the service's root.
    """
    host = request.headers.get("host", "")
    own = record_of(request.scope).prefix + path
    return f"{request.scope['scheme']}://{host}{own}" if host else own

"""What a guard answers in the application's place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from evaltrail.api.problems import MEDIA_TYPE, Problem
from evaltrail.api.request_record import record_of

if TYPE_CHECKING:
    from starlette.types import Scope, Send


async def refuse(
    scope: Scope,
    send: Send,
    *,
    status: int,
    code: str,
    message: str,
    hint: str,
    headers: Sequence[tuple[str, str]] = (),
) -> None:
    """Answer with a problem.

    Args:
        scope: of the request, which is an HTTP one.
        send: to its client.
        status: of HTTP.
        code: a stable word for programs.
        message: what is wrong.
        hint: the next step.
        headers: further ones, each a line.
    """
    problem = Problem(
        status=status, code=code, message=message, hint=hint, instance=scope["path"], request_id=record_of(scope).id
    )
    body = problem.body()
    fields = [("Content-Type", MEDIA_TYPE), ("Content-Length", str(len(body))), *headers]
    encoded = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in fields]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def header(scope: Scope, name: bytes) -> bytes | None:
    """The value of a request's header, or None without it.

    Args:
        scope: of the request.
        name: in small letters.
    """
    for each, value in scope["headers"]:
        if each == name:
            return value  # type: ignore[no-any-return]  # an ASGI scope tells no types
    return None

"""Answers as JSON bytes, and what every route reads of a request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeVar, cast

import msgspec
from anyio.to_thread import run_sync
from pydantic import ConfigDict, ValidationError
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from evaltrail.api.form import Form, mistakes
from evaltrail.api.links import Link
from evaltrail.api.problems import RefusedBodyError
from evaltrail.api.request_record import record_of
from evaltrail.core.errors import InputError

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

_JSON = "application/json"
_SHORT_BYTES = 100_000
"""Of a body that is read in 10 ms; 10 MB take seconds (measured November 2026)."""
_Read = TypeVar("_Read")


class QueryForm(Form):
    """What a query may say: its values are texts, which may mean numbers."""

    model_config = ConfigDict(strict=False)


QueryT = TypeVar("QueryT", bound=QueryForm)


class WholeFile(FileResponse):
    """A file that is always sent whole: part of a table is none, and Starlette refuses ranges in words of its own."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        del self.headers["accept-ranges"]
        headers = [(name, value) for name, value in scope["headers"] if name != b"range"]
        await super().__call__({**scope, "headers": headers}, receive, send)


class JsonReply(Response):
    """A value of ours as an answer, whose links and Location bear the prefix of the proxy that asked for it.

    Args:
        value: may hold links.
        status: of HTTP.
        headers: its Location is a path on this service.
    """

    def __init__(self, value: object, status: int, headers: Mapping[str, str] | None) -> None:
        super().__init__(_ENCODER.encode(value), status, headers, _JSON)
        self._value = value

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        prefix = record_of(scope).prefix
        if not prefix:
            await super().__call__(scope, receive, send)
            return
        headers = {name: value for name, value in self.headers.items() if name != "content-length"}
        if "location" in headers:
            headers["location"] = prefix + headers["location"]
        told = Response(_encoder(prefix).encode(self._value), self.status_code, headers)
        await told(scope, receive, send)


def _encoder(prefix: str) -> msgspec.json.Encoder:
    """Of values with links, which begin with a prefix; read-only mappings are what ``dict`` makes of them."""

    def plain(value: object) -> object:
        return f"{prefix}{value}" if isinstance(value, Link) else dict(cast("Mapping[str, object]", value))

    return msgspec.json.Encoder(enc_hook=plain)


_ENCODER = _encoder("")


def json_reply(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> JsonReply:
    """A value of ours as an answer."""
    return JsonReply(value, status, headers)


def read_query(form: type[QueryT], request: Request, *, repeated: frozenset[str] = frozenset()) -> QueryT:
    """The query of a request.

    Args:
        form: that it has to have.
        request: the request.
        repeated: parameters that may stand there several times.

    Raises:
        RefusedBodyError: a parameter is unknown, stands there twice or has a wrong value; every mistake is told.
    """
    given: dict[str, str | list[str]] = {}
    for name, value in request.query_params.multi_items():
        before = given.get(name)
        if before is None:
            given[name] = [value] if name in repeated else value
        elif isinstance(before, list):
            before.append(value)
        else:
            raise InputError(f"the parameter {name!r:.80} stands twice", where=name[:80], hint="say it once")
    try:
        return form.model_validate(given)
    except ValidationError as error:
        raise RefusedBodyError(mistakes(form, error.errors(include_url=False))) from error


async def understood(request: Request, read: Callable[[bytes], _Read]) -> _Read:
    """What a request's body means; a long one is looked through in a thread, as others wait meanwhile.

    Args:
        request: that sends JSON.
        read: understands the body.

    Raises:
        InputError: the request says that it sends something else, or its body cannot be understood.
    """
    body = await read_body(request)
    return read(body) if len(body) <= _SHORT_BYTES else await run_sync(read, body)


async def read_body(request: Request) -> bytes:
    """The body of a request that sends JSON.

    Raises:
        InputError: (code ``unsupported_media_type``) it says that it sends something else.
    """
    check_json_type(request)
    return await request.body()


def check_json_type(request: Request) -> None:
    """Return where a request sends JSON, or does not say what it sends.

    Raises:
        InputError: (code ``unsupported_media_type``) it says that it sends something else.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind and kind != _JSON and not (kind.startswith("application/") and kind.endswith("+json")):
        raise InputError(
            f"the body is said to be {kind!r:.80}", code="unsupported_media_type", hint=f"send Content-Type: {_JSON}"
        )

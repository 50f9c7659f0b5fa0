"""Pages of lists as they were told last, told again while the queue is as it was then."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

_KEPT_S = 1.0
"""What a page tells of deliveries and results does not all lie in the queue: so old it may be there."""
_MOST_PAGES = 32
_LARGEST_BYTES = 256_000

_Key = tuple[str, bytes, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    reply: Response
    version: int
    until: float


class KnownPages:
    """Answers lists, of which the same page is asked again and again: 50 take 10 ms to make (measured November 2026).

    Args:
        version: of the queue: another one after every change; None = it cannot be told, and every page is made anew.
        told_by: a header that a list depends on beside its path and query; empty = on none.
        clock: seconds that only grow.
    """

    def __init__(
        self, version: Callable[[], int | None], *, told_by: str = "", clock: Callable[[], float] = monotonic
    ) -> None:
        self._version = version
        self._told_by = told_by
        self._clock = clock
        self._pages: OrderedDict[_Key, _Page] = OrderedDict()

    async def reply(self, request: Request, make: Callable[[Request], Response]) -> Response:
        """The page that a request asks for.

        Args:
            request: a GET of a list.
            make: makes the page, in a thread.
        """
        header = request.headers.get(self._told_by, "") if self._told_by else ""
        key = (request.scope["path"], request.scope["query_string"], header)
        version = self._version()  # before the page is made: what changes meanwhile makes it an old one
        known = self._pages.get(key)
        if known is not None and known.version == version and known.until > self._clock():
            return known.reply
        reply = await run_sync(make, request)
        if version is not None and len(reply.body) <= _LARGEST_BYTES:
            self._keep(key, reply, version)
        return reply

    def _keep(self, key: _Key, reply: Response, version: int) -> None:
        self._pages.pop(key, None)
        if len(self._pages) >= _MOST_PAGES:
            self._pages.popitem(last=False)
        until = self._clock() + _KEPT_S
        self._pages[key] = _Page(reply=reply, version=version, until=until)

"""/docs: the page on the REST interface, which needs nothing of any other host."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

_POLICY = "default-src 'none'; connect-src 'self'; script-src 'unsafe-inline'; style-src 'unsafe-inline'"
_HEADERS = {"Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff"}


async def docs(_request: Request) -> Response:
    """Show the page on the REST interface."""
    return HTMLResponse(_page(), headers=_HEADERS)


@cache
def _page() -> str:
    return files("evaltrail.api").joinpath("docs_page.html").read_text(encoding="utf-8")

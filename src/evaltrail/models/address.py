"""Address: where an endpoint is, and which of its paths serves what (the OpenAI HTTP interface)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, urlsplit

from evaltrail.core.errors import InputError

Route = Literal["chat", "completions", "embeddings"]

_PATHS: dict[Route, str] = {"chat": "/chat/completions", "completions": "/completions", "embeddings": "/embeddings"}
_UNSAFE = re.compile(r"[\x00-\x20\x7f]")
_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://")
_QUERY = re.compile(r"[?#]")
_KEEP = "/%:@!$&'()*+,;=~-._"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A parsed http or https URL."""

    scheme: str
    host: str
    """Without brackets, in ASCII."""
    port: int
    path: str
    """Percent-encoded, without a trailing slash; may be empty."""
    query: str = ""

    @property
    def authority(self) -> str:
        """What the Host header says: the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _default_port(self.scheme) else f"{host}:{self.port}"

    @property
    def shown(self) -> str:
        """The URL as messages may hold it: without the query, where keys sometimes stand."""
        return f"{self.scheme}://{self.authority}{self.path}"

    @property
    def whole(self) -> str:
        """The URL with its query, which may name what is asked (a deployment, a version); for digests alone."""
        return f"{self.shown}?{self.query}" if self.query else self.shown

    @property
    def route(self) -> Route:
        """What a prompt is sent to: ``completions`` where the URL says so, else ``chat``."""
        if self.path.endswith("/completions") and not self.path.endswith("/chat/completions"):
            return "completions"
        return "chat"

    def target(self, route: Route) -> str:
        """The request target (path and query) that serves a route: beside the URL's own where that is a full one."""
        base = self.path.removesuffix("/completions").removesuffix("/chat")
        if base == self.path:
            base = self.path.removesuffix("/embeddings")
        query = f"?{self.query}" if self.query else ""
        return f"{base}{_PATHS[route]}{query}"


def parse_address(url: str) -> Address:
    """The address an endpoint's URL names.

    Raises:
        InputError: not an http(s) URL, a key or password in it, or characters that no URL holds.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
        host = (parts.hostname or "").encode("idna" if not url.isascii() else "ascii").decode()
    except ValueError:  # without its cause, whose message may quote a password
        raise _refused(f"not a URL: {_public(url)!r}") from None
    if parts.username is not None or parts.password is not None:
        raise _refused("the URL holds a user name or password", "name the key's environment variable: --api-key-env")
    if parts.scheme not in {"http", "https"} or not host:
        raise _refused(f"not an http or https URL: {_public(url)!r}")
    if _UNSAFE.search(url):
        raise _refused("the URL holds a space or control character")
    return Address(
        scheme=parts.scheme,
        host=host,
        port=port or _default_port(parts.scheme),
        path=quote(parts.path.rstrip("/"), safe=_KEEP),
        query=quote(parts.query, safe=_KEEP + "?"),
    )


def _public(url: str) -> str:
    """What messages may hold of a text that is no URL: no login, no query, nothing that breaks a line."""
    found = _SCHEME.match(url)
    scheme = found[0] if found else ""
    rest = _QUERY.split(url[len(scheme) :])[0]
    if "@" in url[len(scheme) + len(rest) :]:  # of a login or of the query: nobody can tell
        rest = "..."
    return _UNSAFE.sub(" ", scheme + rest.rpartition("@")[2])


def _default_port(scheme: str) -> int:
    return 443 if scheme == "https" else 80


def _refused(message: str, hint: str = "give the endpoint as http://host:port/v1") -> InputError:
    return InputError(message, code="bad_url", hint=hint)

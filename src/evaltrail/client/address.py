"""ServiceAddress: where the evaluation service is, taken apart once."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from evaltrail.core.errors import InputError

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAddress:
    """The parts of the service's URL."""

    scheme: str
    host: str
    port: int
    prefix: str = ""
    """Path that a proxy keeps the service under, without the last slash; usually empty."""

    @property
    def shown(self) -> str:
        """The URL, without a port that its scheme implies."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.prefix}"


def read_address(url: str) -> ServiceAddress:
    """The parts of a service's URL.

    Raises:
        InputError: it is no URL that a service can be reached by.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        raise _refused() from None
    is_plain = not (parts.query or parts.fragment or "@" in parts.netloc)
    if parts.scheme not in _PORTS or not parts.hostname or port == 0 or not is_plain or not url.strip().isprintable():
        raise _refused()
    prefix = parts.path.rstrip("/")
    return ServiceAddress(scheme=parts.scheme, host=parts.hostname, port=port or _PORTS[parts.scheme], prefix=prefix)


def _refused() -> InputError:
    """The text itself is kept back: it may hold a password."""
    return InputError(
        "that is no URL of a service", code="bad_url", hint="write http://HOST:PORT; a key goes into EVALTRAIL_API_KEY"
    )

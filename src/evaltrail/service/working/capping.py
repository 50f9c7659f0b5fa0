"""How many requests an endpoint is sent at once, over all workers: what the operator says holds for every unit."""

from __future__ import annotations

from urllib.parse import urlsplit

from evaltrail.config.secrets import public_url
from evaltrail.core.errors import InputError
from evaltrail.jobs.lease import LeaseQueue

_MOST = 1_000_000


def endpoint_of(url: str) -> str:
    """The endpoint that units of this URL ask, as caps know it: without password, query and last slash."""
    return public_url(url).rstrip("/")


def set_cap(queue: LeaseQueue, url: str, cap: str) -> None:
    """Set the cap of an endpoint; units that run keep what they were given.

    Args:
        queue: that its units lie in.
        url: of the endpoint.
        cap: requests at once, 0 to pause it, or ``none`` for as many as there are.

    Raises:
        InputError: it is no URL, or no such number.
    """
    if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname:
        raise InputError(f"{url!r} is no URL of an endpoint", code="usage", hint="give it as --url was given")
    if cap != "none" and not (cap.isascii() and cap.isdecimal() and int(cap) <= _MOST):
        raise InputError(f"a cap of {cap!r}", code="usage", hint=f"give requests at once, 0 to {_MOST:,}, or none")
    queue.set_cap(endpoint_of(url), None if cap == "none" else int(cap))

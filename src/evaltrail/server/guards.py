"""The guards before the application, in their order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evaltrail.config.service_settings import ServiceSettings
from evaltrail.server.auth import FindKey, KeyGuard
from evaltrail.server.forwarded import Forwarded
from evaltrail.server.hosts import HostGuard
from evaltrail.server.limits import BodyLimit, RateLimit
from evaltrail.server.request_log import RequestLog, WriteLine, write_to_stderr

if TYPE_CHECKING:
    from starlette.types import ASGIApp


def guarded(app: ASGIApp, settings: ServiceSettings, find: FindKey, *, write: WriteLine = write_to_stderr) -> ASGIApp:
    """The application behind its guards.

    Each request is named and logged; then its host and origin, its key, its rate and its body are looked at.

    Args:
        app: what answers.
        settings: what is allowed.
        find: looks a key up in the store; not called where no key is asked for.
        write: takes the log's lines.
    """
    inner: ASGIApp = BodyLimit(app, settings.max_body_bytes, settings.max_upload_bytes)
    if settings.rate_limit:
        inner = RateLimit(inner, settings.rate_limit)
    if settings.auth == "keys":
        inner = KeyGuard(inner, find)
    guarded_by_name: ASGIApp = HostGuard(inner, settings)
    if settings.trusted_proxies:
        guarded_by_name = Forwarded(guarded_by_name, settings.trusted_proxies)
    return RequestLog(guarded_by_name, write)

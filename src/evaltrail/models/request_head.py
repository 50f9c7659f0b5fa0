"""The constant part of a request: its line and headers, checked and encoded once (RFC 9110)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from evaltrail.core.errors import InputError
from evaltrail.models.address import Address, Route
from evaltrail.models.proxies import Proxy

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_OURS = {"host", "content-length", "transfer-encoding", "connection", "content-type", "accept-encoding"}


def encode_head(
    address: Address, route: Route, *, headers: Mapping[str, str], api_key: str, proxy: Proxy | None, is_stream: bool
) -> bytes:
    """Everything up to the value of Content-Length, which ends the head.

    Args:
        address: the endpoint.
        route: what is asked of it.
        headers: extra ones; an ``Authorization`` among them goes before the key.
        api_key: sent as a bearer token; empty = none.
        proxy: set where the request goes to a proxy in absolute form.
        is_stream: whether pieces must be read as they come, so not compressed.

    Raises:
        InputError: a header that cannot be sent, or that is ours to set.
    """
    target = address.target(route)
    fields = {"Host": address.authority, "User-Agent": "evaltrail", "Accept": "*/*"}
    if proxy is not None:
        target = f"http://{address.authority}{target}"
        if proxy.authorization:
            fields["Proxy-Authorization"] = proxy.authorization
    given = {name.lower() for name in headers}
    fields = {name: value for name, value in fields.items() if name.lower() not in given}
    if api_key and "authorization" not in given:
        fields["Authorization"] = f"Bearer {_checked_value('the API key', api_key.strip())}"
    for name, value in headers.items():
        if not _NAME.fullmatch(name) or name.lower() in _OURS:
            raise InputError(
                f"the header {_NAME.findall(name)[:1]} cannot be set", code="bad_header", hint="leave it out"
            )
        fields[name] = _checked_value(f"the value of header {name}", value.strip())
    if not is_stream:
        fields["Accept-Encoding"] = "gzip, deflate"
    lines = [f"POST {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    lines += ["Content-Type: application/json", "Content-Length: "]
    return "\r\n".join(lines).encode("latin-1")


def _checked_value(what: str, value: str) -> str:
    if not _VALUE.fullmatch(value):
        raise InputError(f"{what} holds a line break or a character that no header can hold", code="bad_header")
    return value

"""A callback: the account of an ended evaluation, posted to the URL that its request named, and signed."""

from __future__ import annotations

import hashlib
import hmac
import socket
import ssl
import threading
from contextlib import suppress
from http.client import HTTPConnection, HTTPException

from evaltrail.core.errors import EndpointError
from evaltrail.core.outside import AllowedPlaces
from evaltrail.models.address import Address, parse_address
from evaltrail.models.outside import check_outside_url, resolve_outside

EVENT = "evaluation.ended"
SIGNATURE_HEADER = "X-Evaltrail-Signature"
_TIMEOUT_S = 10.0
_AGAIN = "it is sent again until it is answered with 2xx"


def send_callback(url: str, body: bytes, secret: str, allowed: AllowedPlaces, *, timeout_s: float = _TIMEOUT_S) -> None:
    """Return once the receiver has taken the body, which it says by any 2xx; redirects are not followed.

    Args:
        url: as the request named it.
        body: JSON.
        secret: the signature's key; empty = it is not signed.
        allowed: what URLs of requests may reach.
        timeout_s: for all of it, from the connection on.

    Raises:
        InputError: the URL is none that may be asked.
        EndpointError: nobody took it; another attempt may be better.
    """
    check_outside_url(url, allowed)
    address = parse_address(url)
    place = f"{address.scheme}://{address.authority}"  # paths of callbacks are secrets of many receivers
    headers = {
        "Host": address.authority,
        "Content-Type": "application/json",
        "User-Agent": "evaltrail",
        "X-Evaltrail-Event": EVENT,
        "Connection": "close",
    }
    if secret:
        headers[SIGNATURE_HEADER] = signature_of(body, secret)
    try:
        status = _post(address, body, headers, allowed, timeout_s)
    except (OSError, HTTPException) as error:
        reason = f"no answer within {timeout_s:g} s" if isinstance(error, TimeoutError) else _reason(error)
        message = f"the callback could not be sent: {reason}"
        raise EndpointError(message, code="callback_unreachable", hint=_AGAIN, where=place) from error
    if not 200 <= status < 300:
        message = f"the callback was answered with {status}"
        if 300 <= status < 400:
            message += ", a redirect, which is not followed"
        raise EndpointError(message, code="callback_refused", hint=_AGAIN, where=place)


def signature_of(body: bytes, secret: str) -> str:
    """What the receiver compares: ``sha256=`` and the HMAC of the raw body in hexadecimal (RFC 2104)."""
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


def _post(address: Address, body: bytes, headers: dict[str, str], allowed: AllowedPlaces, timeout_s: float) -> int:
    """The status of the answer.

    Raises:
        OSError: there is none in time.
        HTTPException: it is none of HTTP.
        EndpointError: a request may not reach where the host leads.
    """
    line = _connected(address, resolve_outside(address.host, address.port, allowed), timeout_s)
    connection = HTTPConnection(address.host, address.port, timeout=timeout_s)
    is_late = threading.Event()

    def hang_up() -> None:
        is_late.set()
        with suppress(OSError):  # the receiver may have hung up already
            same_line.shutdown(socket.SHUT_RDWR)

    alarm = threading.Timer(timeout_s, hang_up)  # who answers byte by byte is never silent for long
    alarm.daemon = True
    with line.dup() as same_line:
        alarm.start()
        try:
            connection.sock = _secured(line, address) if address.scheme == "https" else line
            query = f"?{address.query}" if address.query else ""
            connection.request("POST", f"{address.path or '/'}{query}", body, headers)
            with connection.getresponse() as response:
                status = response.status
        except (OSError, HTTPException):
            if not is_late.is_set():
                raise
        finally:
            alarm.cancel()
            connection.close()
            line.close()
    if is_late.is_set():  # also where headers were cut short, which http.client takes for their end
        raise TimeoutError
    return status


def _connected(address: Address, places: tuple[str, ...], timeout_s: float) -> socket.socket:
    """A connection to the first of the checked addresses that takes one.

    Raises:
        OSError: none does.
    """
    for place in places:
        try:
            line = socket.create_connection((place, address.port), timeout_s / len(places))
        except OSError:
            if place == places[-1]:
                raise
        else:
            line.settimeout(timeout_s)
            return line
    raise OSError("the name has no address")


def _secured(line: socket.socket, address: Address) -> socket.socket:
    return ssl.create_default_context().wrap_socket(line, server_hostname=address.host)


def _reason(error: OSError | HTTPException) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error) or type(error).__name__
    return f"not an HTTP answer ({type(error).__name__})"

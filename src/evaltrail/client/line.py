"""Line: requests to the service over one connection that is kept; what may be said twice is said again."""

from __future__ import annotations

import http.client
import random
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass

from evaltrail.client.address import ServiceAddress
from evaltrail.client.refusal import away, refusal, strange
from evaltrail.core.errors import EvaltrailError, InputError
from evaltrail.core.version import VERSION

_ATTEMPTS = 5
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 5.0
_PASSING = frozenset({429, 502, 503, 504})
"""Statuses after which the same request may succeed."""
_MOST_BYTES = 256 << 20
_LEAST_S = 0.05
"""That an attempt is given, however late it begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a request came to."""

    status: int
    headers: Mapping[str, str]
    """Names in small letters."""
    body: bytes


class Line:
    """Speaks HTTP/1.1 with the service; several threads may use it, one at a time.

    Redirects are not followed, and the proxies that variables name are not used: a key goes to the service alone.

    Args:
        address: of the service.
        api_key: empty = none is sent.
        timeout_s: seconds that one request may take, further attempts included.
        pause: waits so many seconds.
    """

    def __init__(
        self, address: ServiceAddress, *, api_key: str, timeout_s: float, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self.address = address
        self._headers = {"Accept": "application/json", "User-Agent": f"evaltrail/{VERSION}"}
        if api_key:
            self._headers["Authorization"] = f"Bearer {_sendable(api_key)}"
        self._timeout_s = timeout_s
        self._pause = pause
        self._lock = threading.Lock()
        self._kept: http.client.HTTPConnection | None = None

    def ask(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        is_repeatable: bool = True,
        welcome: frozenset[int] = frozenset(),
    ) -> Answer:
        """The answer to a request.

        Args:
            method: of HTTP.
            path: with its query, below the service's address.
            body: JSON.
            headers: beside the usual ones.
            is_repeatable: whether the request may be sent again when it is not known what became of it.
            welcome: statuses that are answers here, and no errors.

        Raises:
            InputError: the service refuses the request (4xx).
            PartialError: it does, for several reasons.
            EndpointError: the service cannot be reached, fails, or is none.
        """
        kind = {} if body is None else {"Content-Type": "application/json"}
        sent = {**self._headers, **kind, **(headers or {})}
        ends = time.monotonic() + self._timeout_s
        for attempt in range(1, _ATTEMPTS + 1):
            told_s: float | None = None
            try:
                answer = self._exchange(method, path, body, sent, ends, is_fresh=not is_repeatable)
            except (OSError, http.client.HTTPException) as error:
                failure: EvaltrailError = self._lost(error)
                is_passing = is_repeatable or isinstance(error, ConnectionRefusedError)
            else:
                if answer.status < 300 or answer.status in welcome:
                    return answer
                location = answer.headers.get("location", "")
                failure = refusal(answer.status, answer.body, self.address.shown, location=location)
                is_passing = answer.status in _PASSING and is_repeatable
                told_s = _seconds(answer.headers.get("retry-after", ""))
            pause_s = told_s if told_s is not None else self._backoff_s(attempt)
            if not is_passing or attempt == _ATTEMPTS or time.monotonic() + pause_s >= ends:
                raise failure
            self._pause(pause_s)
        raise AssertionError("the last attempt returns or raises")

    @contextmanager
    def stream(self, path: str, headers: Mapping[str, str], *, silence_s: float) -> Iterator[http.client.HTTPResponse]:
        """An answer whose body is still to come, on a connection of its own.

        Args:
            path: of a GET.
            headers: beside the usual ones.
            silence_s: how long nothing may come.

        Raises:
            InputError: the service refuses the request.
            EndpointError: it cannot be reached, fails, or is none.
        """
        with closing(self._connection(silence_s)) as connection:
            try:
                connection.request("GET", self.address.prefix + path, headers={**self._headers, **headers})
                response = connection.getresponse()
                body = b"" if response.status == 200 else _whole(response)
            except (OSError, http.client.HTTPException) as error:
                raise self._lost(error) from error
            with response:
                if response.status != 200:
                    location = response.headers.get("location", "")
                    raise refusal(response.status, body, self.address.shown, location=location)
                yield response

    def close(self) -> None:
        """Close the connection that is kept; the next request opens another one."""
        with self._lock:
            self._drop()

    def _exchange(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], ends: float, *, is_fresh: bool
    ) -> Answer:
        """One attempt; a connection that was kept and has been closed meanwhile is replaced without being counted."""
        with self._lock:
            if is_fresh:
                self._drop()
            if self._kept is not None:
                with suppress(ConnectionError, http.client.RemoteDisconnected):
                    return self._said(method, path, body, headers, ends)
            return self._said(method, path, body, headers, ends)

    def _said(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], ends: float) -> Answer:
        left_s = max(_LEAST_S, ends - time.monotonic())
        connection, self._kept = self._kept or self._connection(left_s), None
        try:
            if connection.sock is not None:
                connection.sock.settimeout(left_s)
            connection.request(method, self.address.prefix + path, body=body, headers=dict(headers))
            response = connection.getresponse()
            told = {name.lower(): value for name, value in response.getheaders()}
            answer = Answer(status=response.status, headers=told, body=_whole(response))
        except BaseException:  # an answer that was not read to its end would be taken for the next one's
            connection.close()
            raise
        self._kept = connection
        return answer

    def _connection(self, timeout_s: float) -> http.client.HTTPConnection:
        if self.address.scheme == "https":
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(self.address.host, self.address.port, timeout=timeout_s, context=context)
        return http.client.HTTPConnection(self.address.host, self.address.port, timeout=timeout_s)

    def _drop(self) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def _lost(self, error: OSError | http.client.HTTPException) -> EvaltrailError:
        if isinstance(error, http.client.HTTPException) and not isinstance(
            error, http.client.RemoteDisconnected | http.client.IncompleteRead
        ):
            return strange(self.address.shown, f"its answer is no HTTP ({type(error).__name__})")
        if isinstance(error, ssl.SSLCertVerificationError):
            return strange(self.address.shown, f"its certificate is not trusted: {error.verify_message}")
        if isinstance(error, TimeoutError):
            return away(self.address.shown, "it does not answer in time")
        why = error.strerror if isinstance(error, OSError) else ""
        return away(self.address.shown, why or str(error) or "it hung up")

    @staticmethod
    def _backoff_s(attempt: int) -> float:
        longest = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** (attempt - 1))
        return longest * random.uniform(0.5, 1.0)  # noqa: S311  spreads clients, hides nothing


def _whole(response: http.client.HTTPResponse) -> bytes:
    body = response.read(_MOST_BYTES + 1)
    if len(body) > _MOST_BYTES:
        raise OSError(f"its answer is larger than {_MOST_BYTES >> 20} MB")
    return body


def _seconds(text: str) -> float | None:
    """The seconds of a Retry-After; None where it does not say any."""
    return float(text) if text.isascii() and text.isdecimal() and len(text) < 6 else None


def _sendable(api_key: str) -> str:
    key = api_key.strip()
    if key.isascii() and key.isprintable() and " " not in key:
        return key
    raise InputError(
        "the key of the service has characters that no key has",
        code="bad_key",
        where="EVALTRAIL_API_KEY",
        hint="copy it anew",
    )

"""Transport: the pool of connections to one endpoint, direct or through a proxy, with or without TLS."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from time import monotonic

from evaltrail.models.address import Address
from evaltrail.models.connection import Connection, Reply
from evaltrail.models.outside import allowed_places, resolve_outside
from evaltrail.models.proxies import Proxy, proxy_for

CONNECT_TIMEOUT_S = 10.0


class Transport:
    """Sends whole requests to one address and hands back replies; connections are kept and used again.

    Args:
        address: the endpoint.
        environ: where proxies, the custom CA and what requests may reach are named.
        is_outside: whether the URL stood in a request, so that each address is checked before it is connected to.

    Raises:
        InputError: a variable says what it cannot mean.
    """

    def __init__(self, address: Address, environ: Mapping[str, str], *, is_outside: bool = False) -> None:
        self._address = address
        self._environ = environ
        self._proxy = proxy_for(address, environ)
        self._allowed = allowed_places(environ) if is_outside else None
        self._tls: ssl.SSLContext | None = None
        self._idle: list[Connection] = []
        self._all: set[Connection] = set()

    @property
    def plain_proxy(self) -> Proxy | None:
        """The proxy that wants requests in absolute form (plain http through a proxy), if any."""
        # A proxy would look the name up by itself, so what is to be checked goes through a tunnel to an address.
        return self._proxy if self._address.scheme == "http" and self._allowed is None else None

    async def exchange(self, request: bytes, timeout_s: float) -> Reply:
        """The reply to a request; sent once more over a fresh connection where an idle one had been closed.

        Raises:
            EndpointError: the host leads to an address that requests may not reach.
        """
        deadline = monotonic() + timeout_s
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_reusable:
                self._all.discard(connection)
                continue
            reply = await self._over(connection, request, deadline)
            if not reply.is_stale:
                return reply
            break
        try:
            async with asyncio.timeout(min(CONNECT_TIMEOUT_S, max(0.0, deadline - monotonic()))):
                connection = await self._connect()
        except TimeoutError:
            return Reply(error="unreachable", detail="connecting took too long")
        except (OSError, UnicodeError) as error:
            return Reply(error="unreachable", detail=str(error))
        self._all.add(connection)
        return await self._over(connection, request, deadline)

    def sweep(self, now: float) -> None:
        """End every exchange that is past its deadline."""
        for connection in self._all:
            if connection.deadline < now:
                connection.fail("timeout", "no complete answer in time")

    def close(self) -> None:
        """Close every connection."""
        for connection in self._all:
            connection.abort()
        self._all.clear()
        self._idle.clear()

    async def _over(self, connection: Connection, request: bytes, deadline: float) -> Reply:
        try:
            reply = await connection.exchange(request, deadline)
        except asyncio.CancelledError:
            connection.abort()
            self._all.discard(connection)
            raise
        if connection.is_reusable:
            self._idle.append(connection)
        else:
            self._all.discard(connection)
        return reply

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        address, proxy = self._address, self._proxy
        if proxy is not None and self.plain_proxy is None:
            return await self._first_of(partial(self._tunnelled, loop, proxy))
        if proxy is not None:
            _, connection = await loop.create_connection(lambda: Connection(loop), proxy.host, proxy.port)
            return connection
        return await self._first_of(partial(self._direct, loop, address))

    async def _first_of(self, connect: Callable[[str], Awaitable[Connection]]) -> Connection:
        """A connection to the host, or to the first of its checked addresses that takes one.

        Raises:
            OSError: none does.
            EndpointError: a request may not reach one of them.
        """
        host, port = self._address.host, self._address.port
        if self._allowed is None:
            return await connect(host)
        places = await asyncio.get_running_loop().run_in_executor(None, resolve_outside, host, port, self._allowed)
        for place in places[:-1]:
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT_S / len(places)):
                    return await connect(place)
            except OSError:  # TimeoutError is one
                continue
        return await connect(places[-1])

    async def _direct(self, loop: asyncio.AbstractEventLoop, address: Address, place: str) -> Connection:
        tls = self._context() if address.scheme == "https" else None
        name = address.host if tls else None
        _, connection = await loop.create_connection(
            lambda: Connection(loop), place, address.port, ssl=tls, server_hostname=name
        )
        return connection

    async def _tunnelled(self, loop: asyncio.AbstractEventLoop, proxy: Proxy, host: str) -> Connection:
        """A connection through the proxy's CONNECT (RFC 9110, section 9.3.6), with TLS where the endpoint wants it."""
        transport, tunnel = await loop.create_connection(lambda: _Tunnel(loop), proxy.host, proxy.port)
        place = f"[{host}]:{self._address.port}" if ":" in host else f"{host}:{self._address.port}"
        login = f"Proxy-Authorization: {proxy.authorization}\r\n" if proxy.authorization else ""
        connection = Connection(loop)
        try:
            transport.write(f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n{login}\r\n".encode())
            head = await tunnel.head
            _check_tunnel(head)
            if self._address.scheme == "http":
                transport.set_protocol(connection)
                connection.connection_made(transport)
                return connection
            secure = await loop.start_tls(transport, connection, self._context(), server_hostname=self._address.host)
        except BaseException:
            transport.abort()
            raise
        if secure is None:
            raise ConnectionError("the connection was closed while TLS was being set up")
        connection.connection_made(secure)
        return connection

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            custom = self._environ.get("SSL_CERT_FILE") or self._environ.get("REQUESTS_CA_BUNDLE")
            if custom and Path(custom).is_dir():
                self._tls = ssl.create_default_context(capath=custom)
            else:
                self._tls = ssl.create_default_context(cafile=custom or None)
        return self._tls


def _check_tunnel(head: bytes) -> None:
    if head[9:12] != b"200":
        line = head.partition(b"\r\n")[0]
        raise ConnectionError(f"the proxy refuses to connect: {line[9:100].decode('latin-1')}")


class _Tunnel(asyncio.Protocol):
    """Waits for the head of a proxy's answer to CONNECT."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.head: asyncio.Future[bytes] = loop.create_future()
        self._data = b""

    def data_received(self, data: bytes) -> None:
        self._data += data
        if not self.head.done() and (b"\r\n\r\n" in self._data or len(self._data) > 1 << 16):
            self.head.set_result(self._data)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.head.done():
            self.head.set_exception(exc or ConnectionResetError("the proxy closed the connection"))

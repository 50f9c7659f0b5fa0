"""Serves the service on a socket until it is told to end."""

from __future__ import annotations

import asyncio
import errno
import gc
import logging
import signal
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from types import FrameType

import msgspec
import uvicorn
from anyio.to_thread import current_default_thread_limiter

from evaltrail.config.secrets import redact
from evaltrail.config.service_settings import ServiceSettings
from evaltrail.config.settings import Settings
from evaltrail.core.errors import InputError
from evaltrail.server.assembly import Service, assembled
from evaltrail.server.connection import Connection
from evaltrail.server.request_log import write_to_stderr

_BACKLOG = 2048
_THREADS = 16
"""That read at once: one core is busy with fewer, and each costs the memory of its connection."""
_KEPT_ALIVE_S = 30
_LAST_ANSWERS_S = 30
"""How long open requests may take once the service is to end."""


def serve(settings: Settings, service: ServiceSettings, *, started: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT; open requests are answered then.

    Args:
        settings: of this process.
        service: how it is reached, and by whom.
        started: told the address once requests are answered.

    Raises:
        InputError: the port is taken, the address is none of this machine, or a setting is wrong.
        StorageError: the database cannot be used.
    """
    with listening(service.host, service.port) as listener, assembled(settings, service) as parts:
        logging.getLogger("uvicorn").addHandler(_LineHandler(logging.WARNING))
        server = _Server(parts, lambda: started(address_of(listener, service.host)))
        gc.collect()
        gc.freeze()  # what lives as long as the process is not looked through at every collection
        with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
            runner.run(_on_loop(server, listener))


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Args:
        host: name or address of this machine.
        port: 0 = one that is free.

    Raises:
        InputError: the port is taken, or the host is none of this machine.
    """
    hint = "choose another: --port, or EVALTRAIL_PORT; or end what uses it"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OverflowError as error:
        raise InputError(f"{port} is no port", code="bad_port", hint="a port is a number from 1 to 65535") from error
    except (OSError, UnicodeError) as error:
        raise InputError(f"{host!r:.100} is no address", code="bad_host", hint="try --host 127.0.0.1") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
        listener.settimeout(0)
    except OSError as error:
        listener.close()
        why = error.strerror or str(error)
        if error.errno in {errno.EADDRINUSE, errno.EACCES}:
            raise InputError(f"port {port} of {host} cannot be used: {why}", code="port_taken", hint=hint) from error
        raise InputError(f"{host} cannot be used: {why}", code="bad_host", hint="try --host 127.0.0.1") from error
    return listener


def address_of(listener: socket.socket, host: str) -> str:
    """The URL under which a listening socket answers on this machine."""
    port = listener.getsockname()[1]
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  where it listens is not chosen here
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


async def _on_loop(server: _Server, listener: socket.socket) -> None:
    current_default_thread_limiter().total_tokens = _THREADS
    await server.serve([listener])


class _Server(uvicorn.Server):
    """uvicorn, which ends the lines that would stay open, and is not ended by the signal after it has ended well."""

    def __init__(self, parts: Service, started: Callable[[], None]) -> None:
        config = uvicorn.Config(
            parts.app,
            loop="auto",
            http=Connection,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=_KEPT_ALIVE_S,
            timeout_graceful_shutdown=_LAST_ANSWERS_S,
        )
        super().__init__(config)
        self._feed = parts.feed
        self._tell = started
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer, and say so."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        self._tell()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002  as uvicorn calls it
        """End when open requests are answered; a second Ctrl-C ends at once."""
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._feed.close)


class _LineHandler(logging.Handler):
    """What uvicorn itself has to say, in the form of all other lines."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        told = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": redact(record.getMessage()),
        }
        write_to_stderr(msgspec.json.encode(told) + b"\n")

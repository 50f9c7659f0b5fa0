"""Backends of the proofs: where queued work lies and what wakes workers, on servers that may be killed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeVar

from private_postgres import PostgresServer, database_in
from private_rabbit import RabbitServer
from private_redis import RedisServer
from private_server import PrivateServer

EMBEDDED = ("sqlite", "postgresql")
BROKERED = ("rabbitmq", "redis")
BACKENDS = (*EMBEDDED, *BROKERED)
_BROKERS: Mapping[str, type[PrivateServer]] = {"rabbitmq": RabbitServer, "redis": RedisServer}
_Server = TypeVar("_Server", bound=PrivateServer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """Where one evaluation is queued."""

    name: str
    environ: Mapping[str, str] = field(default_factory=dict)
    """What the command is told of it."""
    database: PostgresServer | None = None
    """None = a sqlite file in the home."""
    broker: PrivateServer | None = None
    """None = workers look into the table by themselves."""

    @property
    def engine(self) -> str:
        """What wakes its workers, as they say of themselves."""
        return "celery" if self.broker is not None else "embedded"

    @property
    def servers(self) -> tuple[PrivateServer, ...]:
        """Those that may be killed."""
        return tuple(server for server in (self.database, self.broker) if server is not None)

    def purge(self) -> None:
        """Throw away every hint that waits at the broker."""
        match self.broker:
            case RabbitServer():
                for line in self.broker.control("--quiet", "list_queues", "name").splitlines():
                    with suppress(RuntimeError):  # a queue of one consumer alone, gone with it
                        self.broker.purge(line.strip())
            case RedisServer():
                self.broker.tell("FLUSHDB")


class Servers:
    """The proofs' own servers, each started when it is first asked for and up again whenever it is asked for.

    Args:
        stack: ends them.
    """

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._running: dict[type[PrivateServer], PrivateServer] = {}

    @contextmanager
    def backend(self, name: str) -> Iterator[Backend]:
        """One of ``BACKENDS``, with nothing queued."""
        if name == "sqlite":
            yield Backend(name=name)
            return
        postgres = self._up(PostgresServer)
        broker = self._up(_BROKERS[name]) if name in _BROKERS else None
        with database_in(postgres.url) as url:
            environ = {"EVALTRAIL_DATABASE_URL": url.replace("postgresql://", "postgresql+psycopg://", 1)}
            if broker is not None:
                environ["EVALTRAIL_QUEUE_URL"] = broker.url
            found = Backend(name=name, environ=environ, database=postgres, broker=broker)
            found.purge()
            try:
                yield found
            finally:
                self._up(PostgresServer)

    def _up(self, kind: type[_Server]) -> _Server:
        server = self._running.get(kind)
        if server is None:
            server = self._running[kind] = kind()
            self._stack.callback(server.close)
        assert isinstance(server, kind)
        if not server.is_running:
            server.start()
        return server


def why_not(name: str) -> str:
    """What keeps a backend's servers from being started here; nothing when they can be."""
    kinds = [] if name == "sqlite" else [PostgresServer, *filter(None, [_BROKERS.get(name)])]
    return "; ".join(filter(None, (kind.why_not() for kind in kinds)))

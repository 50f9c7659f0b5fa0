"""Real servers that queues and stores are tested on: one of each a session, or one that a test may end as it likes.

``EVALTRAIL_TEST_AMQP_URL``, ``_REDIS_URL`` and ``_POSTGRES_URL`` name servers that run already.
"""

from __future__ import annotations

import atexit
import fcntl
import functools
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from private_postgres import PostgresServer, database_in
from private_rabbit import RabbitServer
from private_redis import RedisServer
from private_server import PrivateServer, end

Server = TypeVar("Server", bound=PrivateServer)


def amqp_url() -> str:
    """The RabbitMQ of this test run, which nobody may stop; tests use queues with names of their own."""
    return _shared_url(RabbitServer)


def redis_url() -> str:
    """The Redis of this test run, which nobody may stop; tests use keys with names of their own."""
    return _shared_url(RedisServer)


def postgres_url() -> str:
    """The PostgreSQL of this test run, which nobody may stop; see ``fresh_database``."""
    return _shared_url(PostgresServer)


@contextmanager
def fresh_database() -> Iterator[str]:
    """The URL of an empty database of the run's PostgreSQL, gone afterwards."""
    with database_in(postgres_url()) as url:
        yield url


@contextmanager
def own_server(kind: type[Server]) -> Iterator[Server]:
    """A running server that the test may stop, kill and start again.

    One that is known by its URL alone cannot be killed, so this one is always started here.
    """
    _need(kind)
    with kind() as server:
        yield server


def _shared_url(kind: type[PrivateServer]) -> str:
    return os.environ.get(f"EVALTRAIL_TEST_{kind.kind}_URL") or _joined(kind)[0]


def _need(kind: type[PrivateServer]) -> None:
    """Skip the test where the server cannot be started; in CI that is a failure."""
    reason = kind.why_not()
    if reason:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)


@functools.cache
def _joined(kind: type[PrivateServer]) -> tuple[str, PrivateServer | None]:
    """The address, and the server if this process started it (which has to be held: its child runs on)."""
    _need(kind)
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or str(os.getpid())
    folder = Path(tempfile.gettempdir(), f"{kind.kind.lower()}-server-{run}")
    folder.mkdir(mode=0o711, exist_ok=True)
    server = None
    with _shared(folder) as shared:
        if not shared["users"]:
            server = kind(folder / "server")
            server.start()
            shared |= {"url": server.url, "ends": server.ends}
        shared["users"] += 1
        url: str = shared["url"]
    atexit.register(_leave, folder)
    return url, server


def _leave(folder: Path) -> None:
    with _shared(folder) as shared:
        shared["users"] -= 1
        is_last = not shared["users"]
        if is_last:
            end(shared["ends"])
    if is_last:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _shared(folder: Path) -> Iterator[dict[str, Any]]:
    """What the processes of a test run know of their server, one of them at a time."""
    with (folder / "shared.json").open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        known: dict[str, Any] = json.loads(file.read() or '{"users": 0}')
        yield known
        file.seek(0)
        file.truncate()
        file.write(json.dumps(known))

"""Real servers that queues and stores are tested on: one of each a session, or one that a test may end as it likes.

``EVALTRAIL_TEST_AMQP_URL``, ``_REDIS_URL`` and ``_POSTGRES_URL`` name servers that run already.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import pytest

from private_postgres import PostgresServer, database_in
from private_rabbit import RabbitServer
from private_redis import RedisServer
from private_server import PrivateServer, end
from shared_server import join

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
    """The address, and the server if this process started it."""
    _need(kind)
    return join(kind.kind.lower(), kind, end)

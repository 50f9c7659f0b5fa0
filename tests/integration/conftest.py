"""Fixtures that tests of the queue ask for: each test runs on sqlite and on PostgreSQL."""

from __future__ import annotations

import pytest

from lease_queues import DIALECTS, SHORT_S, empty, lease_queue
from private_servers import fresh_database


@pytest.fixture(scope="session")
def postgres_database():
    """A database of this process's own."""
    with fresh_database() as url:
        yield url


@pytest.fixture(params=DIALECTS)
def queue_url(request, tmp_path):
    """The address of a database without jobs."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'jobs.db'}"
    url = request.getfixturevalue("postgres_database")
    with lease_queue(url) as queue:
        empty(queue)
    return url


@pytest.fixture
def queue(queue_url):
    """A queue whose leases outlast the test."""
    with lease_queue(queue_url) as queue:
        yield queue


@pytest.fixture
def short_queue(queue_url):
    """The same queue, with leases that run out in a moment."""
    with lease_queue(queue_url, lease_s=SHORT_S) as queue:
        yield queue

"""The page on the queue on servers, run as a reader would, with private servers."""

from __future__ import annotations

import pytest
from reader import blocks, paste

from private_rabbit import RabbitServer
from private_servers import fresh_database, own_server


@pytest.mark.slow
def test_the_page_on_servers_works_as_written(evaltrail, endpoint, tracking):
    """Accepted, carried out by a worker that RabbitMQ wakes, landed once; then nothing is left to be cleared."""
    tour = "\n".join(blocks("docs/queue-on-servers.md", "sh tour"))
    with fresh_database() as database, own_server(RabbitServer) as broker:
        done = paste(evaltrail, tour, URL=endpoint.url, MODEL="m", DATABASE=database, BROKER=broker.url)
    assert [run.info.status for run in tracking.runs("servers")] == ["FINISHED"]
    assert "workers alive: 1" in done.out
    assert done.out.rstrip().endswith("removed nothing")
    assert "guest:guest" not in done.out + done.err

"""Tables of an older version, with work in them, that a newer program finds: on sqlite and on PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.command import upgrade
from alembic.config import Config
from sqlalchemy import column, insert, table

from evaltrail.store import schema
from evaltrail.store.database import open_database
from evaltrail.store.engines import begin, database_url, make_engine
from lease_queues import DIALECTS, lease_queue
from private_servers import fresh_database

_NOW_US = 1_700_000_000_000_000


@pytest.fixture(params=DIALECTS)
def empty_url(request, tmp_path):
    """A database without tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/jobs.db"
    else:
        with fresh_database() as url:
            yield url


def rows(into, **values):
    """An insertion as the older program made it, which knew these columns only."""
    return insert(table(into, *map(column, values))).values(**values)


def make_first_version(url):
    """Tables of version 0001 with one job whose unit waits."""
    engine = make_engine(database_url(url, Path("/nowhere")), "normal")
    with engine.begin() as connection:
        begin(connection, is_writing=True)
        config = Config()
        config.set_main_option("path_separator", "os")
        config.set_main_option("script_location", str(Path(schema.__file__).with_name("migrations")))
        config.attributes["connection"] = connection
        upgrade(config, "0001")
        times = {"created_at": _NOW_US, "body_digest": "d", "spec": '{"model":"m"}', "parent": "", "run_ids": "{}"}
        connection.execute(
            rows("job", id="j", kind="evaluate", name="n", state="pending", queue="default", priority=0, **times)
        )
        counts = {"attempt": 0, "forgiven": 0, "max_attempts": 3, "done": 0, "tokens": 0, "not_before": _NOW_US}
        flags = {"is_last": False, "runs_when_cancelled": False}
        place = {"queue": "default", "priority": 0, "endpoint": "http://a", "lane": "l", "owner": "", "place": "null"}
        unit = {"id": "j.0", "job_id": "j", "position": 0, "kind": "task", "state": "waiting"}
        connection.execute(rows("unit", **unit, **place, **flags, **counts))
    engine.dispose()


def test_work_of_an_older_version_is_done_by_a_newer_one(empty_url):
    """What was accepted then is claimed and finished now, for one request at once."""
    make_first_version(empty_url)
    with lease_queue(empty_url) as queue:
        queue.set_cap("http://a", 1)
        claim = queue.claim("me")
        assert (claim.unit_id, claim.slots, claim.spec) == ("j.0", 1, {"model": "m"})
        assert queue.finish(claim)
        assert queue.show("j").job.state == "completed"
        assert queue.workers() == ()


def test_a_program_that_began_on_older_tables_goes_on_after_the_upgrade(empty_url):
    """Columns that it does not know have a value by themselves."""
    make_first_version(empty_url)
    database = open_database(empty_url, Path("/nowhere"), "normal")
    values = {"id": "j.1", "job_id": "j", "position": 1, "kind": "task", "state": "waiting", "not_before": _NOW_US}
    place = {"queue": "default", "priority": 0, "endpoint": "", "lane": "m", "owner": "", "place": "null"}
    more = {"is_last": False, "runs_when_cancelled": False, "attempt": 0, "forgiven": 0, "max_attempts": 3}
    database.write(lambda connection: connection.execute(rows("unit", **values, **place, **more, done=0, tokens=0)))
    database.close()
    with lease_queue(empty_url) as queue:
        assert {queue.claim("me").slots, queue.claim("me").slots} == {1}

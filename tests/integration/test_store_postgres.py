"""The database of jobs on a PostgreSQL server: its version, its absence, and what is said of both."""

from __future__ import annotations

import threading
import time
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import select, text

from child import start_child
from evaltrail.core.errors import InputError, StorageError
from evaltrail.store.database import open_database
from evaltrail.store.schema import NEWEST, found_version
from evaltrail.store.tables import METADATA, DatabaseNow
from lease_queues import lease_queue, some_job, wait_until
from mlflow_server import free_port
from private_postgres import PostgresServer
from private_servers import fresh_database, own_server, postgres_url

HOME = Path("/nowhere")
OPEN = """
    import sys
    from pathlib import Path
    from evaltrail.store.database import open_database
    sys.stdin.readline()
    open_database(sys.argv[1], Path("/nowhere"), "normal").close()
"""


@pytest.fixture
def url():
    with fresh_database() as url:
        yield url


def opened(url, **more):
    return open_database(url, HOME, "normal", **more)


def with_login(url, login):
    parts = urlsplit(url)
    return parts._replace(netloc=f"{login}@{parts.hostname}:{parts.port}").geturl()


@pytest.mark.slow
def test_processes_that_start_at_once_make_the_tables_once(url):
    """One does it, the others wait; what they find is what the code knows."""
    children = [start_child(OPEN, url) for _ in range(3)]
    for child in children:
        child.stdin.write("go\n")
        child.stdin.flush()
    assert [(child.communicate(timeout=60)[1], child.returncode) for child in children] == [("", 0)] * 3
    database = opened(url)
    assert database.read(found_version) == NEWEST
    options = {"include_name": lambda name, kind, _parent: kind != "table" or name in METADATA.tables}
    found = database.read(
        lambda connection: compare_metadata(MigrationContext.configure(connection, opts=options), METADATA)
    )
    assert found == []
    database.close()


def test_newer_tables_are_left_alone(url):
    """Who goes back to an older version is told."""
    database = opened(url)
    database.write(lambda connection: connection.execute(text("UPDATE evaltrail_schema SET version_num = '9999'")))
    database.close()
    with pytest.raises(InputError, match="9999") as caught:
        opened(url)
    assert caught.value.code == "schema_newer"


def test_tables_of_another_program_are_left_alone(url):
    """MLflow's own version table may lie in the same database."""
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE alembic_version AS SELECT 'theirs' AS version_num")
    opened(url).close()
    database = opened(url)
    theirs = database.read(lambda connection: connection.execute(text("TABLE alembic_version")).scalar())
    assert (theirs, database.read(found_version)) == ("theirs", NEWEST)
    database.close()


def test_the_clock_is_the_servers_and_stands_still_within_a_statement(url):
    """Microseconds since 1970, UTC."""
    database = opened(url)
    first, second = database.read(lambda c: c.execute(select(DatabaseNow(), DatabaseNow())).one())
    assert first == second
    assert abs(first / 1e6 - time.time()) < 5
    database.close()


def test_a_session_frees_its_locks_when_its_process_stands_still(url):
    """And no statement waits for ever; each sees what was committed before it."""
    database = opened(url)
    names = ("idle_in_transaction_session_timeout", "statement_timeout", "transaction_isolation")
    found = database.read(lambda c: [c.execute(text(f"SHOW {name}")).scalar() for name in names])
    assert found == ["10s", "30s", "read committed"]
    database.close()


def test_a_connection_that_a_thread_still_has_is_closed_with_its_transaction(url):
    """Nobody who closes waits for a thread that hangs, and yet the server is left with no session of ours."""
    database = opened(url)
    begun, over = threading.Event(), threading.Event()
    thread = threading.Thread(target=lambda: database.read(lambda _: (begun.set(), over.wait(30))))
    thread.start()
    assert begun.wait(30)
    database.close()
    over.set()
    thread.join()
    others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    with psycopg.connect(url, autocommit=True) as connection:
        wait_until(lambda: connection.execute(others).fetchone() == (0,))


@pytest.mark.parametrize("wrong", ["nosuchuser:pa55word", None])
def test_a_server_that_refuses_us_is_not_asked_again(wrong):
    """A wrong name stays wrong: told at once, without the password."""
    url = with_login(postgres_url(), wrong) if wrong else f"{postgres_url()}_unknown"
    began = time.monotonic()
    with pytest.raises(InputError) as caught:
        opened(url)
    assert time.monotonic() - began < 5
    assert caught.value.code == "database_refused"
    assert "pa55word" not in str(caught.value)


def test_a_server_that_is_away_is_named_and_waited_for_a_while():
    """Without its password; what to do is said."""
    told = []
    with pytest.raises(StorageError) as caught:
        opened(f"postgresql://me:pa55word@127.0.0.1:{free_port()}/jobs", patience_s=0.5, notice=told.append)
    assert caught.value.code == "database_away"
    assert "me:***@127.0.0.1" in caught.value.where
    assert len(told) == 1
    assert "pa55word" not in str(caught.value) + told[0]


@pytest.mark.slow
def test_a_queue_outlasts_a_restart_of_its_server():
    """Killed in the middle of it all: what was accepted is there, and work goes on by itself."""
    told = []
    with own_server(PostgresServer) as server:
        database = opened(server.url, patience_s=30, notice=told.append)
        database.close()
        with lease_queue(server.url, patience_s=30) as queue:
            accepted = []
            over = threading.Event()

            def hand_in():
                while not over.is_set():
                    accepted.append(queue.submit(some_job()).job_id)

            thread = threading.Thread(target=hand_in)
            thread.start()
            for end in (server.kill, server.stop):
                time.sleep(0.2)
                end()
                count = len(accepted)
                server.start()
                while len(accepted) <= count + 1:
                    assert thread.is_alive()
                    time.sleep(0.01)
            over.set()
            thread.join()
            assert queue.list().total == len(accepted) == len(set(accepted))
            server.kill()
            began = time.monotonic()
            for ask in (queue.sweep, partial(queue.claim, "me")):  # of who is told to end
                with pytest.raises(StorageError):
                    ask(is_wanted=lambda: False)
            assert time.monotonic() - began < 25


def test_a_server_that_comes_up_later_is_told_of(tmp_path):
    """That it is away, and that it is back."""
    told = []
    with own_server(PostgresServer) as server:
        server.stop()
        timer = threading.Timer(0.5, server.start)
        timer.start()
        opened(server.url, notice=told.append).close()
        timer.join()
    assert "is away" in told[0]
    assert "is back" in told[1]
    assert len(told) == 2


def test_without_the_driver_the_extra_is_named():
    """Instead of a traceback about a module."""
    program = """
        import sys
        sys.modules["psycopg"] = None
        from pathlib import Path
        from evaltrail.core.errors import InputError
        from evaltrail.store.database import open_database
        try:
            open_database("postgresql://me@127.0.0.1/x", Path("/nowhere"), "normal")
        except InputError as error:
            print(error.code, error.hint)
    """
    with start_child(program) as child:
        out, err = child.communicate(timeout=30)
    assert "missing_extra pip install 'evaltrail[postgres]'" in out, err

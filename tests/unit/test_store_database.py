"""The database of jobs as a sqlite file: where it lies, its version, and what is said where it cannot be used."""

from __future__ import annotations

import sqlite3
import stat
import threading
import time
from itertools import pairwise
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import insert, select, text

from child import start_child
from evaltrail.core.errors import InputError, StorageError
from evaltrail.store import schema
from evaltrail.store.database import open_database
from evaltrail.store.engines import database_url, shown_url
from evaltrail.store.schema import NEWEST, found_version
from evaltrail.store.tables import ENDPOINT_CAP, METADATA, DatabaseNow


@pytest.fixture
def opened():
    """Opens databases, and closes them."""
    found = []

    def opens(home, url="", durability="normal", **more):
        found.append(open_database(url, home, durability, **more))
        return found[-1]

    yield opens
    for database in found:
        database.close()


def caps(database):
    return database.read(lambda connection: connection.execute(select(ENDPOINT_CAP)).all())


def add_cap(endpoint):
    return lambda connection: connection.execute(insert(ENDPOINT_CAP).values(endpoint=endpoint, cap=1))


@pytest.mark.parametrize(
    ("given", "driver"),
    [
        ("postgresql+psycopg://me@host/name", "postgresql+psycopg"),
        ("postgresql://me@host/name", "postgresql+psycopg"),
        ("postgres://me@host/name", "postgresql+psycopg"),
        ("sqlite:////folder/jobs.db", "sqlite"),
    ],
)
def test_the_usual_addresses_are_understood(given, driver):
    """PostgreSQL's own short forms too."""
    assert database_url(given, Path("/home")).drivername == driver


@pytest.mark.parametrize(
    "given", ["huh", "mysql://me:pa55word@host/x", "sqlite://", "sqlite:///:memory:", "http://x:y"]
)
def test_other_addresses_are_refused_without_their_password(given):
    """A queue in memory would lose what it accepted."""
    with pytest.raises(InputError) as caught:
        database_url(given, Path("/home"))
    assert "pa55word" not in str(caught.value)
    assert "postgresql+psycopg://" in caught.value.hint


@pytest.mark.parametrize("given", ["postgresql://me:pa55word@host/name", "postgresql://me@host/name?password=pa55word"])
def test_an_address_is_shown_without_its_password(given):
    """Wherever it is written."""
    shown = shown_url(database_url(given, Path("/home")))
    assert "pa55word" not in shown
    assert "host/name" in shown


def test_the_default_is_a_private_file_in_the_home(tmp_path, opened):
    """Nobody else reads what was asked of whom."""
    database = opened(tmp_path / "home")
    file = tmp_path / "home" / "jobs.db"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert (database.dialect, database.name) == ("sqlite", str(file))
    assert database.read(found_version) == NEWEST


@pytest.mark.parametrize(("durability", "level"), [("normal", 1), ("full", 2)])
def test_durability_is_how_sqlite_syncs(tmp_path, opened, durability, level):
    """FULL syncs each commit, NORMAL survives the death of processes."""
    database = opened(tmp_path, durability=durability)
    pragmas = ("synchronous", "journal_mode", "foreign_keys")
    found = database.read(lambda c: [c.exec_driver_sql(f"PRAGMA {name}").scalar() for name in pragmas])
    assert found == [level, "wal", 1]


def test_the_clock_is_the_databases_own(tmp_path, opened):
    """Microseconds since 1970, UTC."""
    now = opened(tmp_path).read(lambda connection: connection.execute(select(DatabaseNow())).scalar_one())
    assert abs(now / 1e6 - time.time()) < 2


def test_the_migrations_make_the_tables_that_the_code_knows(tmp_path, opened):
    """Columns and indexes: nothing to add, nothing to remove."""

    def differences(connection):
        options = {"include_name": lambda name, kind, _parent: kind != "table" or name in METADATA.tables}
        return compare_metadata(MigrationContext.configure(connection, opts=options), METADATA)

    assert opened(tmp_path).read(differences) == []


def test_the_newest_version_is_the_last_migration():
    """It is written down beside them so that a start need not load them."""
    migrations = Path(schema.__file__).with_name("migrations")
    assert ScriptDirectory(str(migrations)).get_heads() == [NEWEST]


def test_a_start_on_finished_tables_loads_no_migration(tmp_path, opened):
    """Alembic costs 0.3 s."""
    opened(tmp_path)
    program = """
        import sys
        from pathlib import Path
        from evaltrail.store.database import open_database
        open_database("", Path(sys.argv[1]), "normal").close()
        print("alembic" in sys.modules)
    """
    with start_child(program, tmp_path) as child:
        assert child.communicate(timeout=30)[0].strip() == "False"


def test_newer_tables_are_left_alone(tmp_path, opened):
    """Who goes back to an older version is told, and nothing is written."""
    database = opened(tmp_path)
    database.write(lambda connection: connection.execute(text("UPDATE evaltrail_schema SET version_num = '9999'")))
    with pytest.raises(InputError, match="9999") as caught:
        opened(tmp_path)
    assert caught.value.code == "schema_newer"
    assert caught.value.where == str(tmp_path / "jobs.db")


def test_tables_that_were_begun_by_a_process_that_died_are_made_anew(tmp_path, opened):
    """The migration is one transaction: none of it, or all."""
    program = """
        import os, sys
        from pathlib import Path
        from evaltrail.store.engines import begin, database_url, make_engine
        from evaltrail.store.schema import bring_up
        from sqlalchemy import text

        engine = make_engine(database_url("", Path(sys.argv[1])), "normal")

        def die_before_commit(work):
            with engine.begin() as connection:
                begin(connection, is_writing=True)
                work(connection)
                assert connection.execute(text("SELECT count(*) FROM job")).scalar() == 0
                os._exit(9)

        bring_up(lambda work: "", die_before_commit, "x")
    """
    with start_child(program, tmp_path) as child:
        assert (child.wait(timeout=30), child.stderr.read()) == (9, "")
    with sqlite3.connect(tmp_path / "jobs.db") as left:
        assert left.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    left.close()
    assert caps(opened(tmp_path)) == []


def test_processes_that_start_at_once_make_the_tables_once(tmp_path):
    """All of them go on."""
    program = """
        import sys
        from pathlib import Path
        from evaltrail.store.database import open_database
        sys.stdin.readline()
        open_database("", Path(sys.argv[1]), "normal").close()
    """
    children = [start_child(program, tmp_path) for _ in range(3)]
    for child in children:
        child.stdin.write("go\n")
        child.stdin.flush()
    assert [(child.communicate(timeout=60)[1], child.returncode) for child in children] == [("", 0)] * 3


def test_a_transaction_is_whole_or_absent(tmp_path, opened):
    """What the work raises undoes what it wrote."""
    database = opened(tmp_path)

    def half(connection):
        add_cap("a")(connection)
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        database.write(half)
    assert caps(database) == []


def test_a_key_that_another_has_just_written_is_met_again(tmp_path, opened):
    """The work runs anew and finds it; where it insists, that is an error of ours."""
    database = opened(tmp_path)
    database.write(add_cap("a"))
    runs = []

    def insists(connection):
        runs.append(1)
        add_cap("a")(connection)

    with pytest.raises(StorageError, match="UNIQUE"):
        database.write(insists)
    assert len(runs) == 2


def test_a_file_that_is_no_database_is_named(tmp_path, opened):
    """And left as it was."""
    (tmp_path / "jobs.db").write_text("these are no tables " * 100)
    with pytest.raises(StorageError, match="not a database") as caught:
        opened(tmp_path)
    assert caught.value.where == str(tmp_path / "jobs.db")
    assert (tmp_path / "jobs.db").read_text().startswith("these")


def test_a_home_that_cannot_be_written_is_named(tmp_path, opened):
    """Before anything is accepted."""
    (tmp_path / "home").write_text("a file")
    with pytest.raises(StorageError) as caught:
        opened(tmp_path / "home")
    assert "EVALTRAIL_HOME" in caught.value.hint


def test_a_file_that_was_removed_is_no_empty_queue(tmp_path, opened):
    """A new connection finds nothing, and says so."""
    database = opened(tmp_path)
    database.close()
    (tmp_path / "jobs.db").unlink()
    with pytest.raises(StorageError, match="unable to open") as caught:
        caps(database)
    assert not (tmp_path / "jobs.db").exists()
    assert caught.value.code == "database_broken"


def test_another_process_that_keeps_the_file_is_waited_for(tmp_path, opened):
    """Its lock is only a while; then the work goes on."""
    database = opened(tmp_path)
    other = sqlite3.connect(tmp_path / "jobs.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(0.3, lambda: other.execute("COMMIT"))
    timer.start()
    database.write(add_cap("a"))
    timer.join()
    other.close()
    assert len(caps(database)) == 1


def test_threads_write_side_by_side(tmp_path, opened):
    """Each waits its turn, nobody is turned away."""
    database = opened(tmp_path)
    threads = [
        threading.Thread(target=lambda n=n: [database.write(add_cap(f"{n}.{i}")) for i in range(25)]) for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(caps(database)) == 200


def test_the_version_is_another_one_after_each_change(opened, tmp_path):
    """Whoever makes it, and only then: what was read is known to be what is there."""
    ours, other = opened(tmp_path), opened(tmp_path)
    met = [ours.version(), ours.version()]
    for database, endpoint in ((ours, "a"), (other, "b")):
        caps(database)
        met.append(ours.version())
        database.write(add_cap(endpoint))
        met.append(ours.version())
    assert [after != before for before, after in pairwise(met)] == [False, False, True, False, True]

"""A sqlite file of the home: which journal it has, and how that is changed while others use it."""

from __future__ import annotations

import os
import sqlite3
import sys
import threading
from contextlib import closing

import pytest

from child import start_child
from evaltrail.config.settings import load_settings
from evaltrail.destinations.mlflow.outbox import Outbox
from evaltrail.service.deliver import open_destination
from evaltrail.store.ledger import Ledger
from evaltrail.store.sqlite_file import open_sqlite

WRITER = """
    import sys
    from contextlib import closing
    from pathlib import Path
    from evaltrail.store.sqlite_file import open_sqlite
    sys.stdin.readline()
    for number in range(30):
        with closing(open_sqlite(Path(sys.argv[1]), synchronous="NORMAL", is_shared=sys.argv[3] == "shared")) as rows:
            rows.execute("INSERT INTO seen VALUES (?)", (f"{sys.argv[2]}{number}",))
            assert rows.execute("SELECT count(*) FROM seen").fetchone()[0] >= number
"""
STOPPED = """
    import os, sys
    from pathlib import Path
    from evaltrail.store.sqlite_file import open_sqlite
    rows = open_sqlite(Path(sys.argv[1]), synchronous="FULL", is_shared=True)
    rows.execute("PRAGMA cache_size = 2")
    rows.execute("BEGIN IMMEDIATE")
    rows.executemany("INSERT INTO seen VALUES (?)", [(f"{number} " * 200,) for number in range(500)])
    os._exit(9)
"""


@pytest.fixture
def file(tmp_path):
    """A file with one row, as one machine alone uses it."""
    with closing(open_sqlite(tmp_path / "x.db", synchronous="NORMAL")) as rows:
        rows.execute("CREATE TABLE seen (word TEXT)")
        rows.execute("INSERT INTO seen VALUES ('first')")
    return tmp_path / "x.db"


def journal(file):
    """The journal that a file has, whoever opens it."""
    with closing(sqlite3.connect(file)) as rows:
        return rows.execute("PRAGMA journal_mode").fetchone()[0]


def words(file):
    with closing(sqlite3.connect(file)) as rows:
        return [row[0] for row in rows.execute("SELECT word FROM seen")]


def test_a_new_file_has_a_write_ahead_log_unless_it_is_shared(file, tmp_path):
    """The log needs memory that all its users share, which processes of several machines do not have."""
    open_sqlite(tmp_path / "shared.db", synchronous="FULL", is_shared=True).close()
    assert (journal(file), journal(tmp_path / "shared.db")) == ("wal", "delete")


def test_nobody_but_sqlite_opens_the_file(tmp_path):
    """Whoever closes a file drops all the locks that its process has on it, so also another thread's in sqlite."""
    opened = []

    def note(_frame, event, called):
        if event == "c_call" and called in {open, os.open}:
            opened.append(called)

    sys.setprofile(note)
    try:
        open_sqlite(tmp_path / "new.db", synchronous="NORMAL").close()
    finally:
        sys.setprofile(None)
    assert opened == []
    assert (tmp_path / "new.db").stat().st_mode & 0o777 == 0o600


def test_a_file_that_comes_to_be_shared_keeps_its_rows_and_stays_so(file):
    """Who opens it later without saying so does not turn it back: other machines may be at it."""
    open_sqlite(file, synchronous="NORMAL", is_shared=True).close()
    assert (journal(file), words(file)) == ("delete", ["first"])
    open_sqlite(file, synchronous="NORMAL").close()
    assert journal(file) == "delete"
    assert sorted(each.name for each in file.parent.iterdir()) == ["x.db"]


def test_the_change_waits_for_those_who_have_the_file_open(file):
    """Sqlite itself says at once that it is locked."""
    other = sqlite3.connect(file, check_same_thread=False)
    other.execute("SELECT * FROM seen").fetchall()
    timer = threading.Timer(0.3, other.close)
    timer.start()
    open_sqlite(file, synchronous="NORMAL", is_shared=True).close()
    timer.join()
    assert journal(file) == "delete"


def test_many_that_begin_to_share_a_file_do_not_wait_for_each_other(tmp_path):
    """Each holds the file while it asks for it alone: whoever is refused lets go of it before it asks again."""
    refused = []

    def share(file, start):
        start.wait(30)
        try:
            open_sqlite(file, synchronous="NORMAL", is_shared=True).close()
        except sqlite3.Error as error:
            refused.append(error)

    for number in range(5):
        file, start = tmp_path / f"{number}.db", threading.Barrier(6)
        with closing(open_sqlite(file, synchronous="NORMAL")) as rows:
            rows.execute("CREATE TABLE seen (word TEXT)")
        threads = [threading.Thread(target=share, args=(file, start)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert (refused, journal(file)) == ([], "delete")


@pytest.mark.parametrize("kinds", [("shared", "shared", "shared"), ("shared", "alone", "alone")])
def test_processes_that_write_and_read_at_once_lose_nothing(file, kinds):
    """Also while one of them changes the journal, and the others do not know of it."""
    children = [start_child(WRITER, file, number, kind) for number, kind in enumerate(kinds)]
    for child in children:
        child.stdin.write("go\n")
        child.stdin.flush()
    ended = [(child.communicate(timeout=60)[1], child.returncode) for child in children]
    assert ended == [("", 0)] * len(kinds)
    assert len(words(file)) == 1 + 30 * len(kinds)
    assert journal(file) == "delete"


def test_a_transaction_of_a_process_that_died_is_undone(file):
    """Half of its pages are in the file already: the journal beside it tells what they were."""
    open_sqlite(file, synchronous="FULL", is_shared=True).close()
    with start_child(STOPPED, file) as child:
        assert child.wait(timeout=30) == 9, child.stderr.read()
    assert file.with_name("x.db-journal").stat().st_size > 0
    with closing(open_sqlite(file, synchronous="FULL", is_shared=True)) as rows:
        assert [row["word"] for row in rows.execute("SELECT word FROM seen")] == ["first"]


def test_the_ledger_can_always_be_shared(tmp_path):
    """It is opened anew for each change, where a write-ahead log costs as much: no setting has to say so."""
    assert Ledger(tmp_path).latest(1) == []
    assert journal(tmp_path / "ledger.db") == "delete"


def test_a_ledger_of_an_earlier_version_is_gone_on_with(tmp_path):
    """Its journal is changed when it is opened next."""
    assert Ledger(tmp_path).latest(1) == []
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as rows:
        assert rows.execute("PRAGMA journal_mode = wal").fetchone()[0] == "wal"
    assert Ledger(tmp_path).latest(1) == []
    assert journal(tmp_path / "ledger.db") == "delete"


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("", "wal"),
        ("sqlite:////srv/jobs.db", "wal"),
        ("postgresql+psycopg://me@host/x", "delete"),
        ("postgres://me@host/x", "delete"),
    ],
)
def test_the_outbox_is_shared_where_jobs_lie_on_a_server(tmp_path, url, wanted):
    """Several machines are what a server is for; an outbox that is there is changed too."""
    settings = load_settings({"EVALTRAIL_HOME": str(tmp_path), "EVALTRAIL_DATABASE_URL": url}, dotenv=None)
    Outbox(tmp_path / "outbox").close()
    assert open_destination(settings).waiting() == ()
    assert journal(tmp_path / "outbox" / "outbox.db") == wanted

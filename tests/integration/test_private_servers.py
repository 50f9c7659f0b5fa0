"""The private servers: they come up, keep what they know, and leave nothing behind."""

from __future__ import annotations

import random
import subprocess
import tempfile
import uuid
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from child import start_child
from mlflow_server import free_port, is_free
from private_postgres import PostgresServer, run_sql
from private_redis import RedisServer
from private_server import descendants, is_alive
from private_servers import fresh_database, own_server, postgres_url

pytestmark = pytest.mark.slow

KINDS = [RedisServer, PostgresServer]  # RabbitMQ takes 25 s for it; the proofs restart, kill and purge one
JOIN = """
    import os, sys
    sys.path.insert(0, sys.argv[1])
    os.environ.update(word.split("=", 1) for word in sys.argv[3:])
    import private_servers
    try:
        print(getattr(private_servers, sys.argv[2])(), flush=True)
    except BaseException as error:
        print(type(error).__name__, error, flush=True)
    sys.stdin.readline()
"""


def remember(server) -> None:
    """Have a server keep something."""
    match server:
        case RedisServer():
            assert server.tell("SET", "word", "kept") == "+OK"
        case PostgresServer():
            run_sql(server.url, "CREATE TABLE words AS SELECT 'kept' AS word")


def expect_memory(server) -> None:
    """What ``remember`` told it is there, once."""
    match server:
        case RedisServer():
            assert server.tell("STRLEN", "word") == ":4"
        case PostgresServer():
            assert run_sql(server.url, "SELECT word FROM words") == "kept"


def everything_of(server) -> set[int]:
    """Every process that belongs to a server."""
    return {pid for leader, _ in server.ends for pid in (leader, *descendants(leader))}


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_keeps_what_it_knows_and_leaves_nothing(kind):
    """A restart and kill -9 lose nothing, the address stays, and at the end no process and no file is left."""
    with own_server(kind) as server:
        url, seen = server.url, everything_of(server)
        remember(server)
        server.restart()
        expect_memory(server)
        first = server.pid
        seen |= everything_of(server)
        server.kill()
        assert not is_alive(first)
        assert not server.is_answering
        server.start()
        expect_memory(server)
        assert (server.url, server.is_answering) == (url, True)
        seen |= everything_of(server)
        assert server.folder.is_dir()
    assert not [pid for pid in seen if is_alive(pid)]
    assert not server.folder.exists()


def test_a_port_that_is_taken_is_told():
    """What answers there is another server, so this one is not taken to be up."""
    with own_server(RedisServer) as holder:
        server = RedisServer()
        server.port = holder.port
        with pytest.raises(RuntimeError, match=f"port {holder.port} is in use"):
            server.start()
        assert holder.is_answering
    assert not server.folder.exists()


def test_a_server_that_does_not_come_up_says_why_and_is_gone():
    """The error holds its log."""
    with own_server(PostgresServer) as server:
        server.stop()
        (server.folder / "data" / "postgresql.conf").write_text("nonsense = 1")
        with pytest.raises(RuntimeError, match=r'unrecognized configuration parameter "nonsense"'):
            server.start()
    assert not server.folder.exists()


def test_a_test_has_a_database_of_its_own():
    """Two of them know nothing of each other, and they are gone afterwards."""
    with fresh_database() as one, fresh_database() as two:
        run_sql(one, "CREATE TABLE mine (x int)")
        assert run_sql(two, "SELECT count(*) FROM pg_tables WHERE tablename = 'mine'") == "0"
        names = {url.rpartition("/")[2] for url in (one, two)}
    assert not names & set(run_sql(postgres_url(), "SELECT datname FROM pg_database").split())


def joining(call: str, **environ: str) -> subprocess.Popen[str]:
    """A process of a test run that asks for one of the run's servers, prints what it gets, and waits for a line."""
    words = [f"{name}={value}" for name, value in {"CI": "", **environ}.items()]
    return start_child(JOIN, Path(__file__).resolve().parents[1], call, *words)


def working_for(run: str) -> int:
    """How many processes work in a folder of a test run."""
    count = 0
    for folder in Path("/proc").glob("[0-9]*/cwd"):
        with suppress(OSError):
            count += run in str(folder.readlink())
    return count


@pytest.mark.parametrize("call", ["redis_url", "postgres_url"])
def test_the_processes_of_a_run_share_one_server(call):
    """Both get one address; it goes on when one of them leaves, and ends with the last, whoever started it."""
    run = uuid.uuid4().hex
    with joining(call, PYTEST_XDIST_TESTRUNUID=run) as first:
        url = first.stdout.readline().strip()
        with joining(call, PYTEST_XDIST_TESTRUNUID=run) as second:
            assert second.stdout.readline().strip() == url
            port = urlsplit(url).port
            expected = working_for(run)
            first.communicate("\n", timeout=60)
            assert (first.returncode, working_for(run)) == (0, expected)
            assert not is_free(port)
            second.communicate("\n", timeout=60)
    assert (second.returncode, working_for(run)) == (0, 0)
    assert is_free(port)


def test_who_comes_after_the_last_has_left_gets_a_new_server():
    """Processes of a run that end early leave nothing that a later one could stumble over."""
    run = uuid.uuid4().hex
    for _ in range(2):
        with joining("redis_url", PYTEST_XDIST_TESTRUNUID=run) as process:
            port = urlsplit(process.stdout.readline().strip()).port
            assert not is_free(port)
            process.communicate("\n", timeout=60)
        assert (process.returncode, working_for(run), is_free(port)) == (0, 0, True)
    assert list(Path(tempfile.gettempdir()).glob(f"*{run}*")) == []


@pytest.mark.parametrize(
    ("environ", "word"),
    [
        ({"EVALTRAIL_TEST_REDIS_URL": "redis://elsewhere/3"}, "redis://elsewhere/3"),
        ({"PATH": "/nowhere"}, "Skipped not installed: redis-server (Debian: redis-server)"),
        ({"PATH": "/nowhere", "CI": "true"}, "Failed not installed: redis-server (Debian: redis-server)"),
    ],
)
def test_a_named_server_wins_and_a_missing_one_is_told(environ, word):
    """Without a program the test is skipped with the reason, and in CI it fails."""
    with joining("redis_url", **environ) as process:
        assert process.communicate("\n", timeout=30)[0].strip() == word


def test_a_free_port_is_none_that_outgoing_connections_get():
    """Else one could take it before the server does, or a client that comes back for a stopped one meet itself."""
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    ports = {free_port() for _ in range(20)}
    assert len(ports) > 1
    assert max(ports) < lowest or lowest <= 15_000


def test_processes_of_a_run_that_draw_at_once_get_different_ports():
    """Each begins a test with the same seed, and none listens yet where the other looks."""
    before = random.getstate()
    drawn = []
    for _ in range(4):
        random.seed(1)
        drawn.append(free_port())
    random.setstate(before)
    assert len(set(drawn)) > 1

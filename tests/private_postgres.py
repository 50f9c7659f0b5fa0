"""PostgresServer: a private PostgreSQL for tests, and databases of a test's own in any PostgreSQL."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from private_server import PrivateServer

_PLACES = Path("/usr/lib/postgresql")
_ACCOUNTS = ("postgres", "nobody")
_ENVIRON = {"LC_ALL": "C", "PATH": os.environ.get("PATH", "")}


class PostgresServer(PrivateServer):
    """One cluster with the superuser ``postgres``, who needs no password; syncs to disk as it does in earnest."""

    kind = "POSTGRES"
    stop_signal = signal.SIGINT  # ends sessions; SIGTERM would wait for them

    @classmethod
    def why_not(cls) -> str:
        """What keeps this server from being started here; nothing when it can be."""
        missing = [name for name in ("initdb", "postgres", "psql") if not _program(name)]
        if missing:
            return f"not installed: {', '.join(missing)} (Debian: postgresql)"
        if os.geteuid() == 0 and _account() is None:
            return f"PostgreSQL does not run as root, and there is no user {' or '.join(_ACCOUNTS)}"
        return ""

    @property
    def url(self) -> str:
        """Its first database."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    @property
    def is_answering(self) -> bool:
        """Whether it serves now."""
        return _psql(self.url, "SELECT 1").returncode == 0

    def _prepare(self) -> None:
        data, account = self.folder / "data", _account()
        data.mkdir(mode=0o700)
        if account is not None:
            os.chown(data, account.pw_uid, account.pw_gid)
        words = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync"]
        made = self._spawn(
            [_program("initdb"), f"--pgdata={data}", *words], environ=_ENVIRON, log="initdb.log", **_as(account)
        )
        if made.wait(timeout=60) != 0:
            raise RuntimeError((self.folder / "initdb.log").read_text())

    def _launch(self) -> subprocess.Popen[bytes]:
        options = {"listen_addresses": "127.0.0.1", "port": str(self.port), "unix_socket_directories": ""}
        words = [f"--{name}={value}" for name, value in options.items()]
        command = [_program("postgres"), "-D", str(self.folder / "data"), *words]
        return self._spawn(command, environ=_ENVIRON, log="postgres.log", **_as(_account()))


@contextmanager
def database_in(url: str) -> Iterator[str]:
    """The URL of a new, empty database of the same server, gone afterwards with whoever is connected."""
    name = f"evaltrail_{secrets.token_hex(6)}"
    run_sql(url, f"CREATE DATABASE {name}")
    try:
        yield urlsplit(url)._replace(path=f"/{name}").geturl()
    finally:
        run_sql(url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def run_sql(url: str, statement: str) -> str:
    """What a statement answers: a line a row, columns parted by ``|``."""
    done = _psql(url, statement)
    if done.returncode != 0:
        raise RuntimeError(f"{statement}: {done.stderr}")
    return done.stdout.strip()


def _psql(url: str, statement: str) -> subprocess.CompletedProcess[str]:
    """Run a statement; the password goes by the environment, where other users do not see it."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    place = parts._replace(scheme="postgresql", netloc=f"{parts.username}@{host}" if parts.username else host)
    environ = {**_ENVIRON, "PGCONNECT_TIMEOUT": "5", "PGPASSWORD": unquote(parts.password or "")}
    words = ["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1"]
    return subprocess.run(
        [_program("psql"), *words, f"--command={statement}", place.geturl()],
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _program(name: str) -> str:
    """Where a program of the newest installed PostgreSQL is; empty where it is not."""
    found = sorted(_PLACES.glob(f"*/bin/{name}"), key=lambda file: float(file.parent.parent.name))
    return str(found[-1]) if found else shutil.which(name) or ""


def _account() -> pwd.struct_passwd | None:
    """Whom the server runs as; None = as whoever runs the tests."""
    if os.geteuid() != 0:
        return None
    known = {each.pw_name: each for each in pwd.getpwall()}
    return next((known[name] for name in _ACCOUNTS if name in known), None)


def _as(account: pwd.struct_passwd | None) -> Mapping[str, object]:
    return {} if account is None else {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": ()}

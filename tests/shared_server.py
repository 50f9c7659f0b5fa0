"""One server for all processes of a test run: the first that asks starts it, the last that leaves ends it."""

from __future__ import annotations

import atexit
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Protocol, TypeVar


class Sharable(Protocol):
    """A server that can be started here and ended by another process."""

    @property
    def url(self) -> str:
        """Its address."""

    @property
    def ends(self) -> Any:
        """What whoever ends it has to know, as JSON."""

    def start(self) -> None:
        """Start it and wait until it answers."""


Server = TypeVar("Server", bound=Sharable)


def join(name: str, make: Callable[[Path], Server], end: Callable[[Any], None]) -> tuple[str, Server | None]:
    """The address, and the server if this process started it (which has to be held: its child runs on).

    Args:
        name: of the server, one a kind.
        make: the server, its data in this folder.
        end: ends it, by its ``ends``.
    """
    folder = run_folder(name)
    server = None
    with _known(folder) as known:
        if not known["users"]:
            server = make(folder / "server")
            server.start()
            known |= {"url": server.url, "ends": server.ends}
        known["users"] += 1
        url: str = known["url"]
    atexit.register(_leave, folder, end)
    return url, server


def run_folder(name: str) -> Path:
    """Where the processes of this test run keep a server, its data in ``server``."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or str(os.getpid())
    return Path(tempfile.gettempdir(), f"{name}-server-{run}")


def _leave(folder: Path, end: Callable[[Any], None]) -> None:
    with _known(folder) as known:
        known["users"] -= 1
        if not known["users"]:
            end(known["ends"])
            for gone in (folder / "server", folder):  # the file that they share last: whoever waits for it starts anew
                shutil.rmtree(gone, ignore_errors=True)


@contextmanager
def _known(folder: Path) -> Iterator[dict[str, Any]]:
    """What the processes of a test run know of their server, one of them at a time."""
    with _locked(folder) as file:
        file.seek(0)
        known: dict[str, Any] = json.loads(file.read() or '{"users": 0}')
        yield known
        file.seek(0)
        file.truncate()
        file.write(json.dumps(known))


def _locked(folder: Path) -> IO[str]:
    """The file that they share, locked until it is closed; never one that the last to leave has just removed."""
    while True:
        folder.mkdir(mode=0o711, exist_ok=True)  # the server's account may be another than ours
        try:
            file = (folder / "shared.json").open("a+")
        except FileNotFoundError:
            continue
        fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file.fileno()).st_nlink:
            return file
        file.close()

"""PrivateServer: one server program of a test on a port of 127.0.0.1, its data below a folder, ended by its pids."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

from mlflow_server import free_port, is_free

START_S = 90.0
_END_S = 20.0


class PrivateServer:
    """What the servers have in common; a subclass says how its program is started and asked.

    Port and data stay the same over stops and kills, until it is closed.

    Args:
        folder: for the data and logs; None = a temporary one, gone when the server is closed.
    """

    kind: str
    """As it stands in ``EVALTRAIL_TEST_<KIND>_URL``."""
    stop_signal = signal.SIGTERM

    def __init__(self, folder: Path | None = None) -> None:
        self._is_temporary = folder is None
        self.folder = folder or Path(tempfile.mkdtemp(prefix=f"{self.kind.lower()}-"))
        self.folder.mkdir(exist_ok=True)
        self.folder.chmod(0o711)  # the server's account may be another than ours
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._is_prepared = False

    @classmethod
    def why_not(cls) -> str:
        """What keeps this server from being started here; nothing when it can be."""
        raise NotImplementedError

    @property
    def url(self) -> str:
        """Its address, without a password."""
        raise NotImplementedError

    @property
    def pid(self) -> int:
        """The process that leads it."""
        assert self._process is not None, "it does not run"
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether it was started, and neither stopped nor killed since."""
        return self._process is not None

    @property
    def ends(self) -> list[tuple[int, int]]:
        """The processes to be ended, the first one first, each with the signal that it listens to."""
        return [(self.pid, self.stop_signal)]

    @property
    def is_answering(self) -> bool:
        """Whether it serves now."""
        raise NotImplementedError

    def start(self) -> None:
        """Start it, again on the same port and data, and wait until it answers."""
        assert self._process is None, "it runs"
        try:
            self._check_port()
            if not self._is_prepared:
                self._prepare()
                self._is_prepared = True
            self._process = self._launch()
            self._await_answer()
        except BaseException:
            self.close()
            raise

    def stop(self) -> None:
        """End it as an operator would, and wait for that; harmless when it does not run."""
        if self._process is None:
            return
        family = [self.pid, *descendants(self.pid)]
        self._process.send_signal(self.stop_signal)
        try:
            self._process.wait(timeout=_END_S)
        except subprocess.TimeoutExpired:
            self.kill()
        _await_ends(family)
        self._process = None

    def kill(self) -> None:
        """``kill -9`` of all its processes at once; harmless when it does not run."""
        if self._process is None:
            return
        family = [self.pid, *descendants(self.pid)]
        for pid in family:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait(timeout=_END_S)
        _await_ends(family)
        self._process = None

    def restart(self) -> None:
        """Stop it and start it again."""
        self.stop()
        self.start()

    def close(self) -> None:
        """End everything that was started, and take a temporary folder away."""
        self.stop()
        if self._is_temporary:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _check_port(self) -> None:
        if not is_free(self.port):
            raise RuntimeError(f"the {self.kind} server did not come up: port {self.port} is in use")

    def _prepare(self) -> None:
        """What is done once, before the first start."""

    def _launch(self) -> subprocess.Popen[bytes]:
        raise NotImplementedError

    def _spawn(
        self, command: Sequence[str], *, environ: Mapping[str, str], log: str, **account: object
    ) -> subprocess.Popen[bytes]:
        with (self.folder / log).open("ab") as out:
            return subprocess.Popen(
                command,
                env=dict(environ),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
                **account,
            )

    def _await_answer(self) -> None:
        assert self._process is not None
        ends = time.monotonic() + START_S
        while not self.is_answering:
            if time.monotonic() > ends or self._process.poll() is not None:
                said = "\n".join(file.read_text(errors="replace")[-2000:] for file in self.folder.glob("*.log"))
                raise RuntimeError(f"the {self.kind} server did not come up:\n{said}")
            time.sleep(0.02)


def end(ends: Sequence[tuple[int, int]]) -> None:
    """End processes by their pids, each with all that it started, one after the other."""
    for pid, number in ends:
        family = [pid, *descendants(pid)]
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        try:
            _await_ends(family)
        except TimeoutError:
            for each in family:
                with suppress(ProcessLookupError):
                    os.kill(each, signal.SIGKILL)


def talk(port: int, words: bytes) -> bytes:
    """The first bytes that a port answers to some words; nothing where nobody listens."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
            line.sendall(words)
            return line.recv(4096)
    except OSError:
        return b""


def is_alive(pid: int) -> bool:
    """Whether a process runs: one that has ended and waits to be fetched does not."""
    return (_stat(pid) or ["Z"])[0] != "Z"


def descendants(pid: int) -> list[int]:
    """The processes below a process."""
    parents = {int(folder.name): _stat(int(folder.name)) for folder in Path("/proc").glob("[0-9]*")}
    found, waiting = [], [pid]
    while waiting:
        above = waiting.pop()
        below = [child for child, stat in parents.items() if stat and int(stat[1]) == above]
        found += below
        waiting += below
    return found


def _stat(pid: int) -> list[str]:
    """The state, the parent and so on of a process; nothing where there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _await_ends(pids: Sequence[int]) -> None:
    ends = time.monotonic() + _END_S
    while any(map(is_alive, pids)):
        if time.monotonic() > ends:
            raise TimeoutError(f"of the processes {pids} some live on")
        time.sleep(0.01)

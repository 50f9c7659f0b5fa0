"""Runs one command against a mock endpoint: its CPU, its memory, spawn to first request, last answer to exit."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from mock_endpoint import MockEndpoint

_POLL_S = 0.005
_TIMEOUT_S = 180.0
_HIGH_WATER = re.compile(r"VmHWM:\s+(\d+) kB")


class NotMeasuredError(Exception):
    """The command did not do what was to be measured; the text says what it did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One command's course. Times are seconds since 1970 on the clock it shares with the mock server."""

    exit_code: int
    cpu_s: float
    """User and system, of the command and its waited-for children."""
    spawned_at: float
    ended_at: float
    memory: tuple[tuple[float, float], ...]
    """(time, most MB resident so far), every few milliseconds; empty where there is no /proc."""
    output: str
    server: Mapping[str, Any]
    """The server's counters at the command's end."""

    @property
    def start_s(self) -> float:
        """From spawn to the first request at the server."""
        return self.server["first"] - self.spawned_at

    @property
    def span_s(self) -> float:
        """From the first request to the last answer."""
        return self.server["last_answer"] - self.server["first"]

    @property
    def rate(self) -> float:
        """Good answers a second of that span."""
        return self.server["ok"] / self.span_s

    @property
    def tail_s(self) -> float:
        """From the last answer to the exit."""
        return self.ended_at - self.server["last_answer"]

    @property
    def peak_mb(self) -> float:
        """Most memory resident until the exit."""
        return self._most_mb(self.ended_at)

    @property
    def asking_mb(self) -> float:
        """Most memory resident until the last answer."""
        return self._most_mb(self.server["last_answer"])

    def _most_mb(self, until: float) -> float:
        if not self.memory:
            raise NotMeasuredError("memory is read from /proc, which is not there")
        return max(mb for at, mb in self.memory if at <= until)


def median(runs: Sequence[Measured], name: str) -> float:
    """The median of one of their figures."""
    return statistics.median(getattr(run, name) for run in runs)


def measure(
    command: Sequence[str],
    endpoint: MockEndpoint,
    *,
    folder: Path,
    environ: Mapping[str, str],
    exit_codes: Sequence[int] = (0,),
    kill_at: int = 0,
) -> Measured:
    """The course of one command.

    Args:
        command: program and arguments.
        endpoint: the server it asks.
        folder: where it runs.
        environ: all of its variables.
        exit_codes: those that mean it did its work.
        kill_at: it is killed with SIGKILL once the server has seen this many requests; 0 = never.

    Raises:
        NotMeasuredError: it ended otherwise, or not in time.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        spawned_at = time.time()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=folder, env=dict(environ)
        )
        memory: list[tuple[float, float]] = []
        is_killed = False
        while True:
            pid, status, used = os.wait4(process.pid, os.WNOHANG)
            now = time.time()
            if pid:
                break
            if (mb := _high_water_mb(process.pid)) is not None:
                memory.append((now, mb))
            is_late = now - spawned_at > _TIMEOUT_S
            if is_late or (kill_at and not is_killed and endpoint.stats()["total"] >= kill_at):
                process.kill()
                is_killed = True
            time.sleep(_POLL_S)
        process.returncode = code = os.waitstatus_to_exitcode(status)
        if code not in exit_codes and not (kill_at and is_killed):
            raise NotMeasuredError(f"`{shlex.join(command)}` ended with {code}: {_last_line(err)}")
        out.seek(0)
        return Measured(
            exit_code=code,
            cpu_s=used.ru_utime + used.ru_stime,
            spawned_at=spawned_at,
            ended_at=now,
            memory=tuple(memory),
            output=out.read().decode("utf-8", "replace"),
            server=endpoint.stats(),
        )


@contextmanager
def two_cores() -> Iterator[tuple[str, ...]]:
    """Keep this process and the servers it starts on the first core; what to put before a command for the second one.

    Nothing is pinned, and the prefix is empty, where there is no taskset or only one core.
    """
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    taskset = shutil.which("taskset")
    if taskset is None or len(cores) < 2:
        yield ()
        return
    os.sched_setaffinity(0, cores[:1])
    try:
        yield (taskset, "--cpu-list", str(cores[1]))
    finally:
        os.sched_setaffinity(0, cores)


def _high_water_mb(pid: int) -> float | None:
    # ru_maxrss would do, but it begins with the size of the process that spawned the command.
    try:
        found = _HIGH_WATER.search(Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace"))
    except OSError:
        return None
    return int(found[1]) / 1024 if found else None


def _last_line(err: IO[bytes]) -> str:
    err.seek(0)
    lines = err.read().decode("utf-8", "replace").split("\n")
    return next((line for line in reversed(lines) if line.strip()), "it said nothing")

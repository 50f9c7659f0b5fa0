"""The guard: a process that outlives its parent by the time it takes to end what the parent had started.

``python -m evaltrail.service.standing.guard`` reads ``+GROUP`` and ``-GROUP`` lines; when the pipe closes, because the
parent has ended in whatever way, it ends the process groups that are left.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import IO

from evaltrail.core.errors import StorageError

GRACE_S = 25.0
"""Between the request to end and the kill."""
_LOOK_S = 0.1


class Guard:
    """The parent's end of it.

    Raises:
        StorageError: there is no room for another process just now.
    """

    def __init__(self) -> None:
        self._process = self._started()

    @property
    def pid(self) -> int:
        """Of its process."""
        return self._process.pid

    def watch(self, group: int) -> None:
        """Have a process group ended when this process has."""
        self._tell(f"+{group}\n")

    def forget(self, group: int) -> None:
        """A process group is gone; its number may become a stranger's."""
        self._tell(f"-{group}\n")

    def is_alive(self) -> bool:
        """Whether its process runs."""
        return self._process.poll() is None

    def close(self) -> None:
        """End it; groups that it watches still are ended first."""
        if self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        if self._process.stdin is not None:
            with suppress(OSError):  # it is gone; who has it sees that
                self._process.stdin.write(line.encode())

    @staticmethod
    def _started() -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                [sys.executable, "-P", "-m", "evaltrail.service.standing.guard"],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                start_new_session=True,
            )
        except OSError as error:
            raise StorageError(f"the guard cannot be started: {error.strerror or error}", code="no_room") from error


def guard(orders: IO[str], *, grace_s: float = GRACE_S) -> None:
    """Wait until the orders end, then end the groups that are left.

    Args:
        orders: one ``+GROUP`` or ``-GROUP`` a line.
        grace_s: that groups are given to end by themselves.
    """
    groups: set[int] = set()
    for line in orders:
        sign, number = line[:1], line[1:].strip()
        if number.isdecimal() and int(number) > 1:
            (groups.add if sign == "+" else groups.discard)(int(number))
    end_groups(groups, grace_s=grace_s)


def end_groups(groups: set[int], *, grace_s: float) -> None:
    """End process groups: they are asked to, then killed."""
    for group in groups:
        _signal(group, signal.SIGTERM)
    ends = time.monotonic() + grace_s
    while time.monotonic() < ends and any(_signal(group, 0) for group in groups):
        time.sleep(_LOOK_S)
    for group in groups:
        _signal(group, signal.SIGKILL)


def _signal(group: int, number: int) -> bool:
    """Whether there was anybody to be told."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):  # macOS refuses where zombies alone are left
        return False
    return True


if __name__ == "__main__":
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    guard(sys.stdin)

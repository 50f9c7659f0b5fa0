"""Part: one process that is to stand, from its start to its end, and what it prints."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from evaltrail.core.errors import InputError, StorageError
from evaltrail.service.standing.rotated_log import RotatedLog

_YOUNG_S = 10.0
_LONGEST_PAUSE_S = 30.0
_NO_ROOM = (errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE)
_READ_BYTES = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class PartOrder:
    """What is to stand."""

    name: str
    """What people call it: ``service``."""
    command: tuple[str, ...]
    environ: Mapping[str, str]
    """All its variables."""
    log: str
    """Name of its log file."""
    url: str = ""
    """That answers with 200 once it stands; empty = there is none."""
    says: bytes = b""
    """What it prints once it stands; empty = nothing."""
    cwd: Path | None = None
    """Its working folder; None = ours."""
    clean: Callable[[bytes], bytes] | None = None
    """Takes secrets out of what it prints, where it does not do so itself."""


class Part:
    """One process, started again as often as it dies.

    Args:
        order: what it is.
        log: where what it prints is kept.
        show: told what it prints, as it comes.
    """

    def __init__(self, order: PartOrder, log: RotatedLog, *, show: Callable[[str, bytes], None]) -> None:
        self.order = order
        self.log = log
        self.is_ready = False
        """Whether it stands."""
        self.has_stood = False
        """Whether it ever stood."""
        self.has_said = False
        """Whether it has printed what it does once it stands."""
        self.deaths = 0
        """In a row, soon after the start or instead of it."""
        self.starts_at = 0.0
        """When it is started, where it does not run; on the monotonic clock."""
        self.code: int | None = None
        """How it ended last; negative = by that signal."""
        self.group_left = 0
        """Group of the process that died, which others of it may be in still; 0 = nobody is."""
        self._show = show
        self._buried_at = 0.0
        self._heard = b""
        self._process: subprocess.Popen[bytes] | None = None
        self._began_at = 0.0

    @property
    def pid(self) -> int:
        """Of its process, which leads its group; 0 = it does not run."""
        return self._process.pid if self._process is not None else 0

    @property
    def output(self) -> int:
        """What its output can be read from; -1 = it does not run."""
        stdout = self._process.stdout if self._process is not None else None
        return stdout.fileno() if stdout is not None else -1

    def start(self) -> None:
        """Start it, in a group of its own.

        Raises:
            InputError: it cannot be started.
            StorageError: there is no room for another process just now; it is to be started again.
        """
        self._began_at = time.monotonic()
        self._heard = b""
        self.is_ready = self.has_said = False
        try:
            self._process = subprocess.Popen(  # noqa: S603  our own interpreter
                self.order.command,
                env=dict(self.order.environ),
                cwd=self.order.cwd,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                bufsize=0,
                start_new_session=True,
                umask=0o077,  # MLflow too keeps questions and answers in the home
            )
        except OSError as error:
            why = error.strerror or str(error)
            if error.errno in _NO_ROOM:
                self._put_off()
                raise StorageError(f"{self.order.name} cannot be started: {why}", code="no_room") from error
            raise InputError(f"{self.order.name} cannot be started: {why}", code="missing_command") from error
        os.set_blocking(self.output, False)

    def read(self) -> bool:
        """Take in some of what it has printed; False where there is nothing now, or no more to come."""
        try:
            data = os.read(self.output, _READ_BYTES)
        except BlockingIOError:
            return False
        if data:
            self.has_said = self.has_said or self._says(data)
            data = self.order.clean(data) if self.order.clean else data
            self.log.write(data)
            self._show(self.order.name, data)
        return bool(data)

    def _says(self, data: bytes) -> bool:
        """Whether it prints what it does once it stands, in one piece or two."""
        heard = self._heard + data
        self._heard = heard[-len(self.order.says) :]
        return self.order.says in heard

    def has_ended(self) -> bool:
        """Whether its process has."""
        return self._process is not None and self._process.poll() is not None

    def bury(self) -> None:
        """Take note of its death, and of when it is to be started again; what it left running is told to end."""
        if self._process is None:
            return
        self.tell(signal.SIGTERM)
        self.group_left = self._process.pid
        self.code = self._process.wait()
        while self.read():
            pass
        with self._process:
            self._process = None
        self._buried_at = time.monotonic()
        self._put_off()
        self.is_ready = False

    def _put_off(self) -> None:
        """Have it started later, the later the more often it died soon after the start, or could not be started."""
        now = time.monotonic()
        self.deaths = self.deaths + 1 if now - self._began_at < _YOUNG_S else 1
        self.starts_at = now + (min(_LONGEST_PAUSE_S, 2.0 ** min(self.deaths - 2, 10)) if self.deaths > 1 else 0.0)

    def tell(self, number: int) -> None:
        """Send a signal to its group."""
        if self._process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)

    def is_clear(self, *, patience_s: float) -> bool:
        """Whether nothing is left of the process that died; what does not end in time is killed.

        Where nobody takes orphans in, as in a container without an init, dead ones count as left until then.

        Args:
            patience_s: that they are given, to hand back what they do.
        """
        if not self.group_left:
            return True
        is_late = time.monotonic() - self._buried_at > patience_s
        with suppress(ProcessLookupError, PermissionError):  # macOS refuses where zombies alone are left
            os.killpg(self.group_left, signal.SIGKILL if is_late else 0)
            if not is_late:
                return False
        self.group_left = 0
        return True


def ended_words(code: int | None) -> str:
    """How a process ended: ``was ended by signal 9``."""
    return f"was ended by signal {-code}" if code is not None and code < 0 else f"ended with exit code {code}"

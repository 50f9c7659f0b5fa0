"""A child process watched to its end: in a group of its own, its output in a bounded log, nothing left running."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from evaltrail.core.errors import InputError, StorageError
from evaltrail.providers.bounded_log import BoundedLog
from evaltrail.providers.held_interrupts import HeldInterrupts, held_interrupts

GRACE_S = 10.0
"""Between the request to end and the kill."""
_LEFT_BEHIND_S = 2.0
"""What a child leaves running may go on printing for so long."""
_READ_BYTES = 65_536
_LOOK_S = 0.1
_LOOK_CLOSED_S = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a child process came to its end."""

    code: int
    """Its exit code; 128 + the signal where a signal ended it. Some end themselves with 0 when they are told to end."""
    is_timed_out: bool = False
    log_bytes: int = 0
    """Bytes that were added to the log."""
    dropped_bytes: int = 0
    """Bytes of output that the log does not hold."""


def run_process(
    command: Sequence[str],
    *,
    cwd: Path,
    environ: Mapping[str, str],
    log: Path,
    timeout_s: float | None,
    most_log_bytes: int = 50_000_000,
    pass_fds: Sequence[int] = (),
    on_start: Callable[[int], None] = lambda _: None,
    on_look: Callable[[], None] = lambda: None,
    secrets: Iterable[str] = (),
) -> Ended:
    """How the command ended, with everything that it started.

    On time-out, and when KeyboardInterrupt is raised here, its group is told to end and killed 10 s later; a second
    interrupt kills it at once. What the command leaves running is killed.

    Args:
        command: program and arguments; the program is looked up in the PATH of ``environ``.
        cwd: its working folder.
        environ: all its variables.
        log: what it prints is added here; the folder exists.
        timeout_s: None = it may take as long as it likes.
        most_log_bytes: of its output that are kept: the first part and the last megabyte.
        pass_fds: descriptors that it inherits beside the standard ones; its standard input is empty.
        on_start: told its pid, which is its group's too.
        on_look: called some ten times a second while it runs.
        secrets: values that the log must not hold.

    Raises:
        InputError: the command cannot be started.
        StorageError: the log cannot be opened.
        KeyboardInterrupt: it came while the child ran, and the child has ended.
    """
    with _opened(log) as file, held_interrupts() as held:
        kept = BoundedLog(file, most_bytes=most_log_bytes, secrets=secrets)
        process = _started(command, cwd, environ, pass_fds)
        watch = _Watch(process, kept, timeout_s, on_look)
        try:
            on_start(process.pid)
            watch.until_end(held)
        finally:
            watch.close()
            kept.finish()
    if watch.is_interrupted:
        raise KeyboardInterrupt
    return Ended(
        code=_exit_code(process.returncode),
        is_timed_out=watch.is_timed_out,
        log_bytes=kept.written_bytes,
        dropped_bytes=kept.dropped_bytes,
    )


def _opened(log: Path) -> FileIO:
    try:
        return log.open("ab", buffering=0)
    except OSError as error:
        raise StorageError(f"cannot write the log: {error.strerror or error}", where=str(log)) from error


def _started(
    command: Sequence[str], cwd: Path, environ: Mapping[str, str], pass_fds: Sequence[int]
) -> subprocess.Popen[bytes]:
    program = command[0] if command else ""
    try:
        return subprocess.Popen(  # noqa: S603  the operator's own configuration names what is run
            list(command),
            cwd=cwd,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            start_new_session=True,
            pass_fds=tuple(pass_fds),
        )
    except (OSError, ValueError, IndexError) as error:  # ValueError: a null character in an argument
        if not cwd.is_dir():
            raise InputError("the working folder is not there", code="missing_folder", where=str(cwd)) from error
        reason = (error.strerror if isinstance(error, OSError) else "") or str(error)
        raise InputError(
            f"the command {program!r} cannot be started: {reason}",
            code="missing_command",
            hint="install it, or write its whole path",
        ) from error


def _exit_code(returncode: int | None) -> int:
    if returncode is None:  # killed, and still not gone: it hangs in the kernel
        return 128 + signal.SIGKILL
    return returncode if returncode >= 0 else 128 - returncode


class _Watch:
    """Reads what a child prints until it has ended, and ends it when its time is over."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        kept: BoundedLog,
        timeout_s: float | None,
        on_look: Callable[[], None],
    ) -> None:
        assert process.stdout is not None
        self.is_timed_out = False
        self.is_interrupted = False
        self._process = process
        self._kept = kept
        self._on_look = on_look
        self._pipe = process.stdout
        self._is_open = True
        self._deadline = None if timeout_s is None else time.monotonic() + timeout_s
        self._kill_at: float | None = None
        """When the group is killed; None while it may run."""
        self._is_killed = False
        self._left_until: float | None = None
        """How long the output of what the ended child left running is read; None while the child runs."""
        os.set_blocking(self._pipe.fileno(), False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._pipe, selectors.EVENT_READ)

    def until_end(self, held: HeldInterrupts) -> None:
        """Watch until the child has ended and its pipe is closed, or is held by others for too long.

        Args:
            held: the interrupts that came since it was started.
        """
        while True:
            try:
                held.let_through()
                while not self._is_over():
                    self._look()
            except KeyboardInterrupt:
                if self.is_interrupted:
                    self._kill()
                self.is_interrupted = True
                self._ask_to_end()
            else:
                return

    def close(self) -> None:
        """Kill whatever is left of the group, then let go of it."""
        # The ended child is a zombie still: its number, which is the group's, cannot have gone to a stranger.
        self._signal(signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(GRACE_S)
        while self._is_open and self._read():
            pass
        self._selector.close()
        self._pipe.close()

    def _is_over(self) -> bool:
        now = time.monotonic()
        if self._left_until is None:
            return self._kill_at is not None and now > self._kill_at + GRACE_S
        return not self._is_open or now >= self._left_until

    def _look(self) -> None:
        if self._selector.select(_LOOK_S if self._is_open else _LOOK_CLOSED_S):
            self._read()
        self._on_look()
        now = time.monotonic()
        if self._deadline is not None and now >= self._deadline and self._kill_at is None:
            self.is_timed_out = self._left_until is None
            self._ask_to_end()
        if self._kill_at is not None and now >= self._kill_at:
            self._kill()
        if self._left_until is None and _has_ended(self._process):
            self._left_until = max(now + _LEFT_BEHIND_S, self._kill_at or 0.0)

    def _read(self) -> bool:
        """Whether something was there to be read."""
        try:
            data = os.read(self._pipe.fileno(), _READ_BYTES)
        except BlockingIOError:
            return False
        if data:
            self._kept.feed(data)
        else:
            self._is_open = False
            self._selector.unregister(self._pipe)
        return bool(data)

    def _ask_to_end(self) -> None:
        if self._kill_at is None:
            self._kill_at = time.monotonic() + GRACE_S
            self._signal(signal.SIGTERM)

    def _kill(self) -> None:
        if not self._is_killed:
            self._is_killed = True
            self._kill_at = time.monotonic()
            self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether the child has ended; it stays a zombie, so that its group can be killed under its number."""
    if not hasattr(os, "waitid"):  # macOS before Python 3.13
        return process.poll() is not None
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

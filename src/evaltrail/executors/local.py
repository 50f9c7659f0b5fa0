"""Jobs as child processes of this machine: one after the other or side by side, each in a process group of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from evaltrail.bundle.folders import is_locked, taken_by
from evaltrail.core.errors import StorageError
from evaltrail.core.run_config import Mode
from evaltrail.executors.ending import end_owners, send
from evaltrail.store.job_folders import RUNNING, has_ended, is_called_off
from evaltrail.store.stages import write_stage

_TICK_SECONDS = 0.05
_GRACE_SECONDS = 15.0
"""A job that is told to end ends its harness within 10 s, then puts down how far it came."""
_NOT_STARTED = 127
"""The exit code of a job whose script could not be started; as shells have it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalJob:
    """A job that is to be started."""

    id: str
    folder: Path
    """Holds ``run.sh``."""


def run_jobs(
    jobs: Sequence[LocalJob], *, mode: Mode, environ: Mapping[str, str], tick: Callable[[], None] = lambda: None
) -> None:
    """Run jobs to their ends, whatever they are; one that fails never stops the others.

    Args:
        jobs: in the order in which they are started; one that was called off meanwhile is passed over.
        mode: one after the other, or all at once.
        environ: of the children.
        tick: called a few times a second.

    Raises:
        KeyboardInterrupt: interrupted; the children were told to end, and have ended.
    """
    waiting, running = list(jobs), dict[LocalJob, subprocess.Popen[bytes]]()
    with _noted_interrupts() as interrupts:
        while (waiting or running) and not interrupts:
            while waiting and (mode == "parallel" or not running):
                job = waiting.pop(0)
                child = None if is_called_off(job.folder, job.id) else _start(job, environ)
                if child is not None:
                    running[job] = child
            for job, child in list(running.items()):
                if child.poll() is not None:
                    del running[job]
                    _note_end(job, child)
            tick()
            if running:
                time.sleep(_TICK_SECONDS)
    if interrupts:
        _end_all(running)
        raise KeyboardInterrupt


@contextmanager
def _noted_interrupts() -> Iterator[list[int]]:
    """The interrupts that come in the block, noted: one that is raised might fall between a start and its notice."""
    interrupts: list[int] = []
    if threading.current_thread() is not threading.main_thread():  # signals come to that one only
        yield interrupts
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda number, _: interrupts.append(number)) for number in numbers]
    try:
        yield interrupts
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _start(job: LocalJob, environ: Mapping[str, str]) -> subprocess.Popen[bytes] | None:
    """The job's process; None when it could not be started, which is put down as its end."""
    try:
        with (job.folder / "logs" / "stdout.log").open("ab") as log:
            return subprocess.Popen(  # noqa: S603  the script is our own
                ["/bin/bash", str(job.folder / "run.sh")],
                cwd=job.folder,
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
    except OSError as error:
        _put_down(job, _NOT_STARTED, f"it could not be started: {error.strerror or error}")
        return None


def _note_end(job: LocalJob, child: subprocess.Popen[bytes]) -> None:
    """Put down the end of a process that could not do so itself, and end what it has left behind."""
    lock = job.folder / RUNNING
    if taken_by(lock) != child.pid and is_locked(lock):
        return  # another process runs the job, and puts down its own end
    end_owners(lock)
    if has_ended(job.folder):
        return
    code = child.returncode
    how = f"signal {signal.Signals(-code).name} ended it" if code < 0 else f"it ended with exit code {code}"
    _put_down(job, 128 - code if code < 0 else code or 1, f"{how} before it could put down its end")


def _put_down(job: LocalJob, code: int, why: str) -> None:
    try:
        write_stage(job.folder, "exit", code)
        with (job.folder / "logs" / "stdout.log").open("a", encoding="utf-8") as log:
            log.write(f"job {job.id}: {why}\n")
    except (StorageError, OSError):
        return  # the lock that nobody holds any more tells it too


def _end_all(running: Mapping[LocalJob, subprocess.Popen[bytes]]) -> None:
    """Tell every child to end, wait for it, and kill what does not listen."""
    for child in running.values():
        send([child.pid], signal.SIGTERM)
    ends = time.monotonic() + _GRACE_SECONDS
    for job, child in running.items():
        try:
            child.wait(max(0.0, ends - time.monotonic()))
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            send([child.pid], signal.SIGKILL)
            child.wait()
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)  # whatever it may have left behind
        _note_end(job, child)

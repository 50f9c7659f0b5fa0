"""Following logs: the last lines of each, then new ones as they come, until what writes them has ended."""

from __future__ import annotations

import os
import stat
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from evaltrail.bundle.folders import is_locked
from evaltrail.bundle.layout import LOG
from evaltrail.config.settings import Settings
from evaltrail.service.history.evaluations import log_of, work_log
from evaltrail.service.history.job_accounts import is_left_behind
from evaltrail.service.history.job_logs import job_logs
from evaltrail.service.history.job_states import folder_state, job_states
from evaltrail.service.history.log_lines import LineSplitter, tail_offset
from evaltrail.service.history.queued import describe_entries, is_queued
from evaltrail.store.executions import Job
from evaltrail.store.job_folders import OVER, RUNNING, has_ended
from evaltrail.store.ledger import Entry, Ledger
from evaltrail.store.work import is_running, read_state

_POLL_SECONDS = 0.15
_LAST_WORDS_SECONDS = 0.4
"""A job's process prints its errors after it has let go of its lock."""
_SLURM_SECONDS = 5.0
"""Slurm is not asked more often."""
_QUEUE_SECONDS = 2.0
"""Nor is the queue."""
_BLOCK_BYTES = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line of a log."""

    job_id: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """What writes logs: a job, or an evaluation of ours."""

    id: str
    files: Callable[[], Sequence[Path]]
    """Those that are there now."""
    is_over: Callable[[], bool]


def job_writers(jobs: Sequence[Job], settings: Settings) -> tuple[Writer, ...]:
    """Jobs as writers of logs."""
    asked = _SlurmAsked([job for job in jobs if job.slurm_id], settings)

    def writer(job: Job) -> Writer:
        is_over = (lambda: asked.is_over(job)) if job.slurm_id else (lambda: _is_over(job))
        return Writer(id=job.id, files=lambda: job_logs(job), is_over=is_over)

    return tuple(map(writer, jobs))


def evaluation_writer(entry: Entry, settings: Settings) -> Writer:
    """An evaluation of ours as a writer of its log, the same one until it ends.

    Raises:
        InputError: it has ended, and has no log any more.
    """
    if entry.state == "running" and is_queued(entry):
        queued = _QueuedLog(entry, settings)
        return Writer(id=entry.id, files=queued.files, is_over=queued.is_over)
    if not _is_asking(entry):
        finished = log_of(entry)
        return Writer(id=entry.id, files=lambda: (finished,), is_over=lambda: True)
    file = entry.work / "run.log"
    return Writer(id=entry.id, files=lambda: (file,), is_over=lambda: not _is_asking(entry))


def follow_logs(writers: Sequence[Writer], *, tail: int) -> Iterator[LogLine | None]:
    """Lines as they come, until all the writers have ended; None = for now there is no more.

    Args:
        writers: whose logs.
        tail: lines of each log that are told of what is there already.
    """
    followed = [_Followed(writer, tail) for writer in writers]
    is_first = True
    while followed:
        over = [each for each in followed if each.is_over(can_go_on=not is_first)]
        for each in followed:
            yield from each.read()
        for each in over:
            yield from each.close()
        followed = [each for each in followed if each not in over]
        yield None
        is_first = False
        if followed:
            time.sleep(_POLL_SECONDS)


class _Followed:
    """The logs of one writer on their way."""

    def __init__(self, writer: Writer, tail: int) -> None:
        self._writer = writer
        self._files = {file: _FollowedFile(file, tail) for file in writer.files()}
        self._ended_at: float | None = None

    def is_over(self, *, can_go_on: bool) -> bool:
        """Whether nothing more will be written.

        Args:
            can_go_on: whether it may have ended only now, and has last words.
        """
        if not self._writer.is_over():
            self._ended_at = None
            return False
        if self._ended_at is None:
            self._ended_at = time.monotonic()
        return not can_go_on or time.monotonic() - self._ended_at >= _LAST_WORDS_SECONDS

    def read(self) -> Iterator[LogLine]:
        """New lines, also of logs that have appeared."""
        for file in self._writer.files():
            if file not in self._files:
                self._files[file] = _FollowedFile(file, None)
        for followed in self._files.values():
            for text in followed.read():
                yield LogLine(job_id=self._writer.id, text=text)

    def close(self) -> Iterator[LogLine]:
        """What was held back because its line had not ended."""
        for followed in self._files.values():
            for text in followed.close():
                yield LogLine(job_id=self._writer.id, text=text)


class _FollowedFile:
    """One log that grows; it may be cut, or replaced by another one of its name.

    Args:
        path: it may be gone for a while.
        tail: lines that are told of what is there already; None = all.
    """

    def __init__(self, path: Path, tail: int | None) -> None:
        self._path = path
        self._tail = tail
        self._data: BinaryIO | None = None
        self._identity = (0, 0)
        self._splitter = LineSplitter()

    def read(self) -> Iterator[str]:
        """Lines that have ended since the last call."""
        try:
            found = self._path.stat()
        except OSError:
            found = None
        if self._data is not None and (found is None or (found.st_dev, found.st_ino) != self._identity):
            yield from self._rest(self._data)
            yield from self.close()
        if self._data is None and found is not None and stat.S_ISREG(found.st_mode):  # a pipe would block
            self._open()
        tail, self._tail = self._tail, None
        if self._data is None:
            return
        if found is not None and found.st_size < self._data.tell():
            yield from self._splitter.end()
            self._data.seek(0)
        if tail is None:
            yield from self._rest(self._data)
        else:
            yield from deque(self._rest(self._data), maxlen=tail)

    def close(self) -> list[str]:
        """What was held back."""
        if self._data is not None:
            self._data.close()
            self._data = None
        return self._splitter.end()

    def _open(self) -> None:
        try:
            data = self._path.open("rb", buffering=0)
        except OSError:
            return  # gone again, or not ours to read
        self._identity = _identity(data)
        if self._tail is not None:
            data.seek(tail_offset(data, self._tail))
        self._data = data

    def _rest(self, data: BinaryIO) -> Iterator[str]:
        while block := data.read(_BLOCK_BYTES):
            yield from self._splitter.feed(block)


class _SlurmAsked:
    """Which of Slurm's jobs are over; Slurm itself is asked now and then, for all of them together."""

    def __init__(self, jobs: Sequence[Job], settings: Settings) -> None:
        self._jobs = jobs
        self._settings = settings
        self._asked_at = 0.0
        self._over = frozenset[str]()

    def is_over(self, job: Job) -> bool:
        """Whether a job has ended."""
        if job.folder is not None and has_ended(job.folder):
            return not is_locked(job.folder / RUNNING)
        if time.monotonic() - self._asked_at > _SLURM_SECONDS:
            states = job_states(self._jobs, self._settings.environ)
            self._over = frozenset(job_id for job_id, state in states.items() if state in OVER)
            self._asked_at = time.monotonic()
        return job.id in self._over


class _QueuedLog:
    """The log of an evaluation that workers do: in its work folder, and in its bundle once that is gone."""

    def __init__(self, entry: Entry, settings: Settings) -> None:
        self._entry = entry
        self._settings = settings
        self._ledger = Ledger(settings.home)
        self._found: Path | None = None
        self._asked_at = 0.0

    def files(self) -> tuple[Path, ...]:
        """The one that was found first: the bundle's is a copy of it."""
        if self._found is None:
            places = (work_log(self._entry), self._entry.out / LOG)
            self._found = next((file for file in places if file is not None and file.is_file()), None)
        return () if self._found is None else (self._found,)

    def is_over(self) -> bool:
        """Whether it has ended; the queue, which knows of ends that no worker lived to note, is asked now and then."""
        entry = self._ledger.find(self._entry.id)
        if entry.state != "running":
            return True
        if time.monotonic() - self._asked_at < _QUEUE_SECONDS:
            return False
        (found,) = describe_entries([entry], self._settings)
        self._asked_at = time.monotonic()
        return found["ended_at"] is not None


def _is_asking(entry: Entry) -> bool:
    """Whether an evaluation of ours has a process; another one may be at the same work after it."""
    state = read_state(entry.work)
    return state is not None and state.evaluation_id == entry.id and is_running(entry.work)


def _is_over(job: Job) -> bool:
    """Whether a job of this machine has ended, and its process has delivered what it had to."""
    if job.folder is None or not job.folder.is_dir():
        return True
    state = folder_state(job)
    if state == "pending":
        return is_left_behind(job)
    return state in OVER and not is_locked(job.folder / RUNNING)


def _identity(data: BinaryIO) -> tuple[int, int]:
    found = os.fstat(data.fileno())
    return found.st_dev, found.st_ino

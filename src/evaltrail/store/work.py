"""Work in progress: one private folder per resume key, owned by one process at a time.

The key is a digest of tasks, data, model and parameters, so the same command finds its own unfinished work by itself.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from evaltrail.bundle.folders import beside, hold_lock, is_locked, make_private, write_whole
from evaltrail.core.decoding import decoded
from evaltrail.core.errors import BusyError
from evaltrail.core.ids import new_id

JOBS = "jobs"
"""The key of a job's work begins so, and goes on with its id behind a slash."""
_STATE = "state.json"
_LOCK = "lock"
_DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkFacts:
    """What is told of work by who begins it."""

    noun: str = "evaluation"
    """What people call it."""
    evaluation_id: str = ""
    """Its id where somebody has given it one; empty = a new one where it begins."""
    command: str = ""
    """That goes on with it from any folder; empty = the one that began it, which nobody noted."""


_EVALUATION = WorkFacts()


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkState:
    """What a work folder says about its evaluation."""

    evaluation_id: str
    started_at: datetime
    total: int
    """Samples of all tasks together, or questions."""
    command: str = ""
    """See ``WorkFacts``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A claimed work folder."""

    folder: Path
    state: WorkState
    is_resumed: bool
    facts: WorkFacts = _EVALUATION

    @property
    def log(self) -> Path:
        """The run's log."""
        return self.folder / "run.log"

    def journal(self, number: int) -> Path:
        """The journal of the task at this place of the request."""
        return self.folder / f"{number}.jsonl"

    def restart(self, total: int) -> Work:
        """The same folder emptied, for a new evaluation."""
        _empty(self.folder)
        return replace(self, state=begin_state(self.folder, total, self.facts), is_resumed=False)

    def note_done(self, done: int) -> None:
        """Have others see how far work is that keeps no journals; where the disk refuses, they see what they saw."""
        file = self.folder / _DONE
        made = beside(file)
        with suppress(OSError):
            made.write_text(str(done))
            made.replace(file)

    @property
    def judged(self) -> Path:
        """The answers of judges."""
        return self.folder / "judges.answers"

    def place(self, number: int) -> Path:
        """The folder of a task that another program runs, at this place of the request."""
        return self.folder / str(number)

    def remove(self, *, kept: Collection[int] = ()) -> None:
        """Delete the folder; the evaluation is finished.

        Args:
            kept: tasks whose programs failed: what lies in their places is gone on from by the same command.
        """
        with suppress(OSError):  # the lock goes last: whoever takes it next finds nothing of ours
            _empty(self.folder, {str(number) for number in kept})
            (self.folder / _LOCK).unlink()
            self.folder.rmdir()


@contextmanager
def claim_work(home: Path, key: str, total: int, facts: WorkFacts = _EVALUATION) -> Iterator[Work]:
    """Own the work folder of a resume key while the block runs.

    Args:
        home: EVALTRAIL_HOME.
        key: the resume key.
        total: samples of all tasks, or questions, for `status`.
        facts: noted where it begins.

    Raises:
        BusyError: another process is at the same work.
        StorageError: the folder cannot be made or written.
    """
    folder = make_private(make_private(home) / "work" / key)
    with hold_lock(folder / _LOCK, f"the same {facts.noun} is running in process {{pid}}"):
        state = read_state(folder)
        is_resumed = state is not None
        yield Work(folder=folder, state=state or begin_state(folder, total, facts), is_resumed=is_resumed, facts=facts)


def begin_state(folder: Path, total: int, facts: WorkFacts) -> WorkState:
    """The state of work that begins, which its folder has now.

    Raises:
        StorageError: the disk refuses.
    """
    state = WorkState(
        evaluation_id=facts.evaluation_id or new_id(),
        started_at=datetime.now(UTC),
        total=total,
        command=facts.command,
    )
    write_whole(folder / _STATE, msgspec.json.encode(state))
    return state


def read_state(folder: Path) -> WorkState | None:
    """The state of a work folder; None where there is none that can be read."""
    try:
        return decoded((folder / _STATE).read_bytes(), WorkState)
    except (OSError, msgspec.DecodeError):
        return None


def is_running(folder: Path) -> bool:
    """Whether a living process owns the work folder."""
    return is_locked(folder / _LOCK)


def discard(folder: Path, is_needless: Callable[[], bool]) -> bool:
    """Whether a work folder was removed: nobody owned it, and once nobody else could, it was still needless.

    Args:
        folder: of the work.
        is_needless: asked while the folder is owned.

    Raises:
        OSError: the disk refuses.
    """
    try:
        with hold_lock(folder / _LOCK, "process {pid} owns it"):
            if not is_needless():
                return False
            _empty(folder)
            (folder / _LOCK).unlink()  # last: whoever takes it next finds nothing of ours
            folder.rmdir()
    except BusyError:
        return False
    return True


def count_done(folder: Path) -> int:
    """Samples that the journals of a work folder hold; of work that keeps none, what it noted itself."""
    return _noted(folder / _DONE) + sum(_lines(file) for file in folder.glob("*.jsonl"))


def _empty(folder: Path, kept: Collection[str] = ()) -> None:
    for file in folder.iterdir():
        if file.name in kept:
            continue
        if file.is_dir() and not file.is_symlink():
            shutil.rmtree(file)
        elif file.name != _LOCK:
            file.unlink()


def _noted(file: Path) -> int:
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return 0


def _lines(file: Path) -> int:
    count = 0
    with file.open("rb") as rows:
        while block := rows.read(1 << 20):
            count += block.count(b"\n")
    return count

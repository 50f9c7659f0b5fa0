"""Job folders of the NeMo Evaluator Launcher (0.1.x and 0.2.x): whose they are, and how far their job has come.

``<output_dir>/<YYYYMMDD_HHMMSS>-<invocation>/<task>.<n>/`` (0.1.x: ``<task>/``) with ``run.sh``, ``artifacts/`` and
``logs/stage.*``. Read with the standard library alone, because status commands ask for it.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from evaltrail.bundle.folders import is_locked

JobState = Literal["pending", "running", "success", "failed", "killed"]
"""How far a job has come, in the launcher's words."""

OVER: frozenset[JobState] = frozenset({"success", "failed", "killed"})
"""States that a job does not leave by itself."""

Stage = Literal["pre-start", "running", "exit"]
_STAGES: tuple[Stage, ...] = ("exit", "running", "pre-start")

RESULTS = ("results.yml", "results.yaml")
"""What the file with a job's results may be called."""
SCRIPTS = ("run.sh", "run.sub")
"""What starts a job, on this machine or through Slurm."""

_INVOCATION = re.compile(r"[0-9]{8}_[0-9]{6}(?:_[0-9]+)?-(?P<invocation>[0-9a-f]{4,32})")
_JOB_ID = re.compile(r"(?P<invocation>[0-9a-f]{8,32})\.(?P<number>[0-9]{1,9})")
_NUMBERED = re.compile(r"(?P<task>.+)\.(?P<number>[0-9]{1,9})", re.DOTALL)
_HEADLINE = re.compile(rf"^\s*# {_JOB_ID.pattern} (?P<task>\S+)\s*$", re.MULTILINE)
_OLD_PLACE = re.compile(rf"/{_INVOCATION.pattern}/(?P<name>[^/\s\"'$]+)")
INTERRUPTED = ".nemo_evaluator_interrupted"
CALLED_OFF = "killed_jobs.txt"
"""The ids of an invocation's jobs that are not to be started any more, one a line, in the invocation's folder."""
RUNNING = ".running"
"""The lock that a job's process of ours, and what it has started, hold in its folder for as long as they run."""
EXPORTING = ".exporting"
"""The lock of whoever delivers: in a job's folder, or in that of an invocation whose jobs share a run."""
LAUNCHING = ".launching"
"""The lock that a launcher of ours holds in an invocation's folder while it may still start jobs."""
_MOST_SCRIPT_BYTES = 65_536
_MOST_STAGE_BYTES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPlace:
    """What the place of a job folder says about its job."""

    invocation: str = ""
    """Empty when nothing says it."""
    number: int | None = None
    """Which job of the invocation, from 0."""
    task: str = ""
    """The task as the run configuration names it; empty when nothing says it."""

    @property
    def job_id(self) -> str:
        """``<invocation>.<number>``, or nothing where a part of it is unknown."""
        return f"{self.invocation}.{self.number}" if self.invocation and self.number is not None else ""


def invocation_of(name: str) -> str:
    """The invocation id in the name of an invocation's folder, else an empty text."""
    found = _INVOCATION.fullmatch(name)
    return found["invocation"] if found else ""


def is_job_folder(folder: Path) -> bool:
    """Whether a job has left results, its configuration or a stage here."""
    artifacts = folder / "artifacts"
    return has_stages(folder) or any(_is_file(artifacts / name) for name in (*RESULTS, "run_config.yml"))


def has_stages(folder: Path) -> bool:
    """Whether the launcher has written down a stage of a job here."""
    return any(_is_file(_stage_file(folder, stage)) for stage in _STAGES)


def is_begun(folder: Path) -> bool:
    """Whether it is a job's folder, also of a job that has only its script so far."""
    return is_job_folder(folder) or any(_is_file(folder / name) for name in SCRIPTS)


def job_place(folder: Path) -> JobPlace:
    """What the names above a job folder say, else its script, else (for the number) its place among its neighbours."""
    own = _JOB_ID.fullmatch(folder.name)
    invocation = invocation_of(folder.parent.name)
    if own and invocation in {"", own["invocation"]}:
        return JobPlace(invocation=own["invocation"], number=int(own["number"]))
    if not invocation:
        return _moved(folder)
    numbered = _NUMBERED.fullmatch(folder.name)
    if numbered:
        return JobPlace(invocation=invocation, number=int(numbered["number"]), task=numbered["task"])
    told = _HEADLINE.search(_script(folder))
    number = int(told["number"]) if told and told["invocation"] == invocation else _position(folder)
    return JobPlace(invocation=invocation, number=number, task=folder.name)


def jobs_below(folder: Path) -> tuple[Path, ...]:
    """The job folders directly in an invocation's folder, in the order of their jobs."""
    found = [child for child in folders_in(folder) if is_begun(child)]
    places = {child: job_place(child).number for child in found}
    return tuple(sorted(found, key=lambda child: (places[child] is None, places[child] or 0, child.name)))


def folders_in(folder: Path) -> Iterator[Path]:
    """Folders in a folder, by name; links are not followed, and what cannot be read holds none."""
    for name in sorted(_names(folder)):
        if stat.S_ISDIR(_mode(folder / name, follow=False)):
            yield folder / name


def job_state(folder: Path, was_killed: bool = False) -> JobState:
    """How far the job of a folder has come.

    A folder with results and without any stage is a success: downloaded artifacts and Slurm's jobs have no stages.
    A job of ours whose process is gone without a word was killed.

    Args:
        folder: the job's folder; it need not exist yet.
        was_killed: what the execution database says.
    """
    if was_killed or _is_interrupted(folder):
        return "killed"
    if has_ended(folder):
        return "success" if exit_code(folder) == 0 else "failed"
    if _is_file(_stage_file(folder, "running")):
        return "killed" if is_abandoned(folder) else "running"
    has_results = any(_is_file(place / name) for place in (folder / "artifacts", folder) for name in RESULTS)
    return "success" if has_results and not _is_file(_stage_file(folder, "pre-start")) else "pending"


def has_ended(folder: Path) -> bool:
    """Whether a job has put down its end."""
    return _is_file(_stage_file(folder, "exit"))


def end_mark(folder: Path) -> str:
    """What tells this end of a job from that of another attempt: when it was put down, and how."""
    ended = _stage_file(folder, "exit")
    moment = ended.stat().st_mtime_ns if _is_file(ended) else 0
    return f"{job_state(folder)} {exit_code(folder)} {moment}"


def is_abandoned(folder: Path) -> bool:
    """Whether nobody holds the lock of a job of ours any more, which has not put down its end."""
    # the lock first: a job lets go of it after it has put down its end
    return _is_file(folder / RUNNING) and not is_locked(folder / RUNNING) and not has_ended(folder)


def is_called_off(folder: Path, job_id: str) -> bool:
    """Whether a job is not to be started any more."""
    return job_id in _beginning(folder.parent / CALLED_OFF, _MOST_SCRIPT_BYTES).split()


def exit_code(folder: Path) -> int | None:
    """The code that a job ended with; None while it has not, or where the stage holds none."""
    words = _stage_words(folder, "exit")
    try:
        return int(words[-1]) if len(words) > 1 else None
    except ValueError:
        return None


def stage_time(folder: Path, stage: Stage) -> datetime | None:
    """When a job entered a stage, aware UTC; None where it has not, or where the stage holds no time."""
    words = _stage_words(folder, stage)
    try:
        moment = datetime.fromisoformat(words[0]) if words else None
    except ValueError:
        return None
    if moment is None:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _is_interrupted(folder: Path) -> bool:
    if any(_is_file(place / INTERRUPTED) for place in (folder / "artifacts", folder)):
        return True
    listed = _beginning(folder.parent / CALLED_OFF, _MOST_SCRIPT_BYTES).split()
    return bool(listed) and job_place(folder).job_id in listed


def _moved(folder: Path) -> JobPlace:
    """What the script says of a folder that does not stand in its invocation any more."""
    text = _script(folder)
    told = _HEADLINE.search(text)
    if told:
        return JobPlace(invocation=told["invocation"], number=int(told["number"]), task=told["task"])
    old = _OLD_PLACE.search(text)
    if not old:
        return JobPlace()
    numbered = _NUMBERED.fullmatch(old["name"])
    if numbered:
        return JobPlace(invocation=old["invocation"], number=int(numbered["number"]), task=numbered["task"])
    return JobPlace(invocation=old["invocation"], task=old["name"])


def _position(folder: Path) -> int | None:
    names = [child.name for child in folders_in(folder.parent) if is_begun(child)]
    return names.index(folder.name) if folder.name in names else None


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208  names alone are asked for
    except OSError:
        return []


def _is_file(path: Path) -> bool:
    return stat.S_ISREG(_mode(path, follow=True))


def _mode(path: Path, *, follow: bool) -> int:
    try:
        return path.stat(follow_symlinks=follow).st_mode
    except (OSError, ValueError):  # not there, not ours to see, a name that no file can have
        return 0


def _script(folder: Path) -> str:
    return "\n".join(_beginning(folder / name, _MOST_SCRIPT_BYTES) for name in SCRIPTS)


def _stage_file(folder: Path, stage: Stage) -> Path:
    return folder / "logs" / f"stage.{stage}"


def _stage_words(folder: Path, stage: Stage) -> list[str]:
    """The words of a stage's last line: its time, and for the exit the code."""
    lines = _beginning(_stage_file(folder, stage), _MOST_STAGE_BYTES).split("\n")
    return next((words for line in reversed(lines) if (words := line.split())), [])


def _beginning(file: Path, most_bytes: int) -> str:
    try:
        if not _is_file(file):  # a pipe would block
            return ""
        with file.open("rb") as data:
            return data.read(most_bytes).decode("utf-8", "replace")
    except OSError:
        return ""

"""Where the units of a job put their work down: one folder a job, one journal a range."""

from __future__ import annotations

import shutil
from pathlib import Path

from evaltrail.bundle.folders import make_private
from evaltrail.core.ids import slug
from evaltrail.store.work import JOBS, Work, WorkFacts, begin_state, read_state

_DIGITS = 9
"""Of a range's first position in a journal's name, so that names sort as positions do."""


def jobs_folder(home: Path) -> Path:
    """The folder that holds a folder a job."""
    return home / "work" / JOBS


def open_work(home: Path, job_id: str, total: int = 0) -> Work:
    """The work folder of a job, made where it is missing.

    Args:
        home: EVALTRAIL_HOME.
        job_id: which is the evaluation's id too.
        total: samples of all tasks, where it is made.

    Raises:
        StorageError: it cannot be made.
    """
    for folder in (home, home / "work", jobs_folder(home)):
        make_private(folder)
    folder = make_private(jobs_folder(home) / job_id)
    state = read_state(folder) or begin_state(folder, total, WorkFacts(evaluation_id=job_id))
    return Work(folder=folder, state=state, is_resumed=True)


def journal_file(work: Work, number: int, task: str, start: int) -> Path:
    """The journal of a range.

    Args:
        work: of the job.
        number: of the task in the job's order.
        task: its name, for people.
        start: position of the range's first record.
    """
    return work.folder / f"{number}-{slug(task)}.{start:0{_DIGITS}d}.jsonl"


def journals_of(work: Work, number: int, task: str) -> list[Path]:
    """The journals of a task that are there, in the order of the data set."""
    return sorted(work.folder.glob(f"{number}-{slug(task)}.{'[0-9]' * _DIGITS}.jsonl"))


def verdicts_file(journal: Path) -> Path:
    """Where the answers of the judges of a range lie."""
    return journal.with_suffix(".answers")


def remove_work(home: Path, job_id: str) -> None:
    """Remove what a finished job put down: its bundle has it all."""
    shutil.rmtree(jobs_folder(home) / job_id, ignore_errors=True)

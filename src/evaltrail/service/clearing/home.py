"""Home: an EVALTRAIL_HOME with what ledger and queue know of what lies in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from evaltrail.bundle.layout import MANIFEST
from evaltrail.jobs.states import ENDED, JobState
from evaltrail.service.clearing.leftover import QUIET_S, folder_names, quiet_for
from evaltrail.service.working.places import jobs_folder
from evaltrail.store.work import is_running, read_state


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """What there is to be judged by."""

    folder: Path
    evaluations: Mapping[str, str]
    """State by id, as the ledger has it."""
    jobs: Mapping[str, JobState]
    """State by id, as the queue has it, of those jobs that have a work folder."""
    now_s: float
    """Seconds since 1970, as its disk has them."""
    older_than_s: float | None = None
    """What has not been touched for so long is given up; None = nothing is."""

    @property
    def work(self) -> tuple[Path, ...]:
        """The work folders of evaluations that a process did itself."""
        above, queued = self.folder / "work", jobs_folder(self.folder)
        return tuple(above / name for name in folder_names(above) if above / name != queued)

    @property
    def job_work(self) -> tuple[Path, ...]:
        """The work folders of jobs, each named for its job."""
        above = jobs_folder(self.folder)
        return tuple(above / name for name in folder_names(above))

    def busy(self) -> frozenset[str]:
        """Ids of evaluations that somebody works at, or may begin with at any moment."""
        queued = [job_id for job_id, state in self.jobs.items() if state not in ENDED]
        states = [read_state(folder) for folder in self.work if is_running(folder)]
        return frozenset([*queued, *self.strange_jobs(), *(state.evaluation_id for state in states if state)])

    def strange_jobs(self) -> tuple[str, ...]:
        """Jobs that are to be done, as the ledger says, and that the queue does not know."""
        names = [folder.name for folder in self.job_work]
        return tuple(name for name in names if name not in self.jobs and self.evaluations.get(name) == "running")

    def has_bundle(self, evaluation_id: str) -> bool:
        """Whether the result of an evaluation is in its place."""
        return (self.folder / "runs" / evaluation_id / MANIFEST).is_file()

    def quiet_for(self, path: Path) -> float:
        """Seconds since a file, or anything in a folder, was written last."""
        return quiet_for(path, self.now_s)

    def is_given_up(self, *paths: Path) -> bool:
        """Whether all of them have been untouched for as long as it takes to be given up."""
        least_s = None if self.older_than_s is None else max(self.older_than_s, QUIET_S)
        return least_s is not None and all(self.quiet_for(path) >= least_s for path in paths)

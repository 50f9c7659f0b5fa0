"""A task, or a range of its samples, as a unit: asked into its own journal, which the next attempt goes on from."""

from __future__ import annotations

from pathlib import Path

from evaltrail.bundle.folders import make_private
from evaltrail.bundle.journal import Journal
from evaltrail.core.errors import EvaltrailError, InputError
from evaltrail.core.ports import FolderTask
from evaltrail.core.progress import Progress
from evaltrail.core.sample import Sample
from evaltrail.jobs.hold import Done, Hold
from evaltrail.providers.native import NativeTask
from evaltrail.providers.stored import StoredTask
from evaltrail.service.evaluation.elsewhere import read_left
from evaltrail.service.evaluation.task_asking import Desk, ask_task, folder_call
from evaltrail.service.working.assignment import Assignment
from evaltrail.service.working.places import journal_file, verdicts_file
from evaltrail.service.working.stopping import interruptible, run_in_loop

LEFT = "left"
"""Key of a unit's result: where another program left the task's results, from the job's folder."""


def do_task(assigned: Assignment, number: int, part: range | None) -> Done:
    """What became of a task, or of a range of its samples.

    Args:
        assigned: the unit.
        number: of the task in the order.
        part: positions of records; None = all.

    Raises:
        LetGoError: the unit was let go; what was answered is kept.
        EndpointError: the endpoint refuses or is gone; answers are kept.
        InputError: the task has no such records.
        EvaltrailError: its program failed.
    """
    task = assigned.prepared.tasks[number]
    assigned.log(f"{task.name}: {assigned.hold.claim.unit_id} is begun by {assigned.hold.claim.owner}")
    if not isinstance(task, NativeTask | StoredTask):
        return _run_elsewhere(assigned, number, task)
    asked = task.part(part.start, part.stop) if part is not None and isinstance(task, NativeTask) else task
    hold, journal = assigned.hold, journal_file(assigned.work, number, task.name, part.start if part else 0)

    def open_journal(file: Path, repeats: int) -> Journal:
        opened = _FencedJournal(file, repeats, hold)
        hold.tell_now(Progress(task=task.name, done=len(opened.done), total=asked.total))
        return opened

    desk = Desk(journal=journal, judged=verdicts_file(journal), progress=hold.tell, open_journal=open_journal)
    try:
        run_in_loop(lambda: ask_task(assigned.prepared, number, asked, desk, assigned.settings), hold)
    except InputError as error:  # the data was good in the first pass, so this is no mistake in the order
        raise EvaltrailError(error.message, code=error.code, where=error.where, hint=error.hint) from error
    assigned.log(f"{task.name}: {assigned.hold.claim.unit_id}, {asked.total} samples are answered")
    return Done()


class _FencedJournal(Journal):
    """A journal that takes nothing once another may have the unit.

    Args:
        file: see Journal.
        repeats: see Journal.
        hold: the unit.
    """

    def __init__(self, file: Path, repeats: int, hold: Hold) -> None:
        super().__init__(file, repeats)
        self._hold = hold

    def append(self, sample: Sample) -> None:
        """Add a finished sample.

        Raises:
            LetGoError: another may have the unit.
            StorageError: the disk refuses.
        """
        self._hold.check_ours()
        super().append(sample)


def _run_elsewhere(assigned: Assignment, number: int, task: FolderTask) -> Done:
    hold, work = assigned.hold, assigned.work
    place = make_private(work.place(number))
    with interruptible(hold):
        folder = task.run(place, folder_call(assigned.prepared, assigned.settings, place, hold.tell))
    left = read_left(folder, task)
    return Done(result={LEFT: str(left.folder.relative_to(work.folder))})

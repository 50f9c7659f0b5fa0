"""The last unit of a job: what the others put down becomes a bundle, lands, and is noted in the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial

from evaltrail.bundle.journal import JoinedSamples
from evaltrail.bundle.layout import MANIFEST
from evaltrail.bundle.read import read_bundle
from evaltrail.bundle.write import copy_bundle, write_bundle
from evaltrail.core.errors import EvaltrailError
from evaltrail.core.result import ResultBundle
from evaltrail.core.version import VERSION
from evaltrail.jobs.account import JobDetail, UnitAccount
from evaltrail.jobs.failure import Failure
from evaltrail.jobs.hold import Done
from evaltrail.providers.catalog import Task
from evaltrail.providers.native import NativeTask
from evaltrail.providers.stored import StoredTask
from evaltrail.service.deliver import Landed, deliver_folder
from evaltrail.service.evaluation.broken_task import BrokenTask
from evaltrail.service.evaluation.elsewhere import read_left
from evaltrail.service.evaluation.evaluate import shortcomings
from evaltrail.service.evaluation.judge_facts import judge_facts, judge_tags
from evaltrail.service.evaluation.lineage import lineage_tags
from evaltrail.service.evaluation.order import Result
from evaltrail.service.evaluation.plain_names import with_plain_names
from evaltrail.service.evaluation.result_documents import unappraised
from evaltrail.service.evaluation.result_record import OF_RESULT, recorded
from evaltrail.service.evaluation.summary import Asked, build_bundle
from evaltrail.service.working.appraising import appraiser, with_verdict
from evaltrail.service.working.assignment import Assignment
from evaltrail.service.working.landing import LOST, landing_job, lost, may_pass, mlflow_word, run_ids
from evaltrail.service.working.ledger_entry import end_failed
from evaltrail.service.working.places import journals_of, remove_work
from evaltrail.service.working.stopping import interruptible
from evaltrail.service.working.task_unit import LEFT
from evaltrail.store.ledger import Ledger


def do_delivery(assigned: Assignment) -> Done:
    """What became of the whole: its bundle lies in the home, and has landed where it was to.

    A destination that is away keeps nothing open: the bundle is safe, and another job goes on with the delivery.

    Raises:
        StorageError: the disk refuses.
        LetGoError: the unit was let go, or is no longer ours.
    """
    settings, job = assigned.settings, assigned.hold.job()
    failures = _failures(job, len(assigned.prepared.tasks))
    if len(failures) == len(assigned.prepared.tasks) and assigned.understood.submission is None:
        end_failed(settings, job.job.id, next(iter(failures.values())))
        return Done(verdict="failed")
    result, landed = _Delivery(assigned, job, failures).result()
    Ledger(settings.home).end(result.evaluation_id, result.state, recorded(result))
    if any(map(may_pass, landed.errors)):
        assigned.hold.queue.submit(landing_job(assigned.hold.claim, job.job.queue))
    verdict = "partially_failed" if result.state == "completed" and _is_lost(result) else result.state
    is_over = not failures and not _is_lost(result)
    mlflow = mlflow_word(landed.errors) if assigned.prepared.order.delivery is not None else "off"
    return Done(
        result={"out": str(result.out), "exit_code": result.exit_code, "mlflow": mlflow, LOST: lost(landed.errors)},
        verdict=verdict,
        afterwards=partial(remove_work, settings.home, job.job.id) if is_over else lambda: None,
    )


class _Delivery:
    """One attempt to put a job's result together and to land it."""

    def __init__(self, assigned: Assignment, job: JobDetail, failures: Mapping[int, EvaltrailError]) -> None:
        self._hold = assigned.hold
        self._prepared = assigned.prepared
        self._order = assigned.prepared.order
        self._settings = assigned.settings
        self._job = job
        self._failures = failures
        work = assigned.work
        self._work = replace(work, state=replace(work.state, started_at=job.job.started_at or work.state.started_at))
        self._folder = self._settings.home / "runs" / job.job.id
        self._log = assigned.log
        self._submission = assigned.understood.submission

    def result(self) -> tuple[Result, Landed]:
        """The result on disk, and what its delivery came to."""
        if not self._is_built():
            self._build()
        if self._order.out is not None:
            copy_bundle(self._folder, self._order.out)
        bundle = read_bundle(self._folder)
        landed = self._deliver(bundle)
        again = f"`evaltrail jobs retry {bundle.id}` does it again"
        hint = f"{again}; what a harness printed lies in the bundle, below harness/"
        result = Result(
            bundle=bundle,
            out=self._order.out or self._folder,
            receipts=landed.receipts,
            errors=(*shortcomings(bundle, self._order.allow_unscored, failed_hint=hint), *landed.errors),
        )
        return result, landed

    def _is_built(self) -> bool:
        """Whether an earlier attempt left the bundle of just these tasks."""
        if not (self._folder / MANIFEST).is_file():
            return False
        failed = {self._prepared.tasks[number].name for number in self._failures}
        return failed == _empty_tasks(read_bundle(self._folder))

    def _build(self) -> None:
        tasks = self._prepared.tasks
        asked = {task.name: self._asked(number, task) for number, task in enumerate(tasks)}
        tags = {**judge_tags(self._prepared.gradings), **lineage_tags(tasks), **self._order.tags}
        write_bundle(
            self._folder,
            lambda made: build_bundle(
                made,
                self._work,
                self._order.request,
                tasks,
                asked=asked,
                version=VERSION,
                tags=tags,
                command=self._order.command,
                appraise=appraiser(self._submission) if self._submission is not None else unappraised,
            ),
        )

    def _asked(self, number: int, task: Task) -> Asked:
        if number in self._failures:
            return Asked(error=self._failures[number])
        if isinstance(task, BrokenTask):  # what it was answered is kept for a worker that can open it
            found = task.error
            raise EvaltrailError(found.message, code=found.code, hint=found.hint, where=found.where)
        units = [unit for unit in self._job.units if _task_of(unit) == number]
        seconds = worked_seconds(units)
        if isinstance(task, NativeTask | StoredTask):
            facts = judge_facts(self._prepared.gradings[number], self._settings.home)
            samples = JoinedSamples(journals_of(self._work, number, task.name))
            return Asked(samples=samples, seconds=seconds, facts=facts)
        left = read_left(self._work.folder / next(filter(None, map(_left, units))), task)
        if self._submission is not None:
            left = replace(left, results=tuple(map(with_plain_names, left.results)))
        return Asked(seconds=seconds, left=left)

    def _deliver(self, bundle: ResultBundle) -> Landed:
        if self._order.delivery is None:
            return Landed()
        self._hold.check_ours()
        with interruptible(self._hold, ends_what_it_began=True):
            landed = deliver_folder(
                self._folder,
                with_verdict(self._order.delivery, self._submission, bundle),
                self._settings,
                fresh=self._hold.claim.attempt == 1,
                progress=lambda step: self._log(f"delivering: {step}"),
                is_tried_again=True,
            )
        for error in landed.errors:
            self._log(f"not delivered: {error}")
        if landed.receipts:
            self._hold.note_runs(run_ids(landed.receipts))
        return landed


def worked_seconds(units: Sequence[UnitAccount]) -> float | None:
    """Wall seconds during which somebody was at units of a task; pauses in which nobody was do not count.

    Args:
        units: all of the task's.

    Returns:
        None where one of them was begun more than once: as of a run that was cut short, the time of it is not known.
    """
    spans = [(unit.started_at, unit.ended_at) for unit in units if unit.attempt == 1]
    known = sorted((begun, ended) for begun, ended in spans if begun is not None and ended is not None)
    if not known or len(known) < len(units):
        return None
    worked, until = timedelta(), known[0][0]
    for begun, ended in known:
        worked += max(timedelta(), ended - max(begun, until))
        until = max(until, ended)
    return worked.total_seconds()


def _failures(job: JobDetail, tasks: int) -> dict[int, EvaltrailError]:
    """Task's number to the first error that a unit of it failed with for good; where the plan failed, all tasks'."""
    found: dict[int, EvaltrailError] = {}
    for unit in job.units:
        number = _task_of(unit)
        if unit.state == "done" or unit.is_last:
            continue
        told = unit.error or Failure(code="cancelled", message="it was called off")
        error = EvaltrailError(told.message, code=told.code, hint=told.hint, where=told.where)
        for each in range(tasks) if number is None else (number,):
            found.setdefault(each, error)
    return found


def _task_of(unit: UnitAccount) -> int | None:
    return unit.place["task"] if isinstance(unit.place, dict) else None


def _left(unit: UnitAccount) -> str:
    """Where a program left the results of its task."""
    return str(unit.result.get(LEFT, "")) if isinstance(unit.result, dict) else ""


def _empty_tasks(bundle: ResultBundle) -> set[str]:
    return {task.name for task in bundle.tasks if task.status == "failed" and not task.counts.total}


def _is_lost(result: Result) -> bool:
    """Whether something of the result did not land, and will not by itself."""
    return any(error.code not in OF_RESULT and not may_pass(error) for error in result.errors)

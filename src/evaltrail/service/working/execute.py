"""Execute one unit of a queued evaluation: the one way, whichever dispatcher hands the unit in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from dataclasses import replace

from evaltrail.bundle.layout import MANIFEST
from evaltrail.config.settings import Settings
from evaltrail.core.errors import EvaltrailError, InputError
from evaltrail.core.values import Json
from evaltrail.core.version import VERSION
from evaltrail.jobs.claim import Claim
from evaltrail.jobs.hold import Done, Hold
from evaltrail.service.evaluation.broken_task import BrokenTask
from evaltrail.service.evaluation.prepare import Prepared
from evaltrail.service.waiting import has_begun
from evaltrail.service.working.assignment import Assignment
from evaltrail.service.working.delivery_unit import do_delivery
from evaltrail.service.working.landing import LAND, LANDING, do_landing
from evaltrail.service.working.ledger_entry import begin_entry, end_cancelled, end_failed
from evaltrail.service.working.places import open_work
from evaltrail.service.working.planning import PLAN, do_plan
from evaltrail.service.working.submit import DELIVER, EVALUATION, TASK
from evaltrail.service.working.task_unit import do_task
from evaltrail.service.working.understanding import Understood, understand

_KINDS = frozenset({(EVALUATION, PLAN), (EVALUATION, TASK), (EVALUATION, DELIVER), (LANDING, LAND)})
"""Of a job and its unit."""


class UnitExecutor:
    """Does the units of evaluations, one at a time; the order of the latest job is kept at hand for its next unit.

    Args:
        settings: of this process.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._job_id = ""
        self._prepared: Prepared | None = None

    def __call__(self, hold: Hold) -> Done:
        """What the unit came to.

        Raises:
            LetGoError: it was let go; what it has done is kept.
            InputError: it can never be done here: an unknown kind, a spec that is not understood, changed data.
            EvaltrailError: it failed, and may be done again.
        """
        claim = hold.claim
        try:
            _check_kind(claim)
            if claim.is_cancelled and not self._has_to_end_its_run(hold):
                end_cancelled(self._settings, claim.job_id)
                return Done(verdict="cancelled")
            return self._done(hold)
        except EvaltrailError as error:
            if claim.is_last and (isinstance(error, InputError) or not claim.attempts_left):
                self._give_up(claim.job_id, error)
            raise

    def _has_to_end_its_run(self, hold: Hold) -> bool:
        """Whether all was done and the run begun before a worker died: who cancelled the job came too late."""
        is_whole = not any(unit.state == "cancelled" for unit in hold.job().units)
        return is_whole and has_begun(hold.claim.job_id, self._settings)

    def _done(self, hold: Hold) -> Done:
        claim = hold.claim
        understood = understand(claim)
        settings = understood.settings(self._settings)
        with _inside(understood.spec.cwd):
            if claim.job_kind == LANDING:
                return do_landing(hold, understood, settings)
            prepared = self._order(claim, understood, settings)
            hold.check_ours()
            work = open_work(settings.home, claim.job_id, prepared.total)
            begin_entry(settings, work, prepared.order.request.target.id, [task.name for task in prepared.tasks])
            own = _within(prepared, claim.slots) if claim.kind == TASK else prepared
            assigned = Assignment(hold=hold, prepared=own, work=work, settings=settings, understood=understood)
            if claim.kind == PLAN:
                return do_plan(assigned)
            if claim.kind == DELIVER:
                return do_delivery(assigned)
            return do_task(assigned, *_place(claim.place, len(prepared.tasks)))

    def _give_up(self, job_id: str, error: EvaltrailError) -> None:
        """Note that the last unit cannot be done, unless it got so far that the result is known."""
        if not (self._settings.home / "runs" / job_id / MANIFEST).is_file():
            end_failed(self._settings, job_id, error)

    def _order(self, claim: Claim, understood: Understood, settings: Settings) -> Prepared:
        if self._prepared is None or self._job_id != claim.job_id or _may_be_mended(claim, self._prepared):
            self._prepared = None
            self._prepared, self._job_id = understood.prepared(settings), claim.job_id
        understood.check_unit(claim, self._prepared)
        return self._prepared


def _check_kind(claim: Claim) -> None:
    """Return where it is a unit that this version can do.

    Raises:
        InputError: it is not.
    """
    if (claim.job_kind, claim.kind) not in _KINDS:
        raise InputError(
            f"this worker (evaltrail {VERSION}) knows no job of kind {claim.job_kind!r:.40} with units of kind "
            f"{claim.kind!r:.40}",
            code="unknown_kind",
            hint=f"start workers of the version that accepted it, then `evaltrail jobs retry {claim.job_id}`",
        )


def _may_be_mended(claim: Claim, prepared: Prepared) -> bool:
    """Whether something was found wrong with what the unit is about, so that it is worth another look."""
    tasks = prepared.tasks
    match claim.place:
        case {"task": int(number)}:
            tasks = tasks[number : number + 1]
    return any(isinstance(task, BrokenTask) for task in tasks)


def _within(prepared: Prepared, slots: int) -> Prepared:
    """The order with so many requests at once at most: what the unit was given of its endpoint's cap."""
    order, request = prepared.order, prepared.order.request
    if slots >= request.limits.concurrency:
        return prepared
    limits = replace(request.limits, concurrency=slots)
    return replace(prepared, order=replace(order, request=replace(request, limits=limits)))


def _place(place: Json, tasks: int) -> tuple[int, range | None]:
    """Which task of the order a unit is of, and which records of it."""
    match place:
        case {"task": int(number), "start": int(start), "stop": int(stop)} if 0 <= number < tasks:
            return number, range(start, stop)
        case {"task": int(number)} if 0 <= number < tasks:
            return number, None
    raise InputError(f"the unit's place is not understood: {place!r:.80}", code="bad_spec", hint="submit it anew")


@contextmanager
def _inside(folder: str) -> Iterator[None]:
    """Work in the folder that the order was given in, where this machine has it."""
    if folder and os.access(folder, os.X_OK):
        with chdir(folder):
            yield
    else:
        yield

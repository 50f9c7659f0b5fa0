"""Landing: a job that delivers a finished evaluation whose destination was away when it ended."""

from __future__ import annotations

from collections.abc import Iterable

from evaltrail.bundle.layout import MANIFEST
from evaltrail.bundle.read import read_bundle
from evaltrail.config.settings import Settings
from evaltrail.core.delivery import Receipt
from evaltrail.core.errors import BusyError, DestinationUnreachableError, EvaltrailError, InputError
from evaltrail.core.values import Json
from evaltrail.jobs.claim import Claim
from evaltrail.jobs.hold import Done, Hold
from evaltrail.jobs.order import NewJob, NewUnit
from evaltrail.jobs.states import ENDED
from evaltrail.service.deliver import deliver_folder
from evaltrail.service.evaluation.evaluate import shortcomings
from evaltrail.service.evaluation.order import Result
from evaltrail.service.evaluation.result_record import recorded
from evaltrail.service.working.appraising import with_verdict
from evaltrail.service.working.stopping import interruptible
from evaltrail.service.working.understanding import OF, Understood
from evaltrail.store.ledger import Ledger

LANDING = "landing"
"""The kind of such jobs."""
LAND = "land"
"""The kind of their unit."""
LOST = "lost"
"""Key of a unit's result: why something did not land."""
_ATTEMPTS = 300
"""With pauses of five minutes that is a day of a destination that is away; after that `sync` sends it."""


def may_pass(error: EvaltrailError) -> bool:
    """Whether what did not land may land by itself, later: MLflow is away, or another process sends it."""
    return isinstance(error, DestinationUnreachableError) or error.code == BusyError.default_code


def landing_job(claim: Claim, queue: str, *, kind: str = LANDING) -> NewJob:
    """The job that goes on with a delivery, once the job that could not deliver has ended.

    Args:
        claim: the last unit of that job.
        queue: of that job: who works at it may work at no other.
        kind: of the landing.
    """
    return NewJob(
        kind=kind,
        name=claim.name,
        queue=queue,
        spec={**claim.spec, OF: claim.job_id},
        units=(NewUnit(kind=LAND, max_attempts=_ATTEMPTS, total=0),),
        parent=claim.job_id,
        after=claim.job_id,
        idempotency_key=f"{kind}:{claim.job_id}:{claim.attempt}",
    )


def do_landing(hold: Hold, understood: Understood, settings: Settings) -> Done:
    """What became of the delivery.

    Raises:
        BusyError: the evaluation is being done again; what it comes to is what lands.
        DestinationError: MLflow is still away; it is tried again.
        InputError: there is nothing left to deliver.
        LetGoError: the unit was let go, or is no longer ours.
    """
    _check_over(hold, understood.evaluation_id)
    folder = settings.home / "runs" / understood.evaluation_id
    if understood.spec.delivery is None or not (folder / MANIFEST).is_file():
        raise InputError(
            "the result is gone from this home", code="missing_bundle", where=str(folder), hint="evaluate it anew"
        )
    bundle = read_bundle(folder)
    options = with_verdict(understood.spec.delivery, understood.submission, bundle)
    hold.check_ours()
    with interruptible(hold, ends_what_it_began=True):
        landed = deliver_folder(folder, options, settings, fresh=False, progress=lambda _: None, is_tried_again=True)
    for error in landed.errors:
        if may_pass(error) and hold.claim.attempts_left:
            raise error
    lacking = shortcomings(bundle, understood.spec.allow_unscored)
    result = Result(bundle=bundle, out=folder, receipts=landed.receipts, errors=(*lacking, *landed.errors))
    Ledger(settings.home).end(bundle.id, result.state, recorded(result))
    hold.note_runs(run_ids(landed.receipts))
    result_of_unit: dict[str, Json] = {"mlflow": mlflow_word(landed.errors), LOST: lost(landed.errors)}
    return Done(result=result_of_unit, verdict="failed" if landed.errors else "")


def _check_over(hold: Hold, evaluation_id: str) -> None:
    """Return where the evaluation has ended, or the queue knows it no more.

    Raises:
        BusyError: it has not: it was tried again.
    """
    try:
        state = hold.queue.show(evaluation_id).job.state
    except InputError:
        return
    if state not in ENDED:
        raise BusyError(f"evaluation {evaluation_id} is tried again", hint="what it comes to lands instead")


def run_ids(receipts: tuple[Receipt, ...]) -> dict[str, str]:
    """Task, or an empty word for the whole, to its run."""
    return {receipt.task: receipt.run_id for receipt in receipts}


def lost(errors: Iterable[EvaltrailError]) -> dict[str, Json]:
    """What a unit keeps of the first thing that did not land and will not by itself; nothing where all did."""
    for error in errors:
        if not may_pass(error):
            return {"code": error.code, "message": error.message, "hint": error.hint}
    return {}


def mlflow_word(errors: tuple[EvaltrailError, ...]) -> str:
    """What a delivery came to: ``synced``, ``pending`` (it goes on by itself), or ``failed``."""
    if not errors:
        return "synced"
    return "pending" if all(map(may_pass, errors)) else "failed"

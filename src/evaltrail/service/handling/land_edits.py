"""The job that lands edits which wait in the outbox, for their destination was away."""

from __future__ import annotations

from evaltrail.config.settings import Settings
from evaltrail.core.errors import DestinationUnreachableError
from evaltrail.jobs.claim import Claim
from evaltrail.jobs.hold import Done, Hold
from evaltrail.jobs.order import NewJob, NewUnit
from evaltrail.service.sending import send_waiting
from evaltrail.service.working.understanding import OF

EDITS_LANDING = "edits_landing"
"""The kind of such jobs, and of their unit."""
_ATTEMPTS = 300
"""With pauses of five minutes that is a day of a destination that is away; after that `sync` sends it."""


def edits_landing(claim: Claim, queue: str) -> NewJob:
    """The job that goes on with the delivery.

    Args:
        claim: the unit that made the version.
        queue: of its job.
    """
    return NewJob(
        kind=EDITS_LANDING,
        name=claim.name,
        queue=queue,
        spec={"version": 1, OF: claim.job_id},
        units=(NewUnit(kind=EDITS_LANDING, max_attempts=_ATTEMPTS, total=0),),
        parent=claim.job_id,
        after=claim.job_id,
        idempotency_key=f"{EDITS_LANDING}:{claim.job_id}:{claim.attempt}",
    )


def land_edits(hold: Hold, settings: Settings) -> Done:
    """Nothing waits in the outbox any more that could be sent.

    Raises:
        DestinationUnreachableError: MLflow is still away; it is tried again.
        LetGoError: the unit is no longer ours.
    """
    hold.check_ours()
    edits_id = str(hold.claim.spec.get(OF, ""))
    for sent in send_waiting(settings):
        if sent.receipt is not None and sent.source_id == edits_id:
            hold.note_runs({"": sent.receipt.run_id})
        if isinstance(sent.error, DestinationUnreachableError):
            raise sent.error
    return Done(result={"mlflow": "synced"})

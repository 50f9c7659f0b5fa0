"""The job that lands edits which wait in the outbox, for their destination was away."""

from __future__ import annotations

from evaltrail.config.settings import Settings
from evaltrail.core.errors import BusyError
from evaltrail.jobs.hold import Done, Hold
from evaltrail.service.sending import send_waiting
from evaltrail.service.working.landing import LOST, lost, may_pass, mlflow_word
from evaltrail.service.working.understanding import OF

EDITS_LANDING = "edits_landing"
"""The kind of such jobs."""


def land_edits(hold: Hold, settings: Settings) -> Done:
    """What became of the delivery of some edits; whatever else waits in the outbox is tried with it.

    Raises:
        BusyError: another process is sending it; it is looked at again.
        DestinationError: MLflow is still away; it is tried again.
        LetGoError: the unit is no longer ours.
    """
    hold.check_ours()
    edits_id = str(hold.claim.spec.get(OF, ""))
    own = [sent for sent in send_waiting(settings) if sent.source_id == edits_id]
    for sent in own:
        if sent.note:
            raise BusyError(sent.note)
    errors = tuple(sent.error for sent in own if sent.error is not None)
    for error in errors:
        if may_pass(error) and hold.claim.attempts_left:
            raise error
    for sent in own:
        if sent.receipt is not None:
            hold.note_runs({"": sent.receipt.run_id})
    return Done(result={"mlflow": mlflow_word(errors), LOST: lost(errors)}, verdict="failed" if errors else "")

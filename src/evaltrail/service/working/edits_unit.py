"""The unit that makes a new version of a data set of edited questions, and lands what was changed."""

from __future__ import annotations

from evaltrail.config.settings import Settings
from evaltrail.core.errors import InputError
from evaltrail.core.values import Json
from evaltrail.jobs.hold import Done, Hold
from evaltrail.service.generating.edits import EditsOrder, EditsResult, upload_edits
from evaltrail.service.working.edits_spec import EDITS_VERSION
from evaltrail.service.working.generation_spec import RUN_URL
from evaltrail.service.working.landing import LOST, lost, may_pass, mlflow_word
from evaltrail.service.working.stopping import interruptible
from evaltrail.store.document_store import DocumentStore


def do_edits(hold: Hold, settings: Settings) -> Done:
    """What came of edited questions: a version that is kept, and a run that has landed or waits in the outbox.

    Raises:
        InputError: file, run or data set are not there, or not ours.
        DestinationError: the run that was named cannot be looked up; it is tried again.
        StorageError: the disk refuses.
        LetGoError: the unit was let go.
    """
    spec = {name: value for name, value in hold.claim.spec.items() if isinstance(value, str)}
    if hold.claim.spec.get("version") != EDITS_VERSION or "upload" not in spec:
        raise InputError("the job's spec is not understood", code="bad_spec", hint="send the file again")
    order = EditsOrder(
        file=DocumentStore(settings.documents_folder).file(spec["upload"]),
        name=spec["name"],
        run_id=spec["run_id"],
        dataset_id=spec["dataset_id"],
        id=hold.claim.job_id,
    )
    hold.check_ours()
    with interruptible(hold, ends_what_it_began=True):
        result = upload_edits(order, settings)
    run_id = result.receipts[0].run_id if result.receipts else _kept_run(order, result)
    if run_id:
        hold.note_runs({"": run_id})
    is_lost = any(not may_pass(error) for error in result.errors)
    return Done(result=_told(result), verdict="partially_failed" if is_lost else "")


def _kept_run(order: EditsOrder, result: EditsResult) -> str:
    """The run that holds the version that stays, where nothing was changed and nothing has to land."""
    return order.run_id or result.dataset.run_id if result.edits.is_nothing and not result.errors else ""


def has_to_land(done: Done) -> bool:
    """Whether what came of edits waits in the outbox."""
    return isinstance(done.result, dict) and done.result.get("mlflow") == "pending"


def _told(result: EditsResult) -> dict[str, Json]:
    edits = result.edits
    stays = f"nothing was changed: version {result.dataset.version} stays"
    return {
        "dataset_id": result.dataset.dataset_id,
        "dataset_version": result.dataset.version,
        "parent_version": None if result.parent is None else result.parent.version,
        "added": len(edits.added),
        "changed": len(edits.changed),
        "removed": len(edits.removed),
        "unchanged": edits.unchanged,
        **({"note": stays} if edits.is_nothing else {}),
        "skipped": [{"what": each.what, "why": each.why} for each in result.skipped[:100]],
        "mlflow": mlflow_word(result.errors),
        LOST: lost(result.errors),
        RUN_URL: result.receipts[0].run_url if result.receipts else "",
    }

"""The job that lands a finished generation whose destination was away when it ended: its documents, then its run."""

from __future__ import annotations

from evaltrail.bundle.layout import MANIFEST
from evaltrail.config.settings import Settings
from evaltrail.core.delivery import DeliveryOptions
from evaltrail.core.errors import InputError
from evaltrail.core.values import Json
from evaltrail.generation.documents.limits import DocumentLimits
from evaltrail.jobs.hold import Done, Hold
from evaltrail.service.deliver import deliver_folder
from evaltrail.service.generating.documents import read_documents
from evaltrail.service.generating.late_links import link_generation
from evaltrail.service.generating.order import GenerationOrder
from evaltrail.service.generating.places import generation_delivery
from evaltrail.service.generating.upload_run import deliver_uploads
from evaltrail.service.working.generation_spec import (
    RUN_URL,
    generation_from_json,
    generation_id_of,
    order_of_generation,
)
from evaltrail.service.working.landing import LOST, lost, may_pass, mlflow_word, run_ids
from evaltrail.service.working.stopping import interruptible
from evaltrail.store.dataset_store import DatasetStore
from evaltrail.store.document_store import DocumentStore

GENERATION_LANDING = "generation_landing"
"""The kind of such jobs."""


def do_generation_landing(hold: Hold, settings: Settings) -> Done:
    """What became of the delivery.

    Raises:
        DestinationError: MLflow is still away; it is tried again.
        InputError: there is nothing left to deliver.
        LetGoError: the unit was let go, or is no longer ours.
    """
    claim = hold.claim
    generation_id = generation_id_of(claim.spec, claim.job_id)
    order = order_of_generation(generation_from_json(claim.spec), generation_id)
    folder = settings.home / "runs" / generation_id
    if order.delivery is None or not (folder / MANIFEST).is_file():
        raise InputError(
            "the result is gone from this home", code="missing_bundle", where=str(folder), hint="generate it anew"
        )
    hold.check_ours()
    with interruptible(hold, ends_what_it_began=True):
        _land_uploads(order, order.delivery, settings)
        options = generation_delivery(order.delivery, settings)
        landed = deliver_folder(folder, options, settings, fresh=False, progress=lambda _: None, is_tried_again=True)
    for error in landed.errors:
        if may_pass(error) and claim.attempts_left:
            raise error
    store = DatasetStore(settings.question_sets_folder)
    dataset = store.of_generation(generation_id)
    if dataset is not None and landed.receipts and not dataset.run_id:
        store.note_run(dataset, landed.receipts[0].run_id)
    hold.note_runs(run_ids(landed.receipts))
    for receipt in landed.receipts:
        link_generation(receipt.run_id, order.delivery, settings)
    told: dict[str, Json] = {"mlflow": mlflow_word(landed.errors), LOST: lost(landed.errors)}
    if landed.receipts:
        told[RUN_URL] = landed.receipts[0].run_url
    return Done(result=told, verdict="failed" if landed.errors else "")


def _land_uploads(order: GenerationOrder, delivery: DeliveryOptions, settings: Settings) -> None:
    """Have the runs of the documents, which the generation's leads to; one that is there already is left as it is."""
    store = DocumentStore(settings.documents_folder)
    brought = read_documents((), order.uploads, store, DocumentLimits())
    kept = [store.get(upload.id) for upload in order.uploads]
    landed = deliver_uploads([each.document for each in brought], kept, delivery, settings)
    for error in landed.errors:
        if may_pass(error):
            raise error

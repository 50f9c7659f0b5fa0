"""Send what waits in the outbox, and note with each evaluation what of it has landed."""

from __future__ import annotations

import msgspec

from evaltrail.config.settings import Settings
from evaltrail.core.delivery import Receipt
from evaltrail.destinations.mlflow.destination import Sent
from evaltrail.service.deliver import open_destination
from evaltrail.service.evaluation.result_record import with_landed
from evaltrail.service.generating.late_links import link_landed
from evaltrail.store.dataset_store import DatasetStore
from evaltrail.store.ledger import Ledger


def send_waiting(settings: Settings) -> tuple[Sent, ...]:
    """What became of every waiting delivery, tried once each.

    Raises:
        StorageError: the outbox or the ledger cannot be used.
    """
    sent = open_destination(settings).sync()
    landed: dict[str, list[Receipt]] = {}
    for each in sent:
        if each.receipt is not None and each.source_id:
            landed.setdefault(each.source_id, []).append(each.receipt)
    ledger = Ledger(settings.home)
    if landed and ledger.is_there:
        for evaluation_id, record in ledger.results(tuple(landed)).items():
            try:
                ledger.amend(evaluation_id, record, with_landed(record, landed[evaluation_id]))
            except (msgspec.DecodeError, KeyError, TypeError):  # of another version: it is kept as it is
                continue
    store = DatasetStore(settings.question_sets_folder)
    for generation_id, receipts in landed.items():
        dataset = store.of_generation(generation_id)
        if dataset is not None and not dataset.run_id:
            store.note_run(dataset, receipts[0].run_id)
    return link_landed(sent, settings)

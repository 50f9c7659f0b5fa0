"""The run of a document: its content once, and how it was cut into chunks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path, PurePosixPath

from evaltrail.config.settings import Settings
from evaltrail.core.artifact import Artifact
from evaltrail.core.dataset import Dataset
from evaltrail.core.delivery import DeliveryOptions, Receipt
from evaltrail.core.document import Document
from evaltrail.core.errors import EvaltrailError
from evaltrail.core.metric import MetricValue
from evaltrail.core.result import Origin, ResultBundle, TaskResult
from evaltrail.core.values import Scalar
from evaltrail.core.version import VERSION
from evaltrail.destinations.mlflow.tracking_uri import public_uri
from evaltrail.providers.questions.lineage import UPLOAD_PROVIDER, UPLOAD_TAG
from evaltrail.service.deliver import Landed, deliver_bundle
from evaltrail.service.generating.places import tracking_uri_of, upload_delivery
from evaltrail.store.document_store import DocumentStore, StoredUpload

_MEDIA_TYPES = {"json": "application/json", "pdf": "application/pdf", "html": "text/html", "csv": "text/csv"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LandedUploads:
    """What became of the documents of a generation."""

    receipts: tuple[Receipt, ...] = ()
    """``task`` is the name of the document."""
    errors: tuple[EvaltrailError, ...] = ()

    @property
    def run_ids(self) -> tuple[str, ...]:
        """Of those that landed."""
        return tuple(receipt.run_id for receipt in self.receipts)


def deliver_uploads(
    documents: Sequence[Document], kept: Sequence[StoredUpload], delivery: DeliveryOptions, settings: Settings
) -> LandedUploads:
    """The runs of some documents, which their store remembers; one that has a run already keeps it.

    Args:
        documents: as they were read.
        kept: the same, as they are stored.
        delivery: the generation's.
        settings: fill what it leaves open.

    Raises:
        StorageError: the disk refuses.
    """
    store, place = DocumentStore(settings.documents_folder), public_uri(tracking_uri_of(delivery, settings))
    receipts: list[Receipt] = []
    errors: list[EvaltrailError] = []
    for document, stored in zip(documents, kept, strict=True):
        landed = deliver_upload(document, stored, delivery, settings, is_tried_again=bool(errors))
        for receipt in landed.receipts:
            store.note_run(stored.id, place, receipt.run_id)
            receipts.append(replace(receipt, task=document.name))
        errors += landed.errors
    return LandedUploads(receipts=tuple(receipts), errors=tuple(errors))


def deliver_upload(
    document: Document,
    stored: StoredUpload,
    delivery: DeliveryOptions,
    settings: Settings,
    *,
    is_tried_again: bool = False,
) -> Landed:
    """The run of a document.

    Args:
        document: as it was read.
        stored: the same, as it is kept.
        delivery: says where; what is only a generation's is passed over.
        settings: fill what it leaves open.
        is_tried_again: MLflow was away a moment ago, so it is waited for a moment only.
    """
    place = upload_delivery(delivery, settings)
    return deliver_bundle(
        upload_bundle(document, stored.path, stored.created_at),
        place.options,
        place.settings,
        fresh=False,
        progress=lambda _: None,
        is_tried_again=is_tried_again,
    )


def upload_bundle(document: Document, content: Path, came_at: datetime) -> ResultBundle:
    """What is known of a document, as a result that can land.

    Args:
        document: as it was read.
        content: file with its bytes.
        came_at: when it was brought first; aware UTC.
    """
    figures = {"chunks": len(document.chunks), "bytes": document.size_bytes}
    if document.pages is not None:
        figures["pages"] = document.pages
    params: dict[str, Scalar] = {"format": document.format, **figures}
    task = TaskResult(
        name=document.name,
        provider=UPLOAD_PROVIDER,
        prefix="",
        config=params,
        metrics=tuple(
            MetricValue(name=name, value=number, better="neither", is_grade=False) for name, number in figures.items()
        ),
    )
    return ResultBundle(
        id=document.digest,
        kind="upload",
        name=document.name,
        origin=Origin(producer="evaltrail", version=VERSION),
        tasks=(task,),
        tags={UPLOAD_TAG: document.digest},
        artifacts=(
            Artifact(
                path=label(document.name),
                file=content,
                role="required",
                media_type=_MEDIA_TYPES.get(document.format, "application/octet-stream"),
                size_bytes=document.size_bytes,
            ),
        ),
        started_at=came_at,
        ended_at=came_at,
        skipped=document.skipped,
    )


def label(name: str) -> str:
    """The last part of a document's name: what its artifact is called."""
    return PurePosixPath(name.replace("\\", "/")).name or "document"


def upload_dataset(document: Document) -> Dataset:
    """A document as lineage knows it."""
    return Dataset(
        name=document.name,
        digest=document.digest,
        source=f"upload:{document.digest}",
        size=len(document.chunks),
        context="generation",
    )

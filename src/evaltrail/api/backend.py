"""Backend: what the routes speak to, put together once by who starts the service."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from evaltrail.api.components import Examiner
from evaltrail.api.event_feed import EventFeed
from evaltrail.api.meters import Meters
from evaltrail.config.service_settings import ServiceSettings
from evaltrail.service.answering.answers import Answers
from evaltrail.service.answering.generations import Generations
from evaltrail.service.catalog.catalog import Catalog
from evaltrail.service.submitting.acceptor import Acceptor
from evaltrail.service.submitting.upload_desk import UploadDesk
from evaltrail.store.dataset_store import DatasetStore
from evaltrail.store.document_store import DocumentStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """The verbs of the service."""

    settings: ServiceSettings
    catalog: Catalog
    acceptor: Acceptor
    answers: Answers
    feed: EventFeed
    examiner: Examiner
    meters: Meters
    generations: Generations
    documents: DocumentStore
    datasets: DatasetStore
    desk: UploadDesk
    experiment: Callable[[str], str]
    """The whole name of one of seed 003's experiments."""

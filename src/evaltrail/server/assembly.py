"""The parts of a running service, opened and put together: the one place that knows all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import TYPE_CHECKING

from evaltrail.api.backend import Backend
from evaltrail.api.components import Examiner
from evaltrail.api.event_feed import EventFeed
from evaltrail.api.meters import Meters
from evaltrail.config.service_settings import ServiceSettings
from evaltrail.config.settings import Settings
from evaltrail.destinations.mlflow.probe import probe
from evaltrail.destinations.mlflow.tracking_uri import is_http, public_uri, resolve_tracking_uri
from evaltrail.jobs.hints import open_hints
from evaltrail.jobs.lease import LeaseQueue
from evaltrail.server.app import create_app
from evaltrail.server.refreshing import refreshed
from evaltrail.server.request_log import WriteLine, write_to_stderr
from evaltrail.service.answering.account import STATES
from evaltrail.service.answering.answers import Answers
from evaltrail.service.answering.generations import Generations
from evaltrail.service.catalog.catalog import Catalog
from evaltrail.service.submitting.acceptor import Acceptor
from evaltrail.service.submitting.upload_desk import UploadDesk
from evaltrail.service.working.submit import EVALUATION
from evaltrail.store.api_keys import ApiKeys
from evaltrail.store.catalog_entries import CatalogEntries
from evaltrail.store.database import open_database
from evaltrail.store.dataset_store import DatasetStore
from evaltrail.store.document_store import DocumentStore

if TYPE_CHECKING:
    from starlette.types import ASGIApp

_PATIENCE_S = 2.0
"""How long a request waits for a database that is away; then its client is told when to come back."""
_PROBE_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service that can be served."""

    app: ASGIApp
    feed: EventFeed
    """Has to be closed when the server is to end: its lines would stay open."""


@contextmanager
def assembled(settings: Settings, service: ServiceSettings, *, write: WriteLine = write_to_stderr) -> Iterator[Service]:
    """The service while the block runs.

    Args:
        settings: say where the jobs, the results and MLflow are.
        service: how it is reached, and by whom.
        write: takes the log's lines.

    Raises:
        InputError: a setting is wrong, or the database is newer than this version.
        StorageError: the database cannot be used.
    """
    tracking_uri = resolve_tracking_uri(settings.tracking_uri, settings.environ)
    database = open_database(settings.database_url, settings.home, settings.durability, patience_s=_PATIENCE_S)
    try:
        queue = LeaseQueue(database, lease_s=settings.lease_s)
        catalog = Catalog(settings, CatalogEntries(database), data_root=service.data_root, look_every_s=inf)
        answers = Answers(settings, queue)
        feed = EventFeed(answers.events)
        examiner = Examiner(
            counts=queue.counts,
            workers=queue.workers,
            probe=partial(probe, tracking_uri, timeout_s=_PROBE_S),
            mlflow=public_uri(tracking_uri) if is_http(tracking_uri) else "its store",
        )
        meters = Meters(look=examiner.look, evaluations=partial(_by_state, queue))
        with open_hints(settings) as hints, Acceptor(queue, hints) as acceptor, refreshed(catalog):
            documents = DocumentStore(settings.documents_folder)
            backend = Backend(
                settings=service,
                catalog=catalog,
                acceptor=acceptor,
                answers=answers,
                feed=feed,
                examiner=examiner,
                meters=meters,
                generations=Generations(settings, queue),
                documents=documents,
                datasets=DatasetStore(settings.question_sets_folder),
                desk=UploadDesk(catalog, service, documents, acceptor),
                experiment=settings.own_experiment,
            )
            yield Service(app=create_app(backend, ApiKeys(database).find, write=write), feed=feed)
    finally:
        database.close()


def _by_state(queue: LeaseQueue) -> Mapping[str, int]:
    """How many evaluations are in each state."""
    return {state: queue.list(limit=1, states=(state,), kind=EVALUATION).total for state in STATES}

"""Backend: what the routes speak to, put together once by who starts the service."""

from __future__ import annotations

from dataclasses import dataclass

from evaltrail.api.components import Examiner
from evaltrail.api.event_feed import EventFeed
from evaltrail.api.meters import Meters
from evaltrail.config.service_settings import ServiceSettings
from evaltrail.service.answering.answers import Answers
from evaltrail.service.catalog.catalog import Catalog
from evaltrail.service.submitting.acceptor import Acceptor


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

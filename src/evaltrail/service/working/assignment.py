"""Assignment: a unit in our hands with everything that doing it takes."""

from __future__ import annotations

from dataclasses import dataclass

from evaltrail.config.logs import RunLog
from evaltrail.config.settings import Settings
from evaltrail.jobs.hold import Hold
from evaltrail.service.evaluation.prepare import Prepared
from evaltrail.service.working.understanding import Understood
from evaltrail.store.work import Work


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """A unit of a queued evaluation, ready to be done."""

    hold: Hold
    prepared: Prepared
    """The order that it is part of, checked."""
    work: Work
    """Where the job's units put their work down."""
    settings: Settings
    understood: Understood
    """What its job asks for."""

    def log(self, event: str) -> None:
        """Add an event to the evaluation's log, to which every worker of the job adds its own."""
        secrets = (self.prepared.key, *self.prepared.order.request.target.headers.values())
        RunLog(self.work.log, secrets).write(event)

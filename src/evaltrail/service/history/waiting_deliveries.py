"""Which deliveries wait in the outbox, or were given up, known by the invocations and jobs that they are of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from evaltrail.config.settings import Settings
from evaltrail.core.errors import StorageError
from evaltrail.destinations.mlflow.outbox import Delivery, Outbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliveries:
    """Whose deliveries some are."""

    jobs: frozenset[str] = frozenset()
    """Ids of jobs with a run of their own."""
    invocations: frozenset[str] = frozenset()
    """Ids of invocations with a run of several jobs."""

    def has_any(self, invocation_id: str, jobs: Iterable[str]) -> bool:
        """Whether one of them is of these jobs of an invocation."""
        return invocation_id in self.invocations or not self.jobs.isdisjoint(jobs)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingDeliveries:
    """What waits in one outbox, and what does no more because somebody gave it up."""

    is_known: bool
    """False where there is no outbox, or none that can be read: then nobody knows what waits."""
    waiting: Deliveries = Deliveries()
    forgotten: Deliveries = Deliveries()


def waiting_deliveries(settings: Settings) -> WaitingDeliveries:
    """What waits in the outbox of these settings; nothing is made where there is none."""
    folder = settings.home / "outbox"
    if not (folder / "outbox.db").is_file():
        return WaitingDeliveries(is_known=False)
    try:
        with Outbox(folder, is_shared=settings.has_shared_home) as outbox:
            waiting, forgotten = outbox.waiting(), outbox.forgotten()
    except StorageError:
        return WaitingDeliveries(is_known=False)
    return WaitingDeliveries(is_known=True, waiting=_whose(waiting), forgotten=_whose(forgotten))


def _whose(deliveries: Sequence[Delivery]) -> Deliveries:
    tags = [delivery.plan.tags for delivery in deliveries if delivery.plan is not None]
    of_job = [each["job_id"] for each in tags if _is_of_job(each)]
    shared = [each["invocation_id"] for each in tags if not _is_of_job(each) and "invocation_id" in each]
    return Deliveries(jobs=frozenset(of_job), invocations=frozenset(shared))


def _is_of_job(tags: Mapping[str, str]) -> bool:
    """Whether a run is of one job; one of several names them all, or none."""
    return "," not in tags.get("job_id", ",")

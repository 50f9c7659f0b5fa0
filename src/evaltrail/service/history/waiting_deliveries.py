"""Which deliveries wait in the outbox, known by the invocations and jobs that they are of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from evaltrail.config.settings import Settings
from evaltrail.core.errors import StorageError
from evaltrail.destinations.mlflow.outbox import Outbox


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingDeliveries:
    """What waits in one outbox."""

    is_known: bool
    """False where there is no outbox, or none that can be read: then nobody knows what waits."""
    jobs: frozenset[str] = frozenset()
    """Ids of jobs that a run of their own waits for."""
    invocations: frozenset[str] = frozenset()
    """Ids of invocations that a run of several jobs waits for."""

    def has_any(self, invocation_id: str, jobs: Iterable[str]) -> bool:
        """Whether something waits of these jobs of an invocation."""
        return invocation_id in self.invocations or not self.jobs.isdisjoint(jobs)


def waiting_deliveries(settings: Settings) -> WaitingDeliveries:
    """What waits in the outbox of these settings; nothing is made where there is none."""
    folder = settings.home / "outbox"
    if not (folder / "outbox.db").is_file():
        return WaitingDeliveries(is_known=False)
    try:
        with Outbox(folder) as outbox:
            tags = [delivery.plan.tags for delivery in outbox.waiting() if delivery.plan is not None]
    except StorageError:
        return WaitingDeliveries(is_known=False)
    of_job = [each["job_id"] for each in tags if _is_of_job(each)]
    shared = [each["invocation_id"] for each in tags if not _is_of_job(each) and "invocation_id" in each]
    return WaitingDeliveries(is_known=True, jobs=frozenset(of_job), invocations=frozenset(shared))


def _is_of_job(tags: Mapping[str, str]) -> bool:
    """Whether a run is of one job; one of several names them all, or none."""
    return "," not in tags.get("job_id", ",")

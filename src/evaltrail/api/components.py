"""How the parts are that the service depends on: each looked at aside from the requests, at most every few seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from evaltrail.core.errors import EvaltrailError
from evaltrail.jobs.account import QueueCounts, WorkerAccount

ComponentStatus = Literal["healthy", "degraded", "unhealthy"]
FRESH_S = 3.0
"""How long what was seen counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One part."""

    status: ComponentStatus
    message: str


_ANSWERS = Component(status="healthy", message="it answers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The whole, which is as bad as accepting or finishing an evaluation would be."""

    status: ComponentStatus
    components: Mapping[str, Component]
    counts: QueueCounts | None
    """None = the store is away."""
    workers: int | None
    """That are alive; None = the store is away."""

    @property
    def is_mlflow_up(self) -> bool:
        """Whether MLflow answers."""
        return self.components["mlflow"].status == "healthy"


class Examiner:
    """Looks at the parts; any thread may ask, one of them looks.

    Args:
        counts: how full the queue is; raises where the store is away.
        workers: those that are alive; raises where the store is away.
        probe: returns where MLflow answers, raises where it does not.
        mlflow: where it is, fit to be shown.
        fresh_s: how long what was seen counts.
    """

    def __init__(
        self,
        *,
        counts: Callable[[], QueueCounts],
        workers: Callable[[], tuple[WorkerAccount, ...]],
        probe: Callable[[], None],
        mlflow: str,
        fresh_s: float = FRESH_S,
    ) -> None:
        self._counts = counts
        self._workers = workers
        self._probe = probe
        self._mlflow = mlflow
        self._fresh_s = fresh_s
        self._lock = threading.Lock()
        self._seen: Health | None = None
        self._seen_at = 0.0
        self._store_lock = threading.Lock()
        self._store: Component | None = None
        self._store_seen_at = 0.0

    def look_at_store(self) -> Component:
        """How the store alone is: nobody who asks for that waits for MLflow, whose name may take long to be found."""
        with self._store_lock:
            if self._store is None or time.monotonic() - self._store_seen_at > self._fresh_s:
                self._store = self._ask_store()
                self._store_seen_at = time.monotonic()
            return self._store

    def look(self) -> Health:
        """How everything is, as it was seen a few seconds ago at most."""
        with self._lock:
            if self._seen is None or time.monotonic() - self._seen_at > self._fresh_s:
                self._seen = self._examine()
                self._seen_at = time.monotonic()
            return self._seen

    def _examine(self) -> Health:
        mlflow = self._look_at_mlflow()
        try:
            counts, workers = self._counts(), self._workers()
        except EvaltrailError as error:
            away = Component(status="unhealthy", message=error.message)
            unknown = Component(status="unhealthy", message="not known while the store is away")
            components = {"store": away, "queue": unknown, "mlflow": mlflow, "workers": unknown}
            return Health(status="unhealthy", components=components, counts=None, workers=None)
        components = {
            "store": _ANSWERS,
            "queue": _queue(counts),
            "mlflow": mlflow,
            "workers": _alive(len(workers)),
        }
        is_whole = all(part.status == "healthy" for part in components.values())
        return Health(
            status="healthy" if is_whole else "degraded", components=components, counts=counts, workers=len(workers)
        )

    def _ask_store(self) -> Component:
        try:
            self._counts()
        except EvaltrailError as error:
            return Component(status="unhealthy", message=error.message)
        return _ANSWERS

    def _look_at_mlflow(self) -> Component:
        try:
            self._probe()
        except EvaltrailError as error:
            return Component(
                status="degraded", message=f"{error.message}; evaluations are accepted, their results wait"
            )
        return Component(status="healthy", message=f"{self._mlflow} answers")


def _queue(counts: QueueCounts) -> Component:
    waiting, running = counts.units.get("waiting", 0), counts.units.get("running", 0)
    message = f"{waiting:,} units wait, {running:,} run"
    if counts.silent:
        return Component(status="degraded", message=f"{message}, {counts.silent:,} of them without a sign of life")
    return Component(status="healthy", message=message)


def _alive(workers: int) -> Component:
    if workers:
        return Component(status="healthy", message=f"{workers} {'is' if workers == 1 else 'are'} alive")
    return Component(
        status="degraded", message="none is alive: evaluations are accepted and wait; `evaltrail worker` starts one"
    )

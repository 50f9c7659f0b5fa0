"""How the parts of the service are told: honestly, and looked at seldom."""

from __future__ import annotations

import threading

import pytest

from evaltrail.api.components import Examiner
from evaltrail.api.meters import Meters
from evaltrail.core.errors import DestinationUnreachableError, StorageError
from evaltrail.jobs.account import QueueCounts, WorkerAccount

WORKER = WorkerAccount(id="w", host="h", pid=1, engine="embedded", version="0", queues=(), concurrency=1)


def counts(**fields):
    """Counts of a queue."""
    return QueueCounts(**{"jobs": {}, "units": {}, "silent": 0, "oldest_due_at": None, **fields})


def examiner(*, found=None, workers=(WORKER,), is_up=True, fresh_s=0.0):
    """An examiner of parts that are as given; None = the store is away."""

    def count():
        if found is None:
            raise StorageError("it is away")
        return found

    def probe():
        if not is_up:
            raise DestinationUnreachableError("nobody answers")

    return Examiner(counts=count, workers=lambda: workers, probe=probe, mlflow="it", fresh_s=fresh_s)


@pytest.mark.parametrize(
    ("given", "status", "worse"),
    [
        ({"found": counts()}, "healthy", set()),
        ({"found": counts(), "workers": ()}, "degraded", {"workers"}),
        ({"found": counts(), "is_up": False}, "degraded", {"mlflow"}),
        ({"found": counts(silent=2, units={"running": 2})}, "degraded", {"queue"}),
        ({"found": None}, "unhealthy", {"store", "queue", "workers"}),
    ],
)
def test_whole_is_as_bad_as_its_parts(given, status, worse):
    """What only delays results degrades; what keeps submissions from being accepted is unhealthy."""
    health = examiner(**given).look()
    assert health.status == status
    assert {name for name, part in health.components.items() if part.status != "healthy"} == worse
    assert all(part.message for part in health.components.values())


def test_parts_are_looked_at_seldom():
    """Many askers within a moment cost one look."""
    looks = []
    seldom = Examiner(
        counts=lambda: looks.append(1) or counts(), workers=lambda: (), probe=lambda: None, mlflow="it", fresh_s=60
    )
    assert seldom.look() is seldom.look()
    assert len(looks) == 1


def test_figures_go_on_while_the_store_is_away():
    """What cannot be read is left out; the rest is told."""
    meters = Meters(look=examiner().look, evaluations=lambda: {"pending": 1})
    meters.request("GET", "/x", 200, 0.01)
    text = meters.text().decode()
    assert 'evaltrail_http_requests_total{method="GET",route="/x",status="200"} 1.0' in text
    assert 'evaltrail_component{component="store"} 0.0' in text
    assert "evaltrail_evaluations" not in text


def test_store_is_looked_at_without_waiting_for_mlflow():
    """Whether submissions are accepted is known while MLflow's name is still being looked up."""
    is_asked, may_go_on = threading.Event(), threading.Event()

    def hang():
        is_asked.set()
        may_go_on.wait(10)

    parts = Examiner(counts=counts, workers=lambda: (WORKER,), probe=hang, mlflow="it")
    looking = threading.Thread(target=parts.look)
    looking.start()
    try:
        assert is_asked.wait(5)
        assert parts.look_at_store().status == "healthy"
    finally:
        may_go_on.set()
        looking.join()


def test_store_that_is_away_is_told_as_such():
    """In the words of the error."""
    store = examiner(found=None).look_at_store()
    assert (store.status, store.message) == ("unhealthy", "it is away")

"""kill -9 of the service, of the worker and of both in the middle of an evaluation: it ends as if nothing had been."""

from __future__ import annotations

import threading

import pytest
from installed import until
from service_follower import Follower, all_events
from service_stand import EVALUATIONS, Stand, order

from mlflow_proxy import unreliable

pytestmark = pytest.mark.slow

SUMS = 240
IN_FLIGHT = 4
UNITS = 2
"""That a worker does at a time; each has so many requests in flight."""


@pytest.fixture(scope="module")
def stand(tmp_path_factory, _started_endpoint, mlflow_url):
    """A service whose workers have a few requests in flight."""
    folder = tmp_path_factory.mktemp("kills")
    capped = {"EVALTRAIL_SERVER_VLLM_MAX_CONCURRENCY": str(IN_FLIGHT)}
    with Stand(folder, model=_started_endpoint[0].url, mlflow=mlflow_url, **capped) as made:
        yield made.start(concurrency=UNITS)


@pytest.fixture(scope="module")
def unbroken(stand, _started_endpoint):
    """The results of an evaluation that nobody disturbed."""
    return _measured(stand, stand.ended(stand.submit(order(stand.sums(SUMS)))["id"])["id"])


@pytest.mark.parametrize("victims", ["service", "worker", "service and worker"])
def test_killed_evaluation_ends_as_an_unbroken_one(stand, endpoint, tracking, experiment, unbroken, victims):
    """Same metrics, counts and samples, one run; asked again is at most what was in flight; no event is missed."""
    endpoint.configure(latency_ms=30.0)
    accepted = stand.submit(order(stand.sums(SUMS), experiment))
    with Follower(stand.client, accepted["id"]) as follower:
        until(lambda: endpoint.stats()["ok"] > SUMS / 4)
        killed = [*([stand.service] if "service" in victims else []), *(stand.workers if "worker" in victims else [])]
        stand.kill(*killed)
        if "service" in victims:
            stand.start_service()
        if "worker" in victims:
            stand.start_worker(UNITS)
        told = stand.ended(accepted["id"])
    assert (told["status"], told["progress"]) == ("completed", {"done": SUMS, "total": SUMS})
    assert _measured(stand, told["id"]) == unbroken
    run = tracking.run(f"eval-hub_{experiment}")
    assert (run.info.status, run.data.metrics["sums/exact_match"]) == ("FINISHED", 0.9)
    stats = endpoint.stats()
    assert stats["unique_ok"] == SUMS
    assert stats["total"] - SUMS <= (UNITS * IN_FLIGHT if "worker" in victims else 0)
    assert follower.events == all_events(stand.client, told["id"])
    assert (follower.states[-1], follower.lines > 1) == ("completed", "service" in victims)


def test_submission_survives_a_kill_right_after_its_answer(stand, endpoint):
    """Once 202 was sent the evaluation is safe, though everything is killed at once."""
    accepted = stand.submit(order(stand.sums(SUMS)))
    stand.kill(stand.service, *stand.workers)
    stand.start(concurrency=UNITS)
    assert stand.ended(accepted["id"])["status"] == "completed"
    assert endpoint.stats()["unique_ok"] == SUMS


def test_kill_while_results_are_being_written_to_mlflow_leaves_one_run(
    tmp_path, endpoint, tracking, experiment, mlflow_url
):
    """MLflow has made the run and takes its metrics when everything dies: that run is finished, no second is made."""
    reached, released = threading.Event(), threading.Event()

    def hold_metrics(_method, path, _before):
        if "log-batch" in path and not reached.is_set():
            reached.set()
            released.wait(30)
            return "refuse"
        return "forward"

    with unreliable(mlflow_url, hold_metrics) as proxy, Stand(tmp_path, model=endpoint.url, mlflow=proxy.url) as stand:
        stand.start(concurrency=1)
        accepted = stand.submit(order(stand.sums(10), experiment))
        assert reached.wait(60)
        stand.kill(stand.service, *stand.workers)
        released.set()
        stand.start(concurrency=1)
        told = stand.landed(accepted["id"])
    run = tracking.run(f"eval-hub_{experiment}")
    assert (run.info.status, run.data.metrics["sums/exact_match"]) == ("FINISHED", 0.9)
    assert (told["status"], [each["run_id"] for each in told["runs"]]) == ("completed", [run.info.run_id])
    assert endpoint.stats()["total"] == 10


def _measured(stand, evaluation_id):
    """Metrics, counts, and every sample's question with its score, without what depends on time."""
    (benchmark,) = stand.results(evaluation_id)["benchmarks"]
    samples, cursor = [], ""
    while True:
        more = f"&cursor={cursor}" if cursor else ""
        page = stand.client.get(f"{EVALUATIONS}/{evaluation_id}/samples?limit=100{more}").object
        samples += [(each["id"], each["scores"]) for each in page["items"]]
        cursor = page.get("next_cursor")
        if not cursor:
            return benchmark["metrics"], benchmark["counts"], sorted(samples, key=str)

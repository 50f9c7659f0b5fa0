"""Models that crash, keep silent, are slow or say no; deadlines, attempts, and evaluations that are called off."""

from __future__ import annotations

import time
from datetime import datetime

import pytest
from installed import until
from service_stand import EVALUATIONS, Stand, order

pytestmark = pytest.mark.slow

LATE_S = 8.0
"""What a busy machine may add to a deadline; on a quiet one it is 2 s."""


@pytest.fixture(scope="module")
def stand(tmp_path_factory, _started_endpoint, mlflow_url):
    """A service with a few requests in flight."""
    capped = {"EVALTRAIL_SERVER_VLLM_MAX_CONCURRENCY": "4"}
    with Stand(
        tmp_path_factory.mktemp("endpoints"), model=_started_endpoint[0].url, mlflow=mlflow_url, **capped
    ) as made:
        yield made.start(concurrency=2)


def test_silent_model_fails_at_the_deadline(stand, endpoint, tracking, experiment):
    """Never an answer: failed with `timed_out` close to the deadline, and a run in MLflow that says so."""
    endpoint.configure(phang=1.0)
    accepted = stand.submit(order(stand.sums(10), experiment, timeout_minutes=0.05))
    told = stand.ended(accepted["id"])
    assert told["status"] == "failed"
    assert told["benchmarks"][0]["error"]["code"] == "timed_out"
    assert told["message"]["message_code"] == "timed_out"
    begun, ended = (_seconds(told[name]) for name in ("started_at", "ended_at"))
    assert 3.0 <= ended - begun <= 3.0 + LATE_S
    stand.landed(told["id"])
    assert [run.info.status for run in tracking.runs(f"eval-hub_{experiment}")] == ["FAILED"]


def test_slow_model_is_waited_for(stand, endpoint):
    """Two seconds an answer are no failure, and are told as what they are."""
    endpoint.configure(latency_ms=2000.0)
    told = stand.ended(stand.submit(order(stand.sums(10, name="few")))["id"])
    assert told["status"] == "completed"
    performance = stand.results(told["id"])["benchmarks"][0]["performance"]
    assert performance["latency_p50"] >= 2.0
    assert endpoint.stats()["total"] == 10


def test_crashing_model_is_asked_again_when_it_is_back(stand, endpoint):
    """It dies in the middle and comes back: every question is answered, none that was is asked again."""
    endpoint.configure(latency_ms=100.0)
    accepted = stand.submit(order(stand.sums(80, name="many")))
    until(lambda: endpoint.stats()["ok"] >= 20)
    endpoint.stop()
    time.sleep(1.0)
    endpoint.start()
    told = stand.ended(accepted["id"])
    assert told["status"] == "completed"
    (benchmark,) = stand.results(told["id"])["benchmarks"]
    assert benchmark["counts"]["scored"] == 80
    assert endpoint.stats()["unique_ok"] <= 64


def test_model_that_says_no_fails_with_its_reason(stand, endpoint, tracking, experiment):
    """A key that is refused: failed with what the endpoint said, told on every page; MLflow's run is FAILED."""
    endpoint.configure(force_status=401)
    told = stand.ended(stand.submit(order(stand.sums(10), experiment, retry_attempts=0))["id"])
    assert told["status"] == "failed"
    assert "401" in str(told["message"]) + str(told["benchmarks"][0]["error"])
    assert stand.results(told["id"])["test"]["verdict"] == "undetermined"
    stand.landed(told["id"])
    assert [run.info.status for run in tracking.runs(f"eval-hub_{experiment}")] == ["FAILED"]


def test_model_that_answers_nothing_usable_is_told_beside_another_failure(stand, endpoint):
    """Each benchmark has its own reason: one lacks its data, of the other every request was refused."""
    endpoint.configure(force_status=400)
    body = order(stand.sums(10), retry_attempts=0)
    body["benchmarks"].append({"id": "arc_easy", "provider_id": "lm_evaluation_harness"})
    told = stand.ended(stand.submit(body)["id"])
    assert told["status"] == "failed"
    assert [each["status"] for each in told["benchmarks"]] == ["failed", "failed"]
    assert [each["error"]["code"] for each in told["benchmarks"]] == ["task_failed", "missing_dataset"]
    assert "http_400" in told["benchmarks"][0]["error"]["message"]


@pytest.mark.parametrize("retries", [0, 1])
def test_unit_is_begun_as_often_as_the_request_allows(stand, endpoint, retries):
    """What may pass is begun again `retry_attempts` times, and no more."""
    endpoint.configure(force_status=401)
    told = stand.ended(stand.submit(order(stand.sums(10), retry_attempts=retries))["id"])
    assert (told["status"], told["benchmarks"][0]["attempts"]) == ("failed", retries + 1)
    assert endpoint.stats()["total"] <= 10 * (retries + 1)


def test_one_failed_benchmark_leaves_the_others_standing(stand, endpoint, tracking, experiment):
    """partially_failed: the good one's metrics are on the run, which is FAILED; the bad one says what it lacks."""
    lost = {"id": "arc_easy", "provider_id": "lm_evaluation_harness"}
    body = order(stand.sums(10), experiment, retry_attempts=0)
    body["benchmarks"].append(lost)
    told = stand.landed(stand.ended(stand.submit(body)["id"])["id"])
    assert told["status"] == "partially_failed"
    assert [each["status"] for each in told["benchmarks"]] == ["completed", "failed"]
    assert told["benchmarks"][1]["error"]["code"] == "missing_dataset"
    assert endpoint.stats()["total"] == 10
    run = tracking.run(f"eval-hub_{experiment}")
    assert (run.info.status, run.data.metrics["sums/exact_match"]) == ("FAILED", 0.9)
    assert stand.results(told["id"])["test"]["verdict"] == "undetermined"


def test_cancelled_evaluation_stops_asking(stand, endpoint, tracking, experiment):
    """DELETE in mid-run: 202, soon cancelled, no request after that, its run ended; a second DELETE is 409."""
    endpoint.configure(latency_ms=100.0)
    accepted = stand.submit(order(stand.sums(80, name="many"), experiment))
    until(lambda: endpoint.stats()["ok"] >= 8)
    path = f"{EVALUATIONS}/{accepted['id']}"
    assert stand.client.ask("DELETE", path).status == 202
    told = stand.ended(accepted["id"], seconds=30)
    assert (told["status"], told["benchmarks"][0]["status"]) == ("cancelled", "cancelled")
    asked = endpoint.stats()["total"]
    assert asked < 80
    time.sleep(0.5)
    assert endpoint.stats()["total"] == asked
    assert "RUNNING" not in [run.info.status for run in tracking.runs(f"eval-hub_{experiment}")]
    again = stand.client.ask("DELETE", path)
    assert (again.status, bool(again.object["message"])) == (409, True)


def _seconds(text):
    return datetime.fromisoformat(text).timestamp()

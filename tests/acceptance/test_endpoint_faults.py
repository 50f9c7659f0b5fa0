"""An endpoint that misbehaves: the run finishes with the right score and counts, or stops soon and says why."""

from __future__ import annotations

import time

import pytest
from installed import ended, one_error, until
from sums import write_sums

from mlflow_server import free_port

SCORE = "sums/exact_match"


def test_a_mixture_of_faults_does_not_change_the_score(evaltrail, endpoint):
    """2 % garbage, 2 % empty, 2 % HTTP 500, 5 % 429: every sample is asked until it is answered."""
    endpoint.configure(pgarbage=0.02, pempty=0.02, p500=0.02, p429=0.05, retry_after="0.05")
    task = write_sums(evaltrail.cwd, 500)
    done = evaltrail("run", task, "--model", "m", "--url", endpoint.url, "--no-deliver", "--json")
    assert done.code == 0, done.err
    assert done.object["metrics"][SCORE]["value"] == 0.9
    assert done.object["counts"]["sums"] == {"total": 500, "scored": 500, "unscored": {}, "failed": 0}
    stats = endpoint.stats()
    assert {"garbage", "empty", "500", "429"} <= stats["kind"].keys()
    assert stats["repeats_after_ok"] == stats["kind"]["empty"]


def test_what_stays_unusable_is_unscored_with_its_reason(evaltrail, endpoint):
    """Without retries each fault is counted by reason beside the score; scored and unscored make the total."""
    endpoint.configure(pgarbage=0.05, pempty=0.05, p500=0.05)
    task = write_sums(evaltrail.cwd, 200)
    words = ("run", task, "--model", "m", "--url", endpoint.url, "--no-deliver", "--json", "--max-retries", 0)
    done = evaltrail(*words)
    counts, kind = done.object["counts"]["sums"], endpoint.stats()["kind"]
    assert counts["unscored"] == {"garbage": kind["garbage"], "empty": kind["empty"], "http_500": kind["500"]}
    assert counts["scored"] + sum(counts["unscored"].values()) == counts["total"] == 200
    assert done.object["metrics"][SCORE]["n"] == counts["scored"]
    assert done.object["metrics"][SCORE]["n_unscored"] == sum(counts["unscored"].values())
    assert (done.code, done.object["errors"][0]["code"]) == (1, "unscored")
    one_error(done)


@pytest.mark.slow
def test_unscored_samples_are_accepted_up_to_a_share(evaltrail, endpoint):
    """--allow-unscored turns the exit code to 0 while the share holds, and changes no count."""
    endpoint.configure(pempty=0.2)
    task = write_sums(evaltrail.cwd, 100)
    words = ("run", task, "--model", "m", "--url", endpoint.url, "--no-deliver", "--json", "--max-retries", 0)
    strict, loose = evaltrail(*words, "--allow-unscored", "0.01"), evaltrail(*words, "--allow-unscored", "0.9")
    assert (strict.code, loose.code) == (1, 0)
    assert loose.object["counts"]["sums"]["unscored"].keys() == {"empty"}
    assert loose.object["errors"] == []


def test_an_evaluation_without_any_score_lands_as_failed(evaltrail, endpoint, tracking, experiment):
    """Nothing scored: exit 1, no value is made up, and the run in MLflow ends as FAILED with its counts."""
    endpoint.configure(pgarbage=1.0)
    task = write_sums(evaltrail.cwd, 10)
    words = ("--url", endpoint.url, "--experiment", experiment, "--max-retries", 0, "--json")
    done = evaltrail("run", task, "--model", "m", *words)
    assert done.code == 1
    assert done.object["metrics"][SCORE]["value"] is None
    assert done.object["counts"]["sums"]["unscored"] == {"garbage": 10}
    run = tracking.run(experiment)
    assert run.info.status == "FAILED"
    assert SCORE not in run.data.metrics
    assert run.data.metrics[f"{SCORE}_n_unscored"] == 10


@pytest.mark.slow
def test_a_hang_costs_its_timeout_and_no_more(evaltrail, endpoint):
    """Requests without an answer end after --timeout, are tried again, and are counted as timeouts at last."""
    endpoint.configure(phang=0.1)
    task = write_sums(evaltrail.cwd, 50)
    words = ("--url", endpoint.url, "--no-deliver", "--json", "--timeout", "0.5")
    done = evaltrail("run", task, "--model", "m", *words, "--max-retries", 4)
    assert (done.code, done.object["metrics"][SCORE]["value"]) == (0, 0.9), done.err
    once = evaltrail("run", task, "--model", "m", *words, "--max-retries", 0, "--limit", 40)
    assert once.code == 1
    assert once.object["counts"]["sums"]["unscored"].keys() == {"timeout"}


def test_connections_that_break_are_tried_again(evaltrail, endpoint):
    """A tenth of the connections reset: the score is right all the same."""
    endpoint.configure(preset=0.1)
    task = write_sums(evaltrail.cwd, 100)
    done = evaltrail("run", task, "--model", "m", "--url", endpoint.url, "--no-deliver", "--json")
    assert (done.code, done.object["metrics"][SCORE]["value"]) == (0, 0.9), done.err


def test_an_endpoint_that_never_answers_ends_the_run_in_seconds(evaltrail):
    """Nobody listens: exit 1 within seconds, one line that names the URL and the next step."""
    task = write_sums(evaltrail.cwd)
    url = f"http://127.0.0.1:{free_port()}/v1"
    began = time.monotonic()
    done = evaltrail("run", task, "--model", "m", "--url", url, "--json")
    assert time.monotonic() - began < 15
    assert (done.code, done.object["errors"][0]["code"]) == (1, "unreachable")
    assert url in one_error(done)
    assert "--url" in one_error(done)


@pytest.mark.parametrize(("status", "step"), [(401, "--api-key-env"), pytest.param(404, "/v1", marks=pytest.mark.slow)])
def test_a_refusal_that_will_not_change_ends_the_run_at_once(evaltrail, endpoint, status, step):
    """401 and 404 are not retried: a handful of requests, exit 1, and what to set."""
    endpoint.configure(force_status=status)
    task = write_sums(evaltrail.cwd, 200)
    done = evaltrail("run", task, "--model", "m", "--url", endpoint.url, "--json")
    assert (done.code, done.object["errors"][0]["code"]) == (1, f"http_{status}")
    assert step in one_error(done)
    assert endpoint.stats()["total"] <= 17, "the sixteen that a run begins with, and one more"


def test_one_model_that_is_refused_does_not_stop_the_next(evaltrail, endpoint):
    """With several models the failure of one is its own object; the other is evaluated."""
    endpoint.configure(force_status=401)
    task = write_sums(evaltrail.cwd, 10)
    words = ("--model", "baseline:majority", "--url", endpoint.url, "--no-deliver", "--json")
    done = evaltrail("run", task, "--model", "m", *words)
    refused, scored = done.object["evaluations"]
    assert (done.code, refused["exit_code"], scored["exit_code"]) == (1, 1, 0)
    assert scored["counts"]["sums"]["scored"] == 10


@pytest.mark.slow
def test_an_endpoint_that_comes_back_is_waited_for(evaltrail, endpoint):
    """Killed in mid-run and started again soon: the same command finishes by itself with the right score."""
    endpoint.configure(latency_ms=20)
    task = write_sums(evaltrail.cwd, 300)
    words = ("--url", endpoint.url, "--no-deliver", "--json", "--concurrency", 8)
    process = evaltrail.start("run", task, "--model", "m", *words)
    until(lambda: endpoint.stats()["total"] > 60)
    endpoint.stop()
    time.sleep(1)
    endpoint.start()
    done = ended(process)
    assert (done.code, done.object["metrics"][SCORE]["value"]) == (0, 0.9), done.err
    assert done.object["counts"]["sums"]["scored"] == 300


@pytest.mark.slow
def test_after_an_endpoint_died_the_same_command_completes(evaltrail, endpoint):
    """Gone for good: exit 1 that says so; when it is back the same command asks only what is missing."""
    endpoint.configure(latency_ms=20)
    task = write_sums(evaltrail.cwd, 300)
    words = ("run", task, "--model", "m", "--url", endpoint.url, "--no-deliver", "--json", "--concurrency", 8)
    process = evaltrail.start(*words)
    until(lambda: endpoint.stats()["total"] > 60)
    endpoint.stop()
    done = ended(process, timeout=150)
    assert (done.code, done.object["errors"][0]["code"]) == (1, "endpoint_gone")
    endpoint.start()
    again = evaltrail(*words)
    assert (again.code, again.object["metrics"][SCORE]["value"]) == (0, 0.9), again.err
    assert again.object["counts"]["sums"]["scored"] == 300
    assert endpoint.stats()["total"] < 300

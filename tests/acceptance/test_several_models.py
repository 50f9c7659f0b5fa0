"""Several models in one command: all checked before any is asked, none overwrites another."""

from __future__ import annotations

import pytest
from installed import one_error
from sums import write_sums


def test_a_bad_second_model_is_found_before_the_first_is_asked(evaltrail, endpoint):
    """Exit 2 means that nothing was started, for every model of the command."""
    task = write_sums(evaltrail.cwd, 20)
    done = evaltrail.here("run", task, "--model", "m", "--model", "baseline:foo", "--url", endpoint.url, "--json")
    assert (done.code, endpoint.stats()["total"], evaltrail.runs()) == (2, 0, [])


def test_models_whose_folders_would_meet_are_refused(evaltrail, endpoint):
    """`a/b` and `a-b` would share a folder below --out; the second would overwrite the first."""
    task = write_sums(evaltrail.cwd, 10)
    words = ("run", task, "--model", "a/b", "--model", "a-b", "--url", endpoint.url, "--out", "o")
    done = evaltrail.here(*words)
    assert (done.code, endpoint.stats()["total"]) == (2, 0)
    assert "share a folder" in one_error(done)


def test_several_models_do_not_land_in_one_run(evaltrail, endpoint):
    """MLFLOW_RUN_ID names one run, which holds one evaluation."""
    task = write_sums(evaltrail.cwd, 10)
    words = ("run", task, "--model", "a", "--model", "b", "--url", endpoint.url)
    done = evaltrail.here(*words, environ={"MLFLOW_RUN_ID": "0" * 32})
    assert (done.code, endpoint.stats()["total"]) == (2, 0)
    assert "MLFLOW_RUN_ID" in one_error(done)


def test_a_model_that_is_refused_does_not_take_the_others_along(evaltrail, endpoint):
    """One object a model under --json, also for the one whose endpoint refuses."""
    task = write_sums(evaltrail.cwd, 10)
    endpoint.configure(force_status=401)
    words = ("run", task, "--model", "m", "--model", "baseline:random", "--url", endpoint.url, "--no-deliver", "--json")
    done = evaltrail(*words)
    refused, good = done.object["evaluations"]
    assert (done.code, refused["ok"], refused["errors"][0]["code"]) == (1, False, "http_401")
    assert (good["ok"], good["counts"]["sums"]["total"]) == (True, 10)


@pytest.mark.slow
def test_a_run_that_holds_an_evaluation_takes_no_second_one(evaltrail, endpoint, tracking, experiment):
    """A second evaluation in the same MLFLOW_RUN_ID is refused; the run stays FINISHED with the first one's values."""
    task = write_sums(evaltrail.cwd, 10)
    made = tracking.client.create_run(tracking.client.create_experiment(experiment))
    environ = {"MLFLOW_RUN_ID": made.info.run_id}
    assert evaltrail("run", task, "--model", "a", "--url", endpoint.url, environ=environ).code == 0
    again = evaltrail("run", task, "--model", "b", "--url", endpoint.url, "--json", environ=environ)
    assert (again.code, again.object["errors"][0]["code"]) == (1, "run_taken")
    run = tracking.client.get_run(made.info.run_id)
    assert (run.info.status, run.data.params["model"]) == ("FINISHED", "a")

"""The same export again, or one that differs: one identity is one run, another supersedes it; and what it costs."""

from __future__ import annotations

import pytest
from exporting import Exporting, Landed, only_receipt

from launcher_jobs import INVOCATION, REQUIRED, many_results, results_of, write_yaml
from mlflow_proxy import unreliable
from mlflow_server import ask, content_of

COUNTED = [(jobs, runs) for jobs in (2, 7) for runs in ("invocation", "job", "nested")]


@pytest.fixture
def export(tmp_path, mlflow_url, experiment):
    return Exporting(tmp_path, mlflow_url, experiment)


def contents(export):
    """What every run of the experiment holds, by id."""
    return {run["info"]["run_id"]: content_of(export.url, run) for run in export.runs()}


def theirs(export, **tags):
    """A complete run as the launcher's own exporter leaves it."""
    place = ask(export.url, "experiments/create", name=export.experiment, _=1)["experiment_id"]
    given = [{"key": name, "value": value} for name, value in {"invocation_id": INVOCATION, **tags}.items()]
    run = ask(export.url, "runs/create", experiment_id=place, start_time=1, tags=given)["run"]["info"]["run_id"]
    ask(export.url, "runs/update", run_id=run, status="FINISHED", end_time=2)
    return run


@pytest.mark.parametrize("runs", ["invocation", "job", pytest.param("nested", marks=pytest.mark.slow)])
def test_the_same_identity_again_changes_nothing(export, tmp_path, runs):
    """The same run ids and the same content, also from another machine; no second run, whatever skip_existing says."""
    export.jobs.add()
    export.jobs.add(number=1, task="gpqa", ending="failed")

    def ids(done):
        assert (done.exit_code, done.errors) == (0, ())
        return {receipt.run_id for outcome in done.outcomes for receipt in outcome.receipts}

    first = ids(export(INVOCATION, runs=runs))
    before = contents(export)
    assert set(before) == first
    elsewhere = export.environ | {"EVALTRAIL_HOME": str(tmp_path / "another machine")}
    for skip, environ in ((False, export.environ), (True, export.environ), (False, elsewhere)):
        export.environ = environ
        again = export(INVOCATION, runs=runs, skip_existing=skip)
        assert ids(again) == first
        assert all(receipt.is_existing for outcome in again.outcomes for receipt in outcome.receipts)
    assert contents(export) == before


def test_another_identity_is_a_new_run_that_names_the_one_it_supersedes(export):
    """Other params, another filter, other results: each names the run right before it, and none of these changes."""
    folder = export.jobs.add()
    first = only_receipt(export(INVOCATION)).run_id
    before = contents(export)[first]
    second = only_receipt(export(INVOCATION, extra_metadata={"hardware": "A100"})).run_id
    third = only_receipt(export(INVOCATION, log_metrics=["macro"])).run_id
    assert only_receipt(export(INVOCATION, log_metrics=["macro"])).run_id == third
    write_yaml(folder / "artifacts" / "results.yml", {"config": {"type": "mmlu"}, "results": results_of("mmlu", 0.7)})
    last = only_receipt(export(INVOCATION)).run_id
    found = {run.id: run.tags.get("evaltrail.supersedes") for run in export.landed()}
    assert found == {first: None, second: first, third: second, last: third}
    assert contents(export)[first] == before


@pytest.mark.parametrize("jobs", [1, 2])
def test_another_layout_supersedes_what_holds_the_same(export, jobs):
    """The run of all supersedes the run of all, children the children; a job's own run is of another source."""
    for number in range(jobs):
        export.jobs.add(number=number, task=f"task_{number}")
    first = only_receipt(export(INVOCATION)).run_id
    (nested,) = export(INVOCATION, runs="nested").outcomes
    (again,) = export(INVOCATION, runs="nested", extra_metadata={"a": 1}).outcomes
    export(INVOCATION, runs="job")
    found = {run.id: run.tags.get("evaltrail.supersedes") for run in export.landed()}
    assert [found[receipt.run_id] for receipt in nested.receipts] == [first, *[None] * jobs]
    assert [found[receipt.run_id] for receipt in again.receipts] == [receipt.run_id for receipt in nested.receipts]
    assert len([run for run, earlier in found.items() if earlier is None]) == 1 + 2 * jobs


def test_files_and_tags_that_are_asked_for_later_are_added(export):
    """They are no part of the identity, so they join the run; what it says already stays, and the receipt tells."""
    export.jobs.add()
    first = only_receipt(export(INVOCATION, log_artifacts=False, tags={"team": "red"}))
    assert first.artifacts_logged == 0
    later = only_receipt(export(INVOCATION, tags={"team": "blue", "week": 7}))
    assert (later.run_id, later.is_existing, later.artifacts_logged) == (first.run_id, True, 4)
    assert [item.what for item in later.skipped] == ["tag team"]
    assert "'red'" in later.skipped[0].why
    logs = only_receipt(export(INVOCATION, log_logs=True))
    fewer = only_receipt(export(INVOCATION, log_artifacts=False))
    assert (logs.run_id, logs.artifacts_logged, fewer.artifacts_logged) == (first.run_id, 8, 8)
    run = export.run()
    assert (run.tags["team"], run.tags["week"]) == ("red", "7")
    files = {path.rpartition("/")[2] for path in content_of(export.url, run.raw)["artifacts"]}
    assert files == REQUIRED | {"stdout.log", "stage.pre-start", "stage.running", "stage.exit"}


@pytest.mark.parametrize(("runs", "tags"), [("invocation", {}), ("job", {"job_id": f"{INVOCATION}.0"})])
def test_skip_existing_knows_the_runs_of_the_launchers_own_exporter(export, runs, tags):
    """Such a run has the invocation's tag and none of ours: it is the receipt. Without the option ours is made too."""
    export.jobs.add()
    known = theirs(export, **tags)
    before = contents(export)
    for _ in range(2):
        receipt = only_receipt(export(INVOCATION, runs=runs, skip_existing=True))
        assert (receipt.run_id, receipt.is_existing, receipt.status) == (known, True, "FINISHED")
        assert (receipt.metrics_logged, receipt.artifacts_logged) == (0, 0)
    assert contents(export) == before
    own = only_receipt(export(INVOCATION, runs=runs))
    assert (own.run_id != known, own.is_existing) == (True, False)
    assert contents(export)[known] == before[known]
    assert len(contents(export)[own.run_id]["artifacts"]) == 4


def test_skip_existing_asks_for_a_complete_run_of_the_same_thing(export):
    """Another job's run, or one that is still RUNNING, is none; another identity's complete run is."""
    export.jobs.add()
    export.jobs.add(number=1, task="gpqa")
    other = theirs(export, job_id=f"{INVOCATION}.1")
    place = ask(export.url, "experiments/get-by-name", experiment_name=export.experiment)["experiment"]["experiment_id"]
    half = [{"key": "invocation_id", "value": INVOCATION}, {"key": "job_id", "value": f"{INVOCATION}.0"}]
    running = ask(export.url, "runs/create", experiment_id=place, start_time=1, tags=half)["run"]["info"]["run_id"]
    done = export(INVOCATION, runs="job", skip_existing=True)
    first, second = (outcome.receipts[0] for outcome in done.outcomes)
    assert first.run_id not in {other, running}
    assert (first.is_existing, second.run_id, second.is_existing) == (False, other, True)
    again = export(f"{INVOCATION}.0", runs="job", skip_existing=True, extra_metadata={"hardware": "A100"})
    assert only_receipt(again).run_id == first.run_id


def test_a_run_that_was_deleted_in_mlflow_lands_anew(export):
    """Neither the outbox nor skip_existing takes a deleted run for a complete one."""
    export.jobs.add()
    first = only_receipt(export(INVOCATION)).run_id
    ask(export.url, "runs/delete", run_id=first, _=1)
    second = only_receipt(export(INVOCATION, skip_existing=True))
    assert (second.run_id != first, second.is_existing) == (True, False)
    assert export.run().id == second.run_id


@pytest.mark.slow
@pytest.mark.parametrize(("jobs", "runs"), COUNTED)
def test_an_export_costs_three_requests_a_run_and_one_a_file(export, jobs, runs):
    """And at most four an invocation, in a new experiment and in one with earlier runs; again, one a run."""
    for number in range(jobs):
        export.jobs.add(number=number, results=many_results("mmlu", job=number))
    made = {"invocation": 1, "job": jobs, "nested": 1 + jobs}[runs]
    with unreliable(export.url, lambda *_: "forward") as proxy:
        export.environ["MLFLOW_TRACKING_URI"] = proxy.url
        for metadata in ({}, {"again": True}):
            proxy.seen.clear()
            done = export(INVOCATION, runs=runs, extra_metadata=metadata)
            assert done.exit_code == 0
            assert len(proxy.seen) <= 3 * made + 4 * jobs + 4
        proxy.seen.clear()
        export(INVOCATION, runs=runs, extra_metadata=metadata)
        assert len(proxy.seen) <= made + 4
    landed = [Landed(run) for run in export.runs()]
    values = [value for run in landed for name, value in run.metrics.items() if "runtime/" not in name]
    assert len(values) == 2 * 59 * jobs * (2 if runs == "nested" else 1)


def test_twins_that_two_machines_made_at_once_become_one_run(export):
    """Without a common outbox that can happen; the next export leaves one run with the key."""
    export.jobs.add()
    plan = export.plan(INVOCATION)
    place = ask(export.url, "experiments/create", name=export.experiment, _=1)["experiment_id"]
    tags = [{"key": name, "value": value} for name, value in plan.tags.items()]
    for _ in range(2):
        made = ask(export.url, "runs/create", experiment_id=place, start_time=plan.started_ms, tags=tags)
        ask(export.url, "runs/update", run_id=made["run"]["info"]["run_id"], status="FINISHED", end_time=plan.ended_ms)
    receipt = only_receipt(export(INVOCATION))
    assert export.run().id == receipt.run_id
    assert receipt.is_existing

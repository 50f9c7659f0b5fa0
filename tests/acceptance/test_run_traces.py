"""`--traces`: samples to look into in MLflow, from each command that delivers."""

from __future__ import annotations

import pytest
from reader import ROOT, paste, whole_page
from sums import write_sums


def traces_of(tracking, run):
    """The traces of a run, in the order of its samples."""
    return list(
        tracking.client.search_traces(
            locations=[run.info.experiment_id], run_id=run.info.run_id, order_by=["timestamp_ms ASC"]
        )
    )


@pytest.mark.slow
def test_failures_can_be_looked_into_and_the_rest_later(evaltrail, endpoint, tracking, experiment):
    """Every tenth sum is wrong: five traces. Exporting the same with `all` adds the others to the same run."""
    task = write_sums(evaltrail.cwd)
    done = evaltrail(
        *("run", task.name, "--model", "m", "--url", endpoint.url, "--traces", "failures", "--json"),
        *("--experiment", experiment),
    )
    assert done.code == 0, done.err
    assert done.object["receipts"][0]["traces_logged"] == 5
    run = tracking.run(experiment)
    assert run.data.tags["mlflow.runType"] == "genai_evaluate"
    found = traces_of(tracking, run)
    assert [len(trace.data.spans) for trace in found] == [1] * 5
    assert {each.value for trace in found for each in trace.info.assessments if each.name == "exact_match"} == {False}
    again = evaltrail(
        *("export", done.object["evaluation_id"], "-o", f"export.mlflow.experiment_name={experiment}"),
        *("-o", "export.mlflow.traces=all", "--json"),
    )
    assert again.code == 0, again.err
    (receipt,) = again.object["receipts"]
    assert (receipt["run_id"], receipt["is_existing"], receipt["traces_logged"]) == (run.info.run_id, True, 50)
    assert len(traces_of(tracking, tracking.run(experiment))) == 50


@pytest.mark.parametrize(
    ("words", "environ"),
    [
        (("run", "x.yaml", "--model", "m", "--traces", "most"), {}),
        (("ingest", ".", "--traces", "-1"), {}),
        (("export", "x", "--traces", "1.5"), {}),
        (("export", "x", "-o", "export.mlflow.traces=most"), {}),
        (("ls", "runs"), {"EVALTRAIL_TRACES": "most"}),
    ],
)
def test_a_choice_that_says_nothing_is_refused_with_the_choices(evaltrail, words, environ):
    """Exit code 2 before anything starts."""
    done = evaltrail.here(*words, environ=environ)
    assert done.code == 2
    assert "no samples to trace" in done.err or "expected one argument" in done.err
    assert done.out == ""


@pytest.mark.slow
def test_the_setting_holds_where_nobody_says_and_ingest_takes_it(evaltrail, tracking, experiment):
    """EVALTRAIL_TRACES applies to foreign results too; `none` on the command line switches it off."""
    source = ROOT / "examples" / "results" / "lm-eval"
    for words, experiment_name in (((), experiment), (("--traces", "none"), f"{experiment} none")):
        done = evaltrail("ingest", source, "--experiment", experiment_name, *words, environ={"EVALTRAIL_TRACES": "2"})
        assert done.code == 0, done.err
    assert len(traces_of(tracking, tracking.run(experiment))) == 2
    assert traces_of(tracking, tracking.run(f"{experiment} none")) == []


@pytest.mark.slow
def test_the_page_on_traces_works_as_written(evaltrail, tracking):
    """Its tour in one shell, then its Python."""
    done = paste(evaltrail, whole_page("docs/traces.md"))
    assert done.out.splitlines()[-1] == "3"
    first, second = tracking.runs("looked-into")[-2:]
    assert [len(traces_of(tracking, run)) for run in (first, second)] == [12, 3]

"""`evaltrail score` as a user types it: stored answers, other metrics, a run of its own."""

from __future__ import annotations

import pytest
from installed import one_error
from sums import write_sums

from judge_server import JudgeServer
from judging_rules import graded


@pytest.mark.slow
def test_stored_answers_get_a_run_of_their_own_without_a_request(evaltrail, endpoint, tracking, experiment):
    """The new run bears the new metrics, every sample, and the tag of its source; the endpoint was not asked."""
    write_sums(evaltrail.cwd, 20)
    first = evaltrail("run", "sums.yaml", "--model", "m", "--url", endpoint.url, "--experiment", experiment, "--json")
    asked = endpoint.stats()["total"]
    words = (
        "--metrics",
        "token_f1",
        "{contains: {ignore_case: true}}",
        "--experiment",
        experiment,
        "--tag",
        "team=blue",
    )
    done = evaltrail("score", first.object["evaluation_id"][:8], *words, "--json")
    assert (done.code, endpoint.stats()["total"]) == (0, asked)
    told = done.object
    assert told["evaluation_id"] != first.object["evaluation_id"]
    assert told["metrics"]["sums/contains"]["value"] == 0.9
    before, after = tracking.runs(experiment)
    assert after.info.run_id == told["receipts"][0]["run_id"] != before.info.run_id
    tags = after.data.tags
    assert (tags["evaltrail.rescored_from"], tags["team"]) == (first.object["evaluation_id"], "blue")
    assert (after.data.metrics["sums/contains"], "sums/exact_match" in after.data.metrics) == (0.9, False)
    assert len(tracking.table(after)) == 20
    again = evaltrail("samples", told["evaluation_id"], "--json", "--limit", "1").object["samples"][0]
    assert set(again["scores"]) == {"token_f1", "contains"}


@pytest.mark.slow
def test_a_judge_scores_what_is_there_and_the_run_says_whether_it_was_measured(
    evaltrail, tracking, experiment, endpoint
):
    """Params of the run name model, rubric and calibration; the terminal says it too."""
    write_sums(evaltrail.cwd, 10)
    evaltrail("run", "sums.yaml", "--model", "m", "--url", endpoint.url, "--no-deliver", "--out", "answers")
    (evaltrail.cwd / "tone.yaml").write_text("tone: {grading_prompt: On a scale of 1-5.}")
    with JudgeServer(lambda text: {"rationale": "r", "score": len(graded(text))}) as server:
        judge = f"{server.url}#jm"
        words = ("--metrics", "tone.yaml", "--judge", judge, "--experiment", experiment, "--out", "scored")
        done = evaltrail("score", "answers", *words)
        assert (done.code, len(server.bodies)) == (0, 10)
    assert "tone is judged by jm: uncalibrated" in done.out
    params = tracking.run(experiment).data.params
    assert (params["judge.tone.model"], params["judge.tone.calibration"]) == ("jm", "uncalibrated")
    assert params["judge.tone.rubric"].startswith("tone/1@")
    assert f"evaltrail score answers --metrics tone.yaml --judge '{server.url}#jm'" in (
        evaltrail.cwd / "scored" / "report.md"
    ).read_text(encoding="utf-8")


def test_a_judges_address_within_a_metric_leaves_its_query_behind(evaltrail, endpoint):
    """Keys sometimes stand in a query; the command line in the report says the address alone."""
    write_sums(evaltrail.cwd, 2)
    evaltrail("run", "sums.yaml", "--model", "m", "--url", endpoint.url, "--no-deliver", "--out", "answers")
    with JudgeServer(lambda _: {"rationale": "r", "score": 3}) as server:
        metric = f'{{answer_relevance: {{model: "{server.url}?key=hidden-4711#jm"}}}}'
        done = evaltrail("score", "answers", "--metrics", metric, "--no-deliver", "--out", "scored")
    report = (evaltrail.cwd / "scored" / "report.md").read_text(encoding="utf-8")
    assert (done.code, "hidden-4711" in report, f"{server.url}#jm" in report) == (0, False, True)


def test_mistakes_are_told_before_anything_is_scored(evaltrail):
    """No id, no metric, no such metric, no such result: exit code 2, one error, what to do."""
    for words in (
        ("score",),
        ("score", "x"),
        ("score", "x", "--metrics", "bleuu"),
        ("score", "x", "--metrics", "bleu"),
    ):
        done = evaltrail.here(*words)
        assert done.code == 2
        one_error(done)

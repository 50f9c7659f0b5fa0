"""`evaltrail run` with a judge in the task file: asked, counted, landed, and never paid twice."""

from __future__ import annotations

import json
import signal
import time

import pytest
from installed import ended, one_error, until
from sums import write_sums

from evaltrail.bundle.layout import REPORT
from evaltrail.bundle.read import read_bundle
from judge_server import JudgeServer, Said
from mlflow_server import content_of, runs_in

ROWS = 24
IN_FLIGHT = 4
TASK = """\
name: tone
dataset: said.jsonl
prompt: "{{ question }}"
output: "{{ said }}"
metrics:
  - exact_match
  - politeness: {definition: How polite it is., grading_prompt: Rate 1 to 5., %s}
target: "{{ said }}"
id: "{{ id }}"
"""


def write_task(folder, count=ROWS, more="version: v1"):
    """A task whose records bring their outputs, graded by a judge of its own."""
    rows = [{"id": f"r{n}", "question": f"Greet guest {n}.", "said": f"Welcome, guest {n}!"} for n in range(count)]
    (folder / "said.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    file = folder / "tone.yaml"
    file.write_text(TASK % more)
    return file


def guest(text):
    """The number of the guest that is greeted in a question."""
    return int(text.rpartition("Welcome, guest ")[2].partition("!")[0])


def four(text):
    """A judge that gives 4, and 5 to even guests."""
    return {"rationale": f"guest {guest(text)} is greeted", "score": 4 + (guest(text) + 1) % 2}


def words_for(evaltrail, server, *more, count=ROWS):
    return ("run", write_task(evaltrail.cwd, count), "--model", "baseline:majority", "--json", *_by(server), *more)


def _by(server):
    return ("--param", f"judge={server.url}#judge-1", "--concurrency", IN_FLIGHT)


def test_a_judged_run_lands_with_what_judging_cost(evaltrail, mlflow_url, experiment):
    """Mean with interval and n under the judge's name; the scores bear rationale and identity; nobody else is asked."""
    with JudgeServer(four) as server:
        words = words_for(evaltrail, server, "--tracking-uri", mlflow_url, "--experiment", experiment)
        done = evaltrail(*words)
    assert done.code == 0, done.err
    found = done.object["metrics"]["tone/politeness"]
    assert (found["value"], found["n"], found["n_unscored"]) == (4.5, ROWS, 0)
    assert done.object["metrics"]["tone/exact_match"]["value"] == 1
    assert len(server.bodies) == ROWS
    (run,) = runs_in(mlflow_url, experiment)
    metrics = {name: points[0][0] for name, points in content_of(mlflow_url, run)["metrics"].items()}
    assert metrics["tone/politeness"] == 4.5
    assert metrics["tone/judge_requests"] == ROWS
    assert metrics["tone/judge_tokens_in"] == 100 * ROWS
    bundle = read_bundle(evaltrail.home / "runs" / done.object["evaluation_id"])
    score = next(iter(bundle.tasks[0].samples)).scores["politeness"]
    assert score.rationale == "guest 0 is greeted"
    assert score.source.startswith("politeness/1@")
    assert score.source.endswith(" judge-1")


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("I would rather not say how polite this is.", "judge_unreadable"),
        ({"rationale": "beyond", "score": 11}, "judge_out_of_range"),
        (Said(refusal="I cannot help with that."), "judge_refusal"),
        (Said('{"rationale": "it goes on and', finish="length"), "judge_truncated"),
        (Said(""), "judge_empty"),
    ],
)
def test_what_a_judge_leaves_unclear_is_counted_never_guessed(evaltrail, said, reason):
    """Unscored with the reason and its words, out of all; exit code 1 says that the result is partial."""
    with JudgeServer(lambda text: said if guest(text) < 6 else four(text)) as server:
        done = evaltrail(*words_for(evaltrail, server, "--no-deliver", "--max-retries", 0, count=12))
    assert done.code == 1
    found = done.object["metrics"]["tone/politeness"]
    assert (found["n"], found["n_unscored"], found["value"]) == (6, 6, 4.5)
    assert done.object["counts"]["tone"]["unscored"] == {reason: 6}
    folder = evaltrail.home / "runs" / done.object["evaluation_id"]
    samples = {sample.id: sample.scores["politeness"] for sample in read_bundle(folder).tasks[0].samples}
    assert samples["r1"].value is None
    assert samples["r1"].reason == reason
    assert isinstance(said, Said) or samples["r1"].raw
    assert reason in (folder / REPORT).read_text()


def test_without_a_judge_nothing_is_started(evaltrail):
    """The metric and what can be set are named."""
    done = evaltrail.here("run", write_task(evaltrail.cwd), "--model", "baseline:majority", "--no-deliver")
    assert done.code == 2
    line = one_error(done)
    assert "politeness" in line
    assert "EVALTRAIL_JUDGE" in line


def test_a_judge_that_refuses_us_ends_the_run_with_its_own_settings_named(evaltrail):
    """A wrong key is the judge's, not the model's."""
    with JudgeServer(lambda _: Said(status=401, error="wrong key")) as server:
        done = evaltrail(*words_for(evaltrail, server, "--no-deliver"))
    assert done.code == 1
    assert any("EVALTRAIL_JUDGE_API_KEY_ENV" in line for line in done.errors), done.err


@pytest.mark.slow
def test_a_killed_run_asks_no_judge_twice(evaltrail):
    """Kill -9 in the middle: the same command goes on, and what was judged is not paid again."""

    def slowly(text):
        time.sleep(0.02)
        return four(text)

    with JudgeServer(slowly) as server:
        words = words_for(evaltrail, server, "--no-deliver", count=120)
        process = evaltrail.start(*words)
        until(lambda: len(server.bodies) >= 40, pause=0.002)
        process.kill()
        assert ended(process).code == -signal.SIGKILL
        done = evaltrail(*words)
        assert done.code == 0, done.err
        assert done.object["metrics"]["tone/politeness"]["n"] == 120
        assert len(server.bodies) <= 120 + 4


@pytest.mark.slow
def test_stored_verdicts_serve_again_where_they_may(evaltrail):
    """`--reuse-answers`: a second evaluation with the same judge asks nobody; without it, everybody."""
    with JudgeServer(four) as server:
        words = words_for(evaltrail, server, "--no-deliver")
        first = evaltrail(*words)
        reused = evaltrail(*words, "--reuse-answers")
        assert len(server.bodies) == ROWS
        assert reused.object["metrics"] == first.object["metrics"]
        evaltrail(*words)
        assert len(server.bodies) == 2 * ROWS


@pytest.mark.slow
def test_a_judge_that_gives_out_costs_none_of_the_answers(evaltrail, endpoint):
    """The run stops; once the judge is back, the same command asks the model only what was in flight."""
    task = write_sums(evaltrail.cwd, 20)
    task.write_text(task.read_text().replace("metrics:", "metrics:\n- tone: {grading_prompt: Rate 1 to 5.}\n#"))
    is_open = []
    with JudgeServer(lambda _: "4" if is_open else Said(status=401, error="wrong key")) as server:
        words = ("run", task, "--model", "m", "--url", endpoint.url, "--json", *_by(server), "--no-deliver")
        stopped = evaltrail(*words)
        assert stopped.code == 1
        asked = endpoint.stats()["total"]
        is_open.append(True)
        done = evaltrail(*words)
    assert done.code == 0, done.err
    assert done.object["metrics"]["sums/tone"]["n"] == 20
    stats = endpoint.stats()
    assert 0 < asked < 20
    assert stats["repeats_after_ok"] <= IN_FLIGHT


def test_one_judge_without_scores_does_not_fail_what_others_scored(evaltrail):
    """The line names the metric that is to blame, and the run is partial, not failed."""
    with JudgeServer(lambda _: "I would rather not say.") as server:
        done = evaltrail(*words_for(evaltrail, server, "--no-deliver", "--max-retries", 0, count=4))
    assert done.code == 1
    assert "by politeness alone" in done.object["errors"][0]["message"]
    assert "evaltrail score" in done.object["errors"][0]["hint"]
    (known,) = evaltrail.runs()
    assert known["state"] == "completed"
    assert done.object["metrics"]["tone/exact_match"]["value"] == 1

"""`evaltrail run lm_evaluation_harness/TASK`: the harness's own task, through our engine, as one run in MLflow."""

from __future__ import annotations

import pytest
from installed import one_error, until

from lm_eval_tasks import mirror_of_shipped_tasks, sums_task


@pytest.fixture
def run(evaltrail, endpoint, experiment):
    """A function that runs a task of the harness against the mock."""

    def run_task(name, *words, **options):
        return evaltrail(
            *("run", f"lm_evaluation_harness/{name}", "--model", "m-1", "--url", endpoint.url),
            *("--experiment", experiment, "--json", *words),
            **options,
        )

    return run_task


def test_a_shipped_task_lands_as_one_run(run, tmp_path, tracking, experiment):
    """gsm8k by its name, its data from the mirror: score, counts and settings where every run has them."""
    mirror = mirror_of_shipped_tasks(tmp_path / "mirror")
    done = run("gsm8k", "--param", "num_fewshot=2", environ={"EVALTRAIL_DATASETS_DIR": str(mirror)})
    assert done.code == 0, done.err
    metric = done.object["metrics"]["gsm8k/exact_match,flexible-extract"]
    assert (metric["value"], metric["n"]) == (0.9, 10)
    assert done.object["counts"]["gsm8k"]["total"] == 10
    landed = tracking.run(experiment)
    assert landed.info.status == "FINISHED"
    assert landed.data.tags["evaltrail.task"] == "gsm8k"
    metrics = landed.data.metrics
    assert [value for name, value in metrics.items() if name.endswith("flexible-extract")] == [0.9]
    assert (metrics["gsm8k/requests"], metrics["gsm8k/tokens_in"], metrics["gsm8k/tokens_out"]) == (10, 240, 30)
    assert 0 < metrics["gsm8k/latency_p50"] <= metrics["gsm8k/latency_p95"] < metrics["gsm8k/runtime_seconds"]
    assert {"results.json", "results/gsm8k.json"} <= tracking.files(landed.info.run_id)


@pytest.mark.slow
def test_documents_without_an_answer_make_it_partial(run, endpoint, tmp_path):
    """Exit code 1, the reasons counted, the score over the others alone."""
    endpoint.configure(p400=0.2)
    done = run("sums", "--param", f"include_path={sums_task(tmp_path / 'tasks', 50)}", "--no-deliver")
    counts = done.object["counts"]["sums"]
    assert done.code == 1
    assert (counts["total"], counts["scored"]) == (50, 50 - counts["unscored"]["http_400"])
    assert done.object["metrics"]["sums/exact_match,none"]["n_unscored"] == counts["unscored"]["http_400"] > 0


@pytest.mark.slow
def test_the_same_command_after_a_kill_asks_for_the_rest(evaltrail, run, endpoint, tmp_path):
    """kill -9 in the midst of it: the same command goes on, and repeats at most what was in flight."""
    endpoint.configure(latency_ms=20)
    words = ("--param", f"include_path={sums_task(tmp_path / 'tasks', 120)}", "--no-deliver", "--concurrency", 8)
    task = ("run", "lm_evaluation_harness/sums", "--model", "m-1", "--url", endpoint.url, *words)
    killed = evaltrail.start(*task)
    until(lambda: endpoint.stats()["total"] >= 40)
    killed.kill()
    killed.wait()
    done = run("sums", *words)
    assert done.code == 0, done.err
    assert done.object["metrics"]["sums/exact_match,none"]["value"] == 0.9
    stats = endpoint.stats()
    assert (stats["unique"], stats["total"] <= 128) == (120, True)


@pytest.mark.parametrize(
    ("name", "word"), [("arc_eazy", "arc_easy"), ("hellaswag", "EVALTRAIL_DATASETS_DIR"), ("arc_easy/x", "arc_easy")]
)
def test_a_task_that_cannot_run_is_told_in_one_line(run, endpoint, name, word):
    """A wrong name, data that are not there: exit code 2, the next step, and nothing asked."""
    done = run(name, "--no-deliver")
    assert done.code == 2
    assert word in one_error(done)
    assert endpoint.stats()["total"] == 0

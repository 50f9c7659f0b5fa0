"""What is told afterwards is what happened."""

from __future__ import annotations

import pytest
from installed import ended, one_error, until
from sums import write_sums


def test_status_names_the_error_that_stopped_a_run(evaltrail, endpoint):
    """After a 401 status, info and ls say 401, not that the process ended."""
    task = write_sums(evaltrail.cwd, 10)
    endpoint.configure(force_status=401)
    evaltrail("run", task, "--model", "m", "--url", endpoint.url)
    (run,) = evaltrail.runs()
    told = evaltrail("status", run["evaluation_id"][:6], "--json").object
    assert (told["state"], [error["code"] for error in told["errors"]]) == ("failed", ["http_401"])


def test_an_evaluation_that_was_started_over_says_so(evaltrail, endpoint):
    """Killed and then started over with --fresh: the first is not said to go on."""
    task = write_sums(evaltrail.cwd, 100)
    endpoint.configure(latency_ms=20)
    words = ("run", task, "--model", "m", "--url", endpoint.url, "--no-deliver", "--concurrency", "2")
    process = evaltrail.start(*words)
    until(lambda: endpoint.stats()["ok"] > 10)
    process.kill()
    process.communicate()
    (first,) = evaltrail.runs()
    endpoint.configure(latency_ms=1)
    assert evaltrail(*words, "--fresh").code == 0
    told = evaltrail("status", first["evaluation_id"], "--json").object
    assert (told["state"], told["errors"][0]["code"]) == ("failed", "replaced")


def test_doctor_does_not_take_any_server_for_mlflow(evaltrail, endpoint):
    """A server that is no MLflow is WRONG, exit 1; a store that is not there yet is not made by looking."""
    done = evaltrail.here("doctor", "--tracking-uri", endpoint.url.removesuffix("/v1"), "--json")
    assert done.code == 1
    assert [check["what"] for check in done.object["checks"] if not check["ok"]] == ["MLflow"]
    looked = evaltrail.here("doctor", "--tracking-uri", "sqlite:///later.db")
    assert looked.code == 0, looked.out
    assert not (evaltrail.cwd / "later.db").exists()


@pytest.mark.slow
def test_observing_metrics_make_no_sample_failed_or_unscored(evaltrail, endpoint):
    """Latency below one second is no failure, and a baseline without latency is no unscored sample."""
    task = write_sums(evaltrail.cwd, 20)
    task.write_text(task.read_text().replace("[exact_match]", "[exact_match, latency, tokens]"))
    words = ("run", task, "--no-deliver", "--url", endpoint.url, "--json", "--model")
    right = evaltrail(*words, "m").object["evaluation_id"]
    assert len(evaltrail("samples", right, "--failed", "--json").object["samples"]) == 2
    guessed = evaltrail(*words, "baseline:majority").object["evaluation_id"]
    assert evaltrail("samples", guessed, "--unscored", "--json").object["samples"] == []


def test_truncated_answers_are_counted(evaltrail, endpoint, tracking, experiment):
    """An answer cut at max_tokens is graded, and counted as `<task>/truncated` in MLflow and in the report."""
    task = write_sums(evaltrail.cwd, 10)
    endpoint.configure(finish="length")
    done = evaltrail("run", task, "--model", "m", "--url", endpoint.url, "--experiment", experiment, "--json")
    assert done.code == 0, done.err
    assert tracking.run(experiment).data.metrics["sums/truncated"] == 10
    assert "truncated: 10" in evaltrail("info", done.object["evaluation_id"]).out


def test_data_that_changes_while_it_is_asked_is_told(evaltrail, endpoint):
    """A data set cut short under a running evaluation: exit 1 and why, never a score over fewer samples."""
    task = write_sums(evaltrail.cwd, 4000)
    endpoint.configure(latency_ms=20)
    process = evaltrail.start("run", task, "--model", "m", "--url", endpoint.url, "--no-deliver", "--concurrency", "8")
    until(lambda: endpoint.stats()["ok"] > 20)
    data = evaltrail.cwd / "sums.jsonl"
    data.write_text("".join(data.read_text().splitlines(keepends=True)[:1500]))
    endpoint.configure(latency_ms=0)
    done = ended(process)
    assert done.code == 1
    assert "announced" in one_error(done)


def test_a_running_loop_is_no_obstacle(evaltrail, endpoint):
    """`evaltrail.run` in a notebook, whose thread has a loop, works like anywhere else."""
    write_sums(evaltrail.cwd, 10)
    program = (
        "import asyncio, sys, evaltrail\n"
        "async def cell():\n"
        "    result = evaltrail.run('sums.yaml', model='m', url=sys.argv[1], deliver=False)\n"
        "    print(result.metrics['sums/exact_match'].value)\n"
        "asyncio.run(cell())\n"
    )
    done = evaltrail.python(program, endpoint.url)
    assert (done.code, done.out.strip()) == (0, "0.9"), done.err


def test_python_options_of_the_wrong_type_are_named_before_anything_is_asked(evaltrail, endpoint):
    """Every wrong option is an InputError with exit code 2; the model is not asked."""
    write_sums(evaltrail.cwd, 10)
    program = (
        "import sys, evaltrail\n"
        "wrong = [{'params': {'x': [1]}}, {'seed': 'x'}, {'repeats': 2.5}, {'limit': True}, {'out': 3},\n"
        "         {'limits': {'concurrency': 0}}, {'allow_unscored': 7}, {'tags': {'a': 1}}, {'colour': 'red'}]\n"
        "for options in wrong:\n"
        "    try:\n"
        "        evaltrail.run('sums.yaml', model='m', url=sys.argv[1], **options)\n"
        "    except evaltrail.EvaltrailError as error:\n"
        "        print(error.exit_code)\n"
    )
    done = evaltrail.python(program, endpoint.url)
    assert (done.code, done.out.split()) == (0, ["2"] * 9), done.err
    assert endpoint.stats()["total"] == 0

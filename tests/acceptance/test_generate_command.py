"""`evaltrail generate` as a user has it: documents in, questions, a data set and runs out."""

from __future__ import annotations

import csv
import json
import signal
import time

import pytest
from installed import Installed, ended, one_error, until

from generated_sets import write_facts
from mlflow_server import free_port
from question_endpoint import QuestionEndpoint

KEYS = {
    *("ok", "exit_code", "evaluation_id", "dataset_id", "out", "rejects", "receipts", "errors"),
    *("windows", "unused_chunks", "requested", "accepted", "rejected", "shortfall", "calls", "tokens"),
}


@pytest.fixture
def model():
    """An endpoint that writes and answers questions."""
    with QuestionEndpoint() as started:
        yield started


def test_questions_come_out_as_they_were_ordered(evaltrail, model, tracking, experiment):
    """Exact numbers of each type in the file, the figures on stdout, the runs in MLflow, and what to type next."""
    write_facts(evaltrail.cwd / "facts.json", 8)
    asked = ("--types", "simple=4", "numeric=2", "--model", "m", "--url", model.url, "--experiment", experiment)
    done = evaltrail("generate", "facts.json", "--out", "q.csv", *asked, "--json")
    told = done.object
    assert (done.code, told["ok"], told["accepted"], told["shortfall"]) == (0, True, 6, {"missing": 0, "reasons": {}})
    assert told.keys() >= KEYS
    assert told["windows"] == [[1, 4], [3, 6], [5, 8]]
    assert told["calls"] == len(model.bodies)
    assert told["tokens"]["total"] == told["tokens"]["prompt"] + told["tokens"]["completion"] > 0
    with (evaltrail.cwd / "q.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert list(rows[0])[:3] == ["query", "relevant_chunks", "response"]
    assert sorted(row["type"] for row in rows) == ["numeric"] * 2 + ["simple"] * 4
    for row in rows:
        first = json.loads(row["relevant_chunks"])[0]
        assert first[int(row["evidence_start"]) : int(row["evidence_end"])] == row["evidence"] != ""
    assert (evaltrail.cwd / "q.rejects.csv").is_file()
    assert len(tracking.runs(experiment)) == 2
    (listed,) = evaltrail.runs()
    assert (listed["evaluation_id"], listed["state"]) == (told["evaluation_id"], "completed")


def test_people_are_told_where_everything_is(evaltrail, experiment):
    """Without a model the questions are made by cloze, said in one notice; the last line is the next command."""
    (evaltrail.cwd / "a.txt").write_text("The Ellis museum opened in 1911. Its largest hall holds 42 ships.\n")
    done = evaltrail("generate", "a.txt", "--out", "q.jsonl", "--questions-per-window", "1", "--experiment", experiment)
    assert done.code == 0
    assert done.err.count("cloze") == 1
    assert done.out.splitlines()[-1].strip().startswith("evaltrail run dataset:")
    for word in ("accepted", "q.jsonl", "q.rejects.csv", "MLflow:"):
        assert word in done.out
    (listed,) = evaltrail.runs()
    shown = evaltrail("samples", listed["evaluation_id"])
    (dataset,) = (evaltrail.home / "datasets").glob("[0-9a-f]*")
    for word in ("has questions, and no samples", "questions.csv", "questions.rejects.csv", f"{dataset}/1\n"):
        assert word in shown.out
    refused = evaltrail("kill", listed["evaluation_id"])
    assert "is a generation of `evaltrail generate` (it is completed" in one_error(refused)


def test_a_dry_run_asks_nothing_and_says_what_it_would_cost(evaltrail, model):
    """Windows, calls, tokens, cost and time, and not one request, file or run."""
    write_facts(evaltrail.cwd / "facts.json", 17)
    asked = ("--model", "m", "--url", model.url, "--price-prompt", "2", "--price-completion", "8")
    told = evaltrail("generate", "facts.json", *asked, "--dry-run", "--json").object
    assert told["windows"] == [[n, min(n + 3, 17)] for n in range(1, 16, 2)]
    assert told["requested"] == 24
    assert told["estimate"].keys() == {"calls", "tokens", "cost", "seconds"}
    assert told["estimate"]["calls"] > 0 < told["estimate"]["cost"]
    assert (told["calls"], model.bodies) == (0, [])
    assert not (evaltrail.home / "documents").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "DOC is missing"),
        (("a.txt",), "--out FILE is missing"),
        (("none.txt", "--out", "q.csv"), "none.txt"),
        (("a.txt", "--out", "q.xls"), "ending"),
        (("a.txt", "--out", "a.txt"), "ending"),
        (("a.txt", "--out", "q.csv", "--types", "silly=3"), "silly"),
        (("a.txt", "--out", "q.csv", "--gates", "round_trip=7"), "round_trip"),
        (("a.txt", "--out", "q.csv", "--window-size", "0"), "0"),
        (("a.txt", "--out", "q.csv", "--generator", "llm"), "no model"),
        (("a.txt", "--out", "q.csv", "--model", "m"), "endpoint"),
        (("a.txt", "--out", "q.csv", "--model", "m", "--url", "http://h/v1", "--api-key-env", "UNSET"), "UNSET"),
        (("a.txt", "--out", "q.csv", "--types", "simple=3", "--questions-per-window", "2"), "two counts"),
        (("a.txt", "--out", "q.csv", "--tag", "evaltrail.key=x"), "evaltrail.key"),
    ],
)
def test_bad_input_is_told_before_anything_is_started(evaltrail, words, said):
    """Exit 2, one line with the next step, and nothing kept."""
    (evaltrail.cwd / "a.txt").write_text("The museum opened in 1911.\n")
    done = evaltrail.here("generate", *words)
    assert done.code == 2
    assert said in one_error(done)
    assert not evaltrail.home.exists() or not list(evaltrail.home.rglob("*"))


def test_a_shortfall_exits_1_and_delivers_what_there_is(evaltrail, experiment):
    """Missing questions are named with their reasons, in words and in figures that add up."""
    write_facts(evaltrail.cwd / "facts.json", 6)
    with QuestionEndpoint(duplicates=1.0) as model:
        asked = ("--model", "m", "--url", model.url, "--questions-per-window", "3", "--experiment", experiment)
        done = evaltrail("generate", "facts.json", "--out", "q.csv", *asked, "--json")
    told = done.object
    assert (done.code, told["ok"]) == (1, False)
    assert sum(told["shortfall"]["reasons"].values()) == told["shortfall"]["missing"] > 0
    assert told["accepted"] + told["shortfall"]["missing"] == told["requested"]
    assert [error["code"] for error in told["errors"]] == ["shortfall"]
    assert told["receipts"]
    with (evaltrail.cwd / "q.rejects.csv").open(newline="") as lines:
        assert len(list(csv.DictReader(lines))) == sum(told["rejected"].values())


@pytest.mark.slow
def test_questions_wait_in_the_outbox_while_mlflow_is_away(evaltrail, experiment):
    """Exit 3 with the files in place; `sync` sends documents and questions."""
    write_facts(evaltrail.cwd / "facts.json", 4)
    away = {"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{free_port()}"}
    words = ("generate", "facts.json", "--out", "q.csv", "--experiment", experiment, "--json")
    done = evaltrail(*words, environ={**away, "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"})
    assert done.code == 3
    assert done.object["accepted"] > 0
    assert (evaltrail.cwd / "q.csv").is_file()
    assert len(evaltrail("sync", "--dry-run", "--json").object["waiting"]) == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stop", "code", "share"),
    [
        (signal.SIGINT, 130, 0.4),
        (signal.SIGTERM, 130, 0.7),
    ],
)
def test_a_stopped_generation_goes_on_where_it_was(tmp_path, mlflow_url, experiment, stop, code, share):
    """After Ctrl-C the same command repeats what was in flight, no other call, and gives the same bytes."""
    whole, cut = (Installed(tmp_path / name, MLFLOW_TRACKING_URI=mlflow_url) for name in ("whole", "cut"))
    for each in (whole, cut):
        write_facts(each.cwd / "facts.json", 40)
    in_flight = 4
    with QuestionEndpoint(latency_s=0.02) as model:
        asked = ("--model", "m", "--url", model.url, "--concurrency", str(in_flight), "--experiment", experiment)
        words = ("generate", "facts.json", "--out", "q.csv", *asked)
        assert whole(*words).code == 0
        needed = len(model.bodies)
        process = cut.start(*words)
        until(lambda: len(model.bodies) - needed >= share * needed)
        process.send_signal(stop)
        stopped = ended(process)
        time.sleep(0.1)
        done = cut(*words, "--json")
        total = len(model.bodies) - needed
    assert (stopped.code, done.code) == (code, 0)
    assert needed <= total <= needed + in_flight
    assert done.object["calls"] == needed
    assert (cut.cwd / "q.csv").read_bytes() == (whole.cwd / "q.csv").read_bytes()
    assert [run["state"] for run in cut.runs()] == ["completed"]


@pytest.mark.slow
def test_edits_come_back_on_the_command_line(evaltrail, experiment):
    """A file that was edited is the next version of its data set, found by its rows, and a list tells where it lies."""
    (evaltrail.cwd / "a.txt").write_text("The Ellis museum opened in 1911. Its largest hall holds 42 ships.\n")
    made = evaltrail(
        "generate", "a.txt", "--out", "q.csv", "--types", "numeric=1", "--experiment", experiment, "--json"
    )
    text = (evaltrail.cwd / "q.csv").read_text()
    (evaltrail.cwd / "q.csv").write_text(text.replace(",1911,", ",the year 1911,"))
    told = evaltrail("generate", "--edits", "q.csv", "--experiment", experiment, "--json").object
    assert (told["dataset_id"], told["dataset_version"]) == (made.object["dataset_id"], 2)
    assert (told["added"], told["removed"], told["changed"], told["unchanged"]) == (0, 0, 1, 0)
    assert [receipt["experiment_name"] for receipt in told["receipts"]] == [experiment]
    (listed,) = evaltrail("ls", "datasets", "--json").object["datasets"]
    assert (listed["dataset_id"], listed["version"], listed["count"]) == (told["dataset_id"], 2, 1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--edits", "q.csv", "a.txt"), "DOC is given beside --edits"),
        (("--edits", "q.csv", "--window-size", "9"), "--window-size is given beside --edits"),
        (("--edits", "q.csv", "--dataset", "../x"), "is no id of a data set"),
        (("--edits", "none.csv"), "none.csv: the file cannot be read"),
        (("--run-id", "abc", "a.txt"), "--run-id is given without --edits"),
        (("a.txt", "--out", "q.csv", "--types", "simple"), "--types: 'simple' has no value"),
    ],
)
def test_edits_and_generations_are_told_apart(evaltrail, words, said):
    """What has no meaning beside a flag is refused, never passed over."""
    done = evaltrail("generate", *words, "--no-deliver")
    assert done.code == 2
    assert said in one_error(done)

"""`run --detach` and `worker`: the result of an evaluation in one process, called off, gone on with, waited for."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest
from installed import Installed, ended, one_error, until
from sums import write_sums

from proof_trial import result_of

ITEMS = 1200
QUICK = 400
IN_FLIGHT = 4
LEASE = {"EVALTRAIL_LEASE_SECONDS": "1.5"}


@pytest.fixture
def workers(tmp_path, mlflow_url):
    """The command with a short lease; workers that a failed test leaves are ended, gently first."""
    command = Installed(tmp_path, MLFLOW_TRACKING_URI=mlflow_url, **LEASE)
    yield command
    for process in command._started:
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.terminate()
            ended(process)
    command.end_all()


def words_for(command, endpoint, *more, count=ITEMS):
    endpoint.configure(latency_ms=10)
    task = write_sums(command.cwd, count)
    words = ("--url", endpoint.url, "--concurrency", IN_FLIGHT, "--json", *more)
    return ("run", task, "--model", "m", *words)


def detach(command, words):
    """The id of the accepted evaluation."""
    done = command(*words, "--detach")
    assert done.code == 0, done.err
    return done.object["evaluation_id"]


def status(command, identity):
    return command("status", identity, "--json").object


def wait_for(command, identity, *, seconds=60):
    """How it ended."""
    until(
        lambda: status(command, identity)["state"] not in {"pending", "running", "cancelling"},
        seconds=seconds,
        pause=0.2,
    )
    return status(command, identity)


def unbroken(tmp_path, words):
    """The result of the same in one process, in a home of its own."""
    command = Installed(tmp_path / "unbroken")
    done = command(*words)
    assert done.code == 0, done.err
    return result_of(command, done.object["evaluation_id"])


@pytest.mark.slow
def test_a_detached_evaluation_is_the_one_of_a_single_process(workers, endpoint, tmp_path):
    """Accepted at once; two worker processes share its ranges; metrics and samples are those of `run`."""
    words = words_for(workers, endpoint, "--no-deliver", count=QUICK)
    identity = detach(workers, words)
    before = status(workers, identity)
    assert (before["state"], before["progress"]) == ("pending", {"done": 0, "total": QUICK})
    assert endpoint.stats()["total"] == 0
    workers.start("worker", "--concurrency", 2)
    after = wait_for(workers, identity)
    assert (after["state"], after["progress"], after["errors"]) == ("completed", {"done": QUICK, "total": QUICK}, [])
    assert endpoint.stats()["total"] == QUICK
    assert {unit["worker"] for unit in units_of(workers, identity)} == {""}
    assert result_of(workers, identity) == unbroken(tmp_path, words)
    assert not list((workers.home / "work" / "jobs").iterdir())
    samples = workers("samples", identity, "--json").object
    assert samples["ok"]


def units_of(command, identity):
    return command("jobs", "show", identity, "--json").object["units"]


@pytest.mark.slow
def test_a_detached_evaluation_lands_in_mlflow_once(workers, endpoint, tracking, experiment):
    """One finished run, and its receipt with the evaluation."""
    identity = detach(workers, words_for(workers, endpoint, "--experiment", experiment, count=50))
    workers.start("worker")
    assert wait_for(workers, identity)["state"] == "completed"
    run = tracking.run(experiment)
    assert (run.info.status, run.data.metrics["sums/exact_match"]) == ("FINISHED", 0.9)
    assert workers("info", identity, "--json").object["receipts"][0]["run_id"] == run.info.run_id
    assert workers("jobs", "show", identity, "--json").object["run_ids"] == {"": run.info.run_id}
    assert run.data.tags["evaltrail.model"] == "m"


@pytest.mark.slow
def test_sigterm_hands_back_and_the_next_worker_goes_on(workers, endpoint, tmp_path):
    """A graceful stop ends soon with exit code 0; only what was in flight is asked again."""
    words = words_for(workers, endpoint, "--no-deliver")
    identity = detach(workers, words)
    first = workers.start("worker")
    until(lambda: endpoint.stats()["ok"] >= 300, pause=0.005)
    first.terminate()
    began = time.monotonic()
    assert ended(first).code == 0
    assert time.monotonic() - began < 5
    workers.start("worker")
    assert wait_for(workers, identity)["state"] == "completed"
    assert endpoint.stats()["repeats_after_ok"] <= IN_FLIGHT
    assert result_of(workers, identity) == unbroken(tmp_path, words)


@pytest.mark.slow
def test_cancelled_work_stops_and_can_be_gone_on_with(workers, endpoint):
    """`jobs cancel` stops requests within the lease; `jobs retry` goes on without asking again what was answered."""
    identity = detach(workers, words_for(workers, endpoint, "--no-deliver"))
    workers.start("worker")
    until(lambda: endpoint.stats()["ok"] >= 200, pause=0.005)
    assert workers("jobs", "cancel", identity[:8], "--json").object["jobs"][0]["state"] == "cancelling"
    assert wait_for(workers, identity)["state"] == "cancelled"
    asked = endpoint.stats()["total"]
    time.sleep(0.3)
    assert endpoint.stats()["total"] == asked
    assert workers.runs()[0]["state"] == "cancelled"
    assert workers("jobs", "retry", identity).code == 0
    assert wait_for(workers, identity)["state"] == "completed"
    assert endpoint.stats()["repeats_after_ok"] <= IN_FLIGHT


def test_a_job_is_called_off_before_anybody_begins_it(workers, endpoint):
    """Nothing is ever asked, and the ledger knows it at once."""
    identity = detach(workers, words_for(workers, endpoint, count=10))
    assert "cancelled" in workers("jobs", "cancel", identity).out
    assert status(workers, identity)["state"] == "cancelled"
    assert endpoint.stats()["total"] == 0


@pytest.mark.slow
def test_bad_orders_are_refused_before_anything_is_queued(workers, endpoint):
    """Exit code 2, with the next step; the queue stays empty."""
    words = words_for(workers, endpoint, count=10)
    for more in (["--header", "X-Token=velvet"], ["--fresh"], ["--api-key-env", "NOT_SET"], ["--samples", "nobody"]):
        refused = workers(*words, "--detach", *more)
        assert refused.code == 2
        assert one_error(refused)
        assert "velvet" not in refused.err.replace("X-Token=velvet", "")
    assert workers("jobs", "ls", "--json").object["total"] == 0


@pytest.mark.slow
def test_data_changed_after_it_was_accepted_fail_the_job_with_the_reason(workers, endpoint):
    """Nothing is asked, the error says what to do, and the original data put back let it go on."""
    identity = detach(workers, words_for(workers, endpoint, "--no-deliver", count=20))
    data = (workers.cwd / "sums.jsonl").read_bytes()
    write_sums(workers.cwd, 30)
    workers.start("worker")
    failed = wait_for(workers, identity)
    assert (failed["state"], failed["errors"][0]["code"], endpoint.stats()["total"]) == ("failed", "changed", 0)
    (workers.cwd / "sums.jsonl").write_bytes(data)
    assert workers("jobs", "retry", identity).code == 0
    assert wait_for(workers, identity)["state"] == "completed"


def test_light_commands_stay_light(workers):
    """Neither --help nor the list of runs loads SQLAlchemy where nothing is queued."""
    program = (
        "import sys; from evaltrail.cli.main import main; main(sys.argv[1:]); sys.exit('sqlalchemy' in sys.modules)"
    )
    for words in (["ls", "runs"], ["run", "nothing.yaml", "--model", "m"]):
        assert workers.python(program, *words).code == 0


@pytest.mark.slow
def test_mlflow_that_is_away_is_waited_for(workers, endpoint, tmp_path, mlflow_url):
    """The evaluation is done, its bundle safe, it says what is waited for, and a job goes on with the delivery."""
    words = words_for(workers, endpoint, "--tracking-uri", "http://127.0.0.1:9", count=20)
    identity = detach(workers, words)
    workers.start("worker")
    until(lambda: status(workers, identity)["errors"], seconds=90, pause=0.5)
    waiting = status(workers, identity)
    assert (waiting["state"], waiting["errors"][0]["code"]) == ("completed", "destination_unreachable")
    assert (Path(waiting["out"]) / "bundle.json").is_file()
    landing = next(job for job in workers("jobs", "ls", "--json").object["jobs"] if job["kind"] == "landing")
    assert landing["state"] in {"pending", "running"}

"""`status --watch`, and steering of queued evaluations from the command line: kill, resume, logs, keys."""

from __future__ import annotations

import json
import signal

import pytest
from installed import Installed, ended, one_error, until
from sums import write_sums

COUNT = 400


@pytest.fixture
def user(tmp_path):
    """The command with a short lease; what a failed test leaves is ended, workers gently."""
    command = Installed(tmp_path, EVALTRAIL_LEASE_SECONDS="1.5")
    yield command
    for process in command._started:
        if process.poll() is None:
            process.terminate()
            ended(process)


def words_for(user, endpoint, *more, count=COUNT):
    endpoint.configure(latency_ms=20)
    task = write_sums(user.cwd, count)
    return ("run", task, "--model", "m", "--url", endpoint.url, "--concurrency", 4, "--no-deliver", *more)


def detached(user, endpoint, *more, count=COUNT):
    """The id of an evaluation that waits for workers."""
    done = user.here(*words_for(user, endpoint, "--detach", *more, count=count))
    assert done.code == 0, done.err
    return done.out.split()[0]


def last(lines):
    return json.loads(lines.splitlines()[-1])


@pytest.mark.slow
def test_a_queued_evaluation_is_watched_and_steered(user, endpoint):
    """Watched by a person and a program at once; killed in the middle, resumed, and followed to its end."""
    identity = detached(user, endpoint)
    endpoint.configure(latency_ms=200)
    person = user.start("status", identity[:6], "--watch")
    program = user.start("status", identity, "--watch", "--json")
    follower = user.start("logs", "-f", identity)
    worker = user.start("worker", "--concurrency", 2)
    until(lambda: endpoint.stats()["ok"] >= COUNT / 10)
    killed = user("kill", identity[:6])
    assert "is being called off" in killed.out
    seen, told, logged = ended(person), ended(program), ended(follower)
    assert (seen.code, told.code, logged.code) == (130, 130, 0)
    assert f"{identity}.0: begun by" in seen.err
    assert seen.err.splitlines()[-1] == "ended: cancelled"
    assert seen.out.startswith(f"{identity}: cancelled, ")
    events = [json.loads(line)["event"] for line in told.out.splitlines()[:-1]]
    assert {"started", "claimed", "progress", "cancelling", "handed_back", "ended"} <= set(events)
    assert (last(told.out)["ok"], last(told.out)["exit_code"], last(told.out)["state"]) == (False, 130, "cancelled")
    assert f"{identity}.0 is begun by" in logged.out
    endpoint.configure(latency_ms=5)
    resumed = user("resume", identity, "--json").object
    assert (resumed["ok"], resumed["jobs"][0]["state"]) == (True, "pending")
    seen = user("status", identity, "--watch", "--json")
    assert (seen.code, last(seen.out)["progress"]) == (0, {"done": COUNT, "total": COUNT})
    assert endpoint.stats()["repeats_after_ok"] <= 8
    logs = user("logs", identity).out
    assert logs.count("samples are answered") == len(
        [unit for unit in units_of(user, identity) if unit["kind"] == "task"]
    )
    assert user("logs", "-f", identity, "--tail", 1000).out == logs
    worker.terminate()
    assert ended(worker).code == 0


def units_of(user, identity):
    return user("jobs", "show", identity, "--json").object["units"]


@pytest.mark.slow
def test_ctrl_c_ends_the_watching_alone(user, endpoint):
    """Exit 130, in words and as an object; the evaluation is as it was."""
    identity = detached(user, endpoint, count=10)
    for more in ((), ("--json",)):
        watching = user.start("status", identity, "--watch", *more)
        stream = watching.stdout if more else watching.stderr
        assert stream is not None
        assert stream.readline()
        watching.send_signal(signal.SIGINT)
        stopped = ended(watching)
        assert stopped.code == 130
        assert "goes on" in stopped.err
        assert not stopped.errors
        if more:
            assert (last(stopped.out)["exit_code"], last(stopped.out)["state"]) == (130, "pending")
    assert user.here("status", identity, "--json").object["state"] == "pending"


@pytest.mark.slow
def test_an_evaluation_of_another_process_is_watched(user, endpoint):
    """One that `run` does here and now; watching has the exit code that it has."""
    run = user.start(*words_for(user, endpoint))
    until(lambda: endpoint.stats()["total"] > 0)
    (known,) = user.runs()
    seen = user("status", known["evaluation_id"], "--watch")
    assert (seen.code, seen.err.splitlines()[-1], ended(run).code) == (0, "ended: completed", 0)
    assert seen.out.startswith(f"{known['evaluation_id']}: completed, {COUNT} of {COUNT} samples")


def test_the_same_key_is_accepted_once(user, endpoint):
    """The same order has the same id; another one, another queue or another priority under the key is refused."""
    first = user.here(
        *words_for(
            user,
            endpoint,
            "--detach",
            "--idempotency-key",
            "k",
            count=10,
        )
    )
    again = user.here(*words_for(user, endpoint, "--detach", "--idempotency-key", "k", "--json", count=10))
    assert (again.object["job_id"], again.object["is_new"]) == (first.out.strip(), False)
    for more in (("--seed", 7), ("--priority", 3), ("--queue", "gpu")):
        refused = user.here(*words_for(user, endpoint, "--detach", "--idempotency-key", "k", *more, count=10))
        assert refused.code == 2
        assert one_error(refused).startswith("error: --idempotency-key: ")
    assert user.here("jobs", "ls", "--json").object["total"] == 1


def test_what_was_accepted_before_another_was_refused_is_told(user, endpoint):
    """Whoever does not know of it gives the order twice."""
    user.here(*words_for(user, endpoint, "--detach", "--idempotency-key", "k#n", count=10))
    refused = user.here(*words_for(user, endpoint, "--model", "n", "--detach", "--idempotency-key", "k", count=10))
    known = [job["job_id"] for job in user.here("jobs", "ls", "--json").object["jobs"]]
    assert (refused.code, len(known)) == (2, 2)
    assert f"accepted before that, and not taken back: {known[0]}" in refused.err


def test_of_several_models_each_has_a_key_of_its_own(user, endpoint):
    """So that what was cut short between two of them can be said again."""
    words = ("--model", "n", "--detach", "--idempotency-key", "k", "--json")
    first, again = (user.here(*words_for(user, endpoint, *words, count=10)).object["evaluations"] for _ in range(2))
    assert len({each["job_id"] for each in first}) == 2
    assert [each["job_id"] for each in again] == [each["job_id"] for each in first]


@pytest.mark.parametrize(
    ("words", "place"),
    [
        (("--priority", 101), "--priority"),
        (("--priority", -101), "--priority"),
        (("--queue", "q" * 501), "--queue"),
        (("--idempotency-key", "k" * 501), "--idempotency-key"),
    ],
)
def test_what_the_queue_refuses_is_told_by_the_flag(user, endpoint, words, place):
    """Exit 2, and nothing is queued."""
    refused = user.here(*words_for(user, endpoint, "--detach", *words, count=10))
    assert refused.code == 2
    assert one_error(refused).startswith(f"error: {place}: ")
    assert user.here("jobs", "ls", "--json").object["total"] == 0


def test_one_that_waits_is_told_of_at_every_stage(user, endpoint):
    """Pending, called off, tried again: each command says how far it is, and none that it is broken."""
    identity = detached(user, endpoint, count=10)
    assert "pending, 0 of 10 samples" in user.here("info", identity).out
    for words in (("logs", identity), ("samples", identity)):
        refused = user.here(*words)
        assert refused.code == 2
        assert "status" in one_error(refused)
    assert "called off, it had not started" in user.here("kill", identity[:5]).out
    assert user.here("kill", identity, "--json").object["jobs"] == [
        {"job_id": identity, "was": "cancelled", "state": "cancelled"}
    ]
    told = user.here("status", identity)
    assert (told.code, told.out.splitlines()[0].split(", ")[0]) == (0, f"{identity}: cancelled")
    assert "it was cancelled" in user.here("info", identity).out
    assert user.here("status", identity, "--watch").code == 130
    assert "2 units wait again" in user.here("resume", identity).out
    assert user.here("status", identity, "--json").object["state"] == "pending"
    assert one_error(user.here("resume", identity)).startswith(f"error: the job {identity} is pending")


def test_several_jobs_are_cancelled_and_retried_by_one_command(user, endpoint):
    """An unknown id changes nothing; one that cannot be retried does not stop the others, and the exit code tells."""
    jobs = [detached(user, endpoint, count=10) for _ in range(3)]
    assert user.here("jobs", "cancel", *jobs[:2], "nosuch").code == 2
    listed = user.here("jobs", "ls", "--state", "cancelled", "--json").object
    assert listed["total"] == 0
    done = user.here("jobs", "cancel", *jobs[:2], jobs[0][:8], "--json").object
    assert [each["state"] for each in done["jobs"]] == ["cancelled", "cancelled"]
    retried = user.here("jobs", "retry", *jobs)
    assert (retried.code, retried.out.count("units wait again")) == (1, 2)
    assert one_error(retried).startswith(f"error: the job {jobs[2]} is pending")
    assert user.here("jobs", "retry", jobs[2]).code == 2


def test_queued_and_launched_ids_are_resumed_apart(user, endpoint):
    """Nothing is begun where one command cannot mean both."""
    identity = detached(user, endpoint, count=10)
    user.here("kill", identity)
    refused = user.here("resume", identity, "5eed")
    assert (refused.code, user.here("status", identity, "--json").object["state"]) == (2, "cancelled")
    assert "command of their own" in one_error(refused)

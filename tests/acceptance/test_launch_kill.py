"""Launches that are cut short: what `status` says is true, and `resume` repeats only what was in flight."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest
from installed import ended, until
from launching import Launching

from evaltrail.bundle.folders import is_locked
from mlflow_server import runs_in

ITEMS = 200
IN_FLIGHT = 4
POINTS = [0.0, 0.3, 0.5, 0.9, 1.0]
QUICK = {0.5}
PARAMS = {"nemo_evaluator_config": {"config": {"params": {"parallelism": IN_FLIGHT}}}}
EXPORT = {"auto_export": {"destinations": ["mlflow"]}}


@pytest.fixture
def launching(evaltrail, endpoint, experiment):
    endpoint.configure(latency_ms=40)
    user = Launching(evaltrail, endpoint.url, experiment)
    yield user
    evaltrail.end_all()
    for folder in user.folders():  # jobs outlive their launcher, and would ask the next test's endpoint
        until(lambda folder=folder: is_gone(folder))


def is_gone(folder: Path) -> bool:
    """Whether a job's process does not run; else it is killed."""
    if not is_locked(folder / ".running"):
        return True
    with suppress(ProcessLookupError, ValueError):  # it has just ended, or not yet put down its pid
        os.killpg(pid_of(folder), signal.SIGKILL)
    return False


def pid_of(folder: Path) -> int:
    return int((folder / ".running").read_text())


def begun(launching, *, jobs=1, **more):
    """A launch of so many jobs, once the first has been put down."""
    launching.native(count=ITEMS, evaluation={**PARAMS, "tasks": ["sums.yaml"] * jobs}, **more)
    process = launching.command.start(*launching.words("--json"))
    until(lambda: len(launching.lines()) == jobs)
    return process


def hasten(endpoint):
    """What follows the cut need not be waited for."""
    endpoint.configure(latency_ms=1)


def asked(endpoint, share):
    """Wait for a share of the requests; what is left of them takes so long that a busy machine cannot miss it."""
    until(lambda: endpoint.stats()["total"] >= share * ITEMS, pause=0.002)
    endpoint.configure(latency_ms=1000)


@pytest.mark.slow
def test_a_job_outlives_its_launcher(launching, endpoint, mlflow_url):
    """Kill -9 of the launcher: `status` shows the job running, the job ends well, and delivers itself."""
    process = begun(launching, execution=EXPORT)
    asked(endpoint, 0.3)
    process.kill()
    ended(process)
    (line,) = launching.lines()
    assert launching.status(line["invocation_id"])["state"] == "running"
    hasten(endpoint)
    (folder,) = launching.folders()
    until((folder / "outcome.json").is_file)
    until(lambda: not is_locked(folder / ".running"))
    assert launching.status(line["invocation_id"])["state"] == "completed"
    assert endpoint.stats()["total"] == ITEMS
    assert [run["info"]["status"] for run in runs_in(mlflow_url, launching.experiment)] == ["FINISHED"]


@pytest.mark.slow
def test_jobs_that_no_launcher_will_start_are_told(launching, endpoint, mlflow_url):
    """Kill -9 of a sequential launcher: what waits was never started, says `status`; `resume` starts it, once."""
    process = begun(launching, jobs=2, execution=EXPORT)
    asked(endpoint, 0.3)
    process.kill()
    ended(process)
    hasten(endpoint)
    first, second = launching.folders()
    until((first / "outcome.json").is_file)
    until(lambda: not is_locked(first / ".running"))
    invocation = launching.lines()[0]["invocation_id"]
    found = launching.status(invocation)
    assert found["state"] not in {"running", "pending", "completed"}
    assert [job["state"] for job in found["jobs"]] == ["success", "pending"]
    assert any("resume" in error["hint"] for error in found["errors"])
    assert runs_in(mlflow_url, launching.experiment) == []
    resumed = launching.command("resume", invocation[:6], "--json")
    assert resumed.code == 0, resumed.err
    assert endpoint.stats()["unique_ok"] == ITEMS
    assert endpoint.stats()["total"] == 2 * ITEMS
    assert (second / "logs" / "stage.exit").is_file()
    assert launching.status(invocation)["state"] == "completed"
    assert len(runs_in(mlflow_url, launching.experiment)) == 1


@pytest.mark.parametrize(
    "share", [share if share in QUICK else pytest.param(share, marks=pytest.mark.slow) for share in POINTS]
)
def test_a_killed_job_goes_on_where_it_was(launching, endpoint, share):
    """Kill -9 of launcher and job: `status` says so, `resume` asks again only what was in flight."""
    process = begun(launching)
    (folder,) = launching.folders()
    until((folder / ".running").is_file)
    asked(endpoint, share)
    process.kill()
    if is_locked(folder / ".running"):
        os.killpg(pid_of(folder), signal.SIGKILL)
    ended(process)
    until(lambda: not is_locked(folder / ".running"))
    invocation = launching.lines()[0]["invocation_id"]
    found = launching.status(invocation)
    if share < 1.0:
        killed = {"killed"} if share else {"killed", "pending"}  # before it could put down that it runs
        assert found["jobs"][0]["state"] in killed
        assert any("resume" in error["hint"] for error in found["errors"])
    hasten(endpoint)
    resumed = launching.command("resume", invocation, "--json")
    assert resumed.code == 0, resumed.err
    stats = endpoint.stats()
    assert stats["unique_ok"] == ITEMS
    assert stats["repeats_after_ok"] <= IN_FLIGHT
    assert resumed.object["metrics"]["sums/exact_match"]["value"] == pytest.approx(0.9)
    assert launching.status(invocation)["state"] == "completed"


@pytest.mark.slow
def test_a_launcher_sees_that_a_job_was_killed(launching, endpoint):
    """Kill -9 of the job alone: the launcher tells it, the next job runs, and the exit code is 1."""
    process = begun(launching, jobs=2)
    asked(endpoint, 0.3)
    first, _ = launching.folders()
    os.killpg(pid_of(first), signal.SIGKILL)
    hasten(endpoint)
    done = ended(process)
    assert done.code == 1
    assert (first / "logs" / "stage.exit").read_text().split()[1] == "137"
    assert [job["state"] for job in done.object["jobs"]] == ["failed", "success"]
    assert len(done.errors) == 1
    assert "SIGKILL" in (first / "logs" / "stdout.log").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_launch_ends_its_jobs_and_goes_on_later(launching, endpoint, number):
    """Ctrl-C or SIGTERM: exit code 130, the marker of an interruption, nothing left running; `resume` goes on."""
    process = begun(launching, jobs=2)
    asked(endpoint, 0.3)
    process.send_signal(number)
    done = ended(process)
    assert done.code == 130
    first, second = launching.folders()
    assert (first / "artifacts" / ".nemo_evaluator_interrupted").is_file()
    assert not is_locked(first / ".running")
    assert not (second / "logs" / "stage.pre-start").exists()
    invocation = launching.lines()[0]["invocation_id"]
    assert launching.status(invocation)["state"] == "cancelled"
    hasten(endpoint)
    resumed = launching.command("resume", invocation, "--json")
    assert resumed.code == 0, resumed.err
    assert endpoint.stats()["repeats_after_ok"] <= IN_FLIGHT + ITEMS  # the second job asks the same questions


@pytest.mark.slow
def test_kill_ends_what_runs_and_calls_off_what_waits(launching, endpoint):
    """`kill`: the running job is interrupted, the waiting one is never started, others are left alone."""
    process = begun(launching, jobs=3)
    asked(endpoint, 0.3)
    invocation = launching.lines()[0]["invocation_id"]
    killed = launching.command("kill", f"{invocation[:8]}.0", f"{invocation[:8]}.1", "--json")
    assert killed.code == 0, killed.err
    assert [job["was"] for job in killed.object["jobs"]] == ["running", "pending"]
    hasten(endpoint)
    done = ended(process)
    assert done.code == 1
    assert [job["state"] for job in done.object["jobs"]] == ["killed", "killed", "success"]
    found = launching.status(invocation)
    assert found["state"] == "partially_failed"
    resumed = launching.command("resume", invocation, "--json")
    assert resumed.code == 0, resumed.err
    assert launching.status(invocation)["state"] == "completed"


@pytest.mark.slow
def test_kill_again_says_that_it_is_over(launching, endpoint):
    """Ending what has ended is no error, and says how it had ended."""
    hasten(endpoint)
    launching.native(count=20)
    found = launching("--json").object
    killed = launching.command("kill", found["invocation_id"], "--json")
    assert killed.code == 0
    assert killed.object["jobs"] == [{"job_id": f"{found['invocation_id']}.0", "was": "success"}]
    assert launching.status(found["invocation_id"])["state"] == "completed"


@pytest.mark.slow
def test_resume_of_what_is_done_asks_nothing(launching, endpoint, mlflow_url):
    """All ended well and is delivered: nothing is asked, nothing lands twice."""
    hasten(endpoint)
    launching.native(count=20, execution=EXPORT)
    found = launching("--json").object
    asked_before = endpoint.stats()["total"]
    resumed = launching.command("resume", found["invocation_id"], "--json")
    assert resumed.code == 0, resumed.err
    assert endpoint.stats()["total"] == asked_before
    assert len(runs_in(mlflow_url, launching.experiment)) == 1


@pytest.mark.slow
def test_what_a_resumed_job_comes_to_lands_too(launching, endpoint, mlflow_url):
    """The others had delivered without it: after `resume` a run holds both, and supersedes the first."""
    process = begun(launching, jobs=2, execution=EXPORT)
    asked(endpoint, 0.3)
    invocation = launching.lines()[0]["invocation_id"]
    assert launching.command("kill", f"{invocation}.0").code == 0
    hasten(endpoint)
    assert ended(process).code == 1
    (first,) = runs_in(mlflow_url, launching.experiment)
    assert first["info"]["status"] != "FINISHED"
    resumed = launching.command("resume", invocation, "--json")
    assert resumed.code == 0, resumed.err
    assert [job["state"] for job in resumed.object["jobs"]] == ["success", "success"]
    (later,) = (
        run for run in runs_in(mlflow_url, launching.experiment) if run["info"]["run_id"] != first["info"]["run_id"]
    )
    assert later["info"]["status"] == "FINISHED"
    scores = [item["value"] for item in later["data"]["metrics"] if item["key"].endswith("exact_match")]
    assert scores == [pytest.approx(0.9)] * 2
    again = launching.command("resume", invocation, "--json")
    assert again.code == 0, again.err
    assert len(runs_in(mlflow_url, launching.experiment)) == 2


@pytest.mark.slow
def test_requests_that_failed_are_asked_again(launching, endpoint):
    """A job that ended with failed requests: `resume` asks those, and no other."""
    hasten(endpoint)
    endpoint.configure(p500=0.3)
    params = {"nemo_evaluator_config": {"config": {"params": {"parallelism": 8, "max_retries": 0}}}}
    launching.native(count=100, evaluation={**params, "tasks": ["sums.yaml"]})
    done = launching("--json")
    assert done.code == 1
    missing = done.object["counts"]["sums"]["failed"]
    assert 0 < missing < 100
    endpoint.configure(p500=0.0)
    asked_before = endpoint.stats()["total"]
    resumed = launching.command("resume", done.object["invocation_id"], "--json")
    assert resumed.code == 0, resumed.err
    assert endpoint.stats()["total"] - asked_before == missing
    assert resumed.object["counts"]["sums"]["scored"] == 100


def test_a_job_that_is_called_off_before_it_begins_asks_nothing(launching, endpoint):
    """`killed_jobs.txt` names it when its process starts: it ends at once, as interrupted."""
    hasten(endpoint)
    launching.native(count=20)
    assert launching("--json").code == 0
    (folder,) = launching.folders()
    job_id = launching.lines()[0]["job_id"]
    (folder.parent / "killed_jobs.txt").write_text(f"{job_id}\n")
    before = endpoint.stats()["total"]
    assert launching.command("job", folder).code == 130
    assert endpoint.stats()["total"] == before
    assert launching.status(job_id)["jobs"][0]["state"] == "killed"


@pytest.mark.slow
def test_resume_needs_what_the_launch_insisted_on(launching, endpoint):
    """A variable of the job is not set any more: exit code 2, nothing is started; --env-file brings it."""
    hasten(endpoint)
    endpoint.configure(p500=1.0)
    launching.native(count=10, env_vars={"NEEDED": "host:FROM_HERE"})
    launching.command.environ["FROM_HERE"] = "x"
    done = launching("--json")
    assert done.code == 1
    del launching.command.environ["FROM_HERE"]
    endpoint.configure(p500=0.0)
    refused = launching.command("resume", done.object["invocation_id"])
    assert refused.code == 2
    assert "FROM_HERE" in refused.errors[0]
    (launching.folder / "job.env").write_text("FROM_HERE=x\n")
    resumed = launching.command("resume", done.object["invocation_id"], "--env-file", "job.env", "--json")
    assert resumed.code == 0, resumed.err

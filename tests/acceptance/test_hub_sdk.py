"""Today's Eval Hub clients as their users have them, against the installed service, a worker and a model."""

from __future__ import annotations

import asyncio
import json
import subprocess
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from evalhub.client import AsyncEvalHubClient, SyncEvalHubClient
from evalhub.client.base import JobCanNotBeCancelledError, JobNotFoundError
from evalhub.models import BenchmarkConfig, JobStatus, PassCriteria, PrimaryScore
from installed import SCRIPT, Installed, until
from reader import blocks, paste
from sums import write_sums

from hub_drive import Command, Place, commands, drive, drive_commands, methods, table
from mlflow_server import free_port

PAGE = Path(__file__).resolve().parents[2] / "docs" / "eval-hub-clients.md"


@pytest.fixture
def place(tmp_path, mlflow_url, endpoint, experiment):
    """The service and a worker over one home, which knows a benchmark `sums`; requests may reach this machine."""
    environ = {"MLFLOW_TRACKING_URI": mlflow_url, "EVALTRAIL_ALLOW_PRIVATE_URLS": "127.0.0.1"}
    command = Installed(tmp_path, **environ)
    tasks = command.home / "tasks"
    tasks.mkdir(parents=True)
    write_sums(tasks, 10)
    with ExitStack() as stack:
        service = stack.enter_context(_started(command, "serve", "--port", "0", "--json"))
        stack.enter_context(_started(command, "worker"))
        yield Place(url=json.loads(service.stdout.readline())["url"], model_url=endpoint.url, experiment=experiment)


@contextmanager
def _started(command, *words):
    """A process of the installed command; its log is a file, for a pipe that nobody reads would stop it."""
    with (command.cwd / f"{words[0]}.log").open("w") as log:
        process = subprocess.Popen(
            [str(SCRIPT), *words], cwd=command.cwd, env=command.environ, stdout=subprocess.PIPE, stderr=log, text=True
        )
        with process:
            try:
                yield process
            finally:
                process.kill()


def test_a_job_of_the_client_lands_in_mlflow_with_its_results(place, tracking):
    """Submitted, waited for, read: metrics, the run that they are on, the experiment, the log, the list."""
    with SyncEvalHubClient(base_url=place.url) as client:
        job = client.jobs.wait_for_completion(client.jobs.submit(place.order()).id, timeout=60, poll_interval=0.1)
        (result,) = job.results.benchmarks
        log = client.jobs.get_logs(job.id)
    (run,) = tracking.runs(f"eval-hub_{place.experiment}")
    assert (job.state, result.metrics["exact_match"], result.mlflow_run_id) == (
        JobStatus.COMPLETED,
        0.9,
        run.info.run_id,
    )
    assert run.data.metrics["sums/exact_match"] == 0.9
    assert job.resource.mlflow_experiment_id == run.info.experiment_id
    assert job.results.mlflow_experiment_url.endswith(f"/experiments/{run.info.experiment_id}")
    assert (result.additional_info["counts"]["scored"], "sums" in log) == (10, True)


@pytest.mark.slow
def test_a_job_that_fails_in_part_tells_which_part(place):
    """The good benchmark has its metrics and its verdict, the other its reason; the whole is undetermined."""
    good = BenchmarkConfig(
        id="sums",
        provider_id="native",
        primary_score=PrimaryScore(metric="exact_match"),
        pass_criteria=PassCriteria(threshold=0.95),
    )
    bad = BenchmarkConfig(id="arc_easy", provider_id="lm_evaluation_harness", parameters={"limit": 2})
    with SyncEvalHubClient(base_url=place.url) as client:
        order = place.order(benchmarks=[good, bad])
        job = client.jobs.wait_for_completion(client.jobs.submit(order).id, timeout=60, poll_interval=0.2)
        raw = client._request_get(f"/evaluations/jobs/{job.id}").json()["results"]
        log = client.jobs.get_logs(job.id, benchmark_index=1)
    assert job.state == JobStatus.PARTIALLY_FAILED
    assert [each.state.value for each in job.status.benchmarks] == ["completed", "failed"]
    assert job.status.benchmarks[1].error_message.message_code == "missing_dataset"
    assert [each.metrics for each in job.results.benchmarks] == [{"exact_match": 0.9}, {}]
    assert (raw["benchmarks"][0]["test"]["verdict"], raw["test"]["verdict"]) == ("fail", "undetermined")
    assert "is not on this machine" in log


@pytest.mark.slow
def test_a_job_that_runs_is_cancelled_before_it_is_forgotten(place, endpoint):
    """409 says that it is being cancelled; once its worker has let go it can be forgotten."""
    endpoint.configure(latency_ms=2000)
    with SyncEvalHubClient(base_url=place.url) as client:
        job = client.jobs.submit(place.order())
        until(lambda: client.jobs.get(job.id).state == JobStatus.RUNNING)
        with pytest.raises(JobCanNotBeCancelledError, match="is being cancelled"):
            client.jobs.cancel(job.id, hard_delete=True)
        assert client.jobs.wait_for_completion(job.id, timeout=60, poll_interval=0.2).state == JobStatus.CANCELLED
        assert client.jobs.cancel(job.id, hard_delete=True) is True
        with pytest.raises(JobNotFoundError):
            client.jobs.cancel(job.id)


@pytest.mark.slow
def test_every_method_of_both_clients_is_answered_as_the_page_says(place):
    """No method is left out, the synchronous and the asynchronous client are told the same, and so is the reader."""

    async def asynchronous():
        async with AsyncEvalHubClient(base_url=place.url, max_retries=0) as client:
            return methods(client), await drive(client, place)

    with SyncEvalHubClient(base_url=place.url, max_retries=0) as client:
        known, told = methods(client), asyncio.run(drive(client, place))
    also_known, also_told = asyncio.run(asynchronous())
    assert {name.partition(" (")[0] for name in told} == known
    assert (also_known, also_told) == (known, told)
    assert table(told, "method") in PAGE.read_text()


@pytest.mark.slow
def test_every_command_that_speaks_to_a_server_is_answered_as_the_page_says(place, tmp_path):
    """No command of `evalhub` is left out."""
    told = drive_commands(Command(tmp_path, place.url), place)
    assert set(told) == commands()
    assert table(told, "command") in PAGE.read_text()


@pytest.mark.slow
def test_the_page_on_these_clients_works_as_written(evaltrail, endpoint, tracking):
    """Its command and its Python land one run each, and nothing is left that runs."""
    start, end = blocks("docs/eval-hub-clients.md", "sh tour")
    (program,) = blocks("docs/eval-hub-clients.md", "python")
    script = f"{start}\npython - <<'END'\n{program}END\n{end}"
    said = paste(evaltrail, script, ends_at_errors=False, URL=endpoint.url, MODEL="m", EVALTRAIL_PORT=str(free_port()))
    assert "completed {'exact_match':" in said.out
    assert [run.info.status for run in tracking.runs("eval-hub_capitals")] == ["FINISHED"]

"""`evaltrail up`, `evaltrail submit` and `evaltrail.Client`: the service without curl."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
from pathlib import Path
from urllib.request import urlopen

import pytest
from installed import Installed, ended, one_error, until
from sums import write_sums

import evaltrail
from mlflow_server import free_port


def started(command, *words):
    """A running `up` and what it says once everything stands."""
    process = command.start("up", "--port", "0", "--mlflow-port", "0", "--json", *words)
    line = process.stdout.readline()
    assert line, process.stderr.read()
    return process, json.loads(line)


def is_free(url):
    """Whether a port can be listened on again."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return probe.connect_ex(("127.0.0.1", int(url.rpartition(":")[2]))) != 0


@pytest.fixture
def hub(tmp_path, endpoint):
    """The command with a task of its own and a server that answers it; what a failed test leaves running is ended."""
    command = Installed(tmp_path, EVALTRAIL_SERVER_MOCK_URL=endpoint.url)
    (command.home / "tasks").mkdir(parents=True)
    write_sums(command.home / "tasks", 20)
    yield command
    command.end_all()


@pytest.mark.slow
def test_up_stands_takes_a_request_and_leaves_nothing(hub):
    """Mistakes in a submission are told with their places; SIGTERM is the usual way to end it: exit code 0."""
    process, told = started(hub, "--no-mlflow", "--verbose")
    service = ("--service", told["url"])
    words = ("--model", "m", "--benchmark", "native/sums,limit=10", "--tag", "team=blue")
    with evaltrail.Client(told["url"], api_key="") as client:
        accepted = hub("submit", *service, *words, "--server", "mock", "--json").object
        assert client.get(accepted["id"]).raw["experiment"]["tags"] == {"team": "blue"}
        assert accepted["url"] == f"{told['url']}/api/v1/evaluations/{accepted['id']}"
        refused = hub("submit", *service, "--model", "m", "--server", "mok", "--benchmark", "native/sum")
        assert (refused.code, len(refused.errors)) == (2, 2)
        assert "model.server" in refused.errors[0]
        assert "did you mean 'mock'?" in refused.errors[0]
        assert "did you mean 'sums'?" in refused.errors[1]
    process.terminate()
    done = ended(process)
    assert done.code == 0
    assert "all of them have ended" in done.err
    assert "worker | working at " in done.err
    assert 'service | {"time":' in done.err
    assert is_free(told["url"])
    assert (hub.home / "logs" / "service.log").stat().st_size


@pytest.mark.slow
def test_up_lands_results_in_the_mlflow_that_it_starts(hub, endpoint):
    """One command, one request, and a link to MLflow's pages; by Client, by flags and by file."""
    process, told = started(hub)
    with evaltrail.Client(told["url"], api_key="") as client:
        assert client.health()["status"] == "healthy"
        accepted = client.submit(model="m", server="mock", benchmarks=["native/sums"], experiment="sums")
        kinds = {event.kind for event in client.events(accepted.id)}
        found = client.wait(accepted.id, timeout_s=60)
        assert (found.state, found.done, found.total, found.mlflow_sync) == ("completed", 20, 20, "synced")
        assert kinds >= {"state", "benchmark"}
        (link,) = found.run_urls
        assert link.startswith(told["mlflow_url"])
        assert urlopen(told["mlflow_url"], timeout=10).status == 200
        assert client.results(accepted.id)["benchmarks"][0]["metrics"][0]["value"] == pytest.approx(0.9)
        assert len(list(client.samples(accepted.id, only="failed"))) == 2
        request = {"model": {"name": "m", "server": "mock"}, "benchmarks": [{"id": "sums", "provider_id": "native"}]}
        (hub.cwd / "request.json").write_text(json.dumps(request))
        once = hub("submit", "request.json", "--wait", "--idempotency-key", "k", environ=service_of(told))
        assert once.code == 0, once.err
        assert "native/sums" in once.out
        assert f"MLflow: {told['mlflow_url']}" in once.out
        again = hub("submit", "request.json", "--idempotency-key", "k", environ=service_of(told))
        assert "known already by its key" in again.out
        assert client.list().total_count == 2
        assert [len(metric["values"]) for metric in compared(client)] == [2]
    process.send_signal(signal.SIGINT)
    assert ended(process).code == 0
    assert is_free(told["url"])
    assert is_free(told["mlflow_url"])
    written = [path for path in hub.home.rglob("*") if hub.home / "tasks" not in (path, *path.parents)]
    assert [path for path in written if path.lstat().st_mode & 0o077 and not path.is_symlink()] == []


def service_of(told):
    return {"EVALTRAIL_SERVICE_URL": told["url"]}


def compared(client):
    found = client.compare([evaluation.id for evaluation in client.list().items])
    return [metric for metric in found["metrics"] if metric["metric"] == "exact_match"]


@pytest.mark.slow
def test_what_is_killed_comes_back_and_work_goes_on(hub):
    """Service, worker and MLflow alike; who waits for an evaluation sees none of it.

    SIGKILL of `up` itself takes everything with it: no process is left, and no taken port.
    """
    process, told = started(hub)
    with evaltrail.Client(told["url"], api_key="") as client:
        for pid in (told["service_pid"], told["mlflow_pid"], *told["worker_pids"]):
            os.kill(pid, signal.SIGKILL)
        until(lambda: client_answers(client), seconds=30)
        accepted = client.submit(model="m", server="mock", benchmarks=["native/sums"])
        assert client.wait(accepted.id, timeout_s=90).state == "completed"
        until(lambda: client.health()["status"] == "healthy", seconds=60, pause=0.2)
    process.kill()
    done = ended(process)
    assert [done.err.count(f"{name} was ended by signal 9") for name in ("service", "worker", "MLflow")] == [1, 1, 1]
    again = [int(pid) for pid in re.findall(r"stands again, process (\d+)", done.err)]
    assert len(again) == 3
    until(lambda: is_free(told["url"]) and is_free(told["mlflow_url"]), seconds=40)
    until(lambda: not any(map(works, again)))


def works(pid):
    """Whether a process does anything; one that is dead and not taken in by anybody does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def client_answers(client):
    try:
        return bool(client.health())
    except evaltrail.EvaltrailError:
        return False


def test_a_taken_port_is_told_before_anything_starts(tmp_path):
    """Exit code 2, with the port and the flag."""
    command = Installed(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        done = command.here("up", "--port", port, "--no-mlflow")
    assert done.code == 2
    assert f"port {port} " in one_error(done)
    assert "--port" in one_error(done)
    assert not (command.home / "logs").exists()


def test_a_wide_address_without_keys_is_refused_at_once(tmp_path):
    """The service would say so too; `up` says it before it starts anything."""
    done = Installed(tmp_path).here("up", "--host", "0.0.0.0", "--port", "0", "--no-mlflow")
    assert (done.code, "EVALTRAIL_AUTH" in one_error(done)) == (2, True)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "neither a file nor --model"),
        (("--model", "m"), "where the model is served"),
        (("x.json", "--model", "m"), "a file and --model"),
        (("none.json",), "cannot be read"),
        (("--model", "m", "--url", "http://x", "--tag", "a"), "no K=V"),
        (("--model", "m", "--url", "http://x", "--service", "nowhere"), "no URL of a service"),
    ],
)
def test_a_submission_that_cannot_be_meant_is_not_sent(tmp_path, words, told):
    """Exit code 2 and the next step."""
    done = Installed(tmp_path).here("submit", *words)
    assert (done.code, told in one_error(done)) == (2, True)


@pytest.mark.slow
def test_submitting_to_nobody_names_the_command_that_starts_a_service(tmp_path):
    """Exit code 1, after a few attempts."""
    done = Installed(tmp_path, EVALTRAIL_PORT=str(free_port())).here("submit", "--model", "m", "--server", "vllm")
    assert (done.code, "`evaltrail up`" in one_error(done)) == (1, True)

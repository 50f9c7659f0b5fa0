"""`evaltrail serve` as installed: how it starts, what it costs, how it ends."""

from __future__ import annotations

import json
import signal
import socket

import pytest
from installed import Installed, ended, one_error

from service_client import ServiceClient

BODY = {
    "model": {"server": "vllm", "name": "m"},
    "benchmarks": [{"id": "arc_easy", "provider_id": "lm_evaluation_harness"}],
}
HEAVY = {"mlflow", "pandas", "pyarrow", "lm_eval", "ragas", "datasets", "torch", "transformers"}
SERVED = """
import http.client, json, os, signal, sys, threading, time
from pathlib import Path
from evaltrail.cli.main import main

def use():
    while not Path("told").exists() or not Path("told").read_text().endswith("\\n"):
        time.sleep(0.01)
    place = json.loads(Path("told").read_text())["url"].removeprefix("http://")
    asked = [("POST", "/api/v1/evaluations", sys.argv[1])]
    asked += [("GET", "/api/v1/" + page, None) for page in ("evaluations", "health", "providers")]
    found = {"statuses": []}
    for method, path, body in asked:
        door = http.client.HTTPConnection(place)
        door.request(method, path, body, {"Content-Type": "application/json"})
        found["statuses"].append(door.getresponse().status)
        door.close()
    found["resident"] = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    found["loaded"] = sorted({name.partition(".")[0] for name in sys.modules})
    Path("found.json").write_text(json.dumps(found))

def use_then_end():
    try:
        use()
    finally:
        os.kill(os.getpid(), signal.SIGTERM)

sys.stdout = open("told", "w")
threading.Thread(target=use_then_end, daemon=True).start()
sys.exit(main(["serve", "--port", "0", "--json"]))
"""


@pytest.fixture
def evaltrail(tmp_path):
    """The command in a home of its own; MLflow is a file there that nobody has made."""
    command = Installed(tmp_path, MLFLOW_TRACKING_URI=f"sqlite:///{tmp_path / 'mlflow.db'}")
    yield command
    command.end_all()


@pytest.mark.slow
def test_service_says_where_it_is_and_ends_well_with_lines_open(evaltrail):
    """One line tells address and docs; at SIGTERM open event lines end, and the exit code is 0."""
    process = evaltrail.start("serve", "--port", "0", "--json")
    told = json.loads(process.stdout.readline())
    client = ServiceClient(told["url"])
    assert (told["docs"], client.get("/docs").status) == (f"{told['url']}/docs", 200)
    evaluation_id = client.post("/api/v1/evaluations", BODY).object["id"]
    with client.events(f"/api/v1/evaluations/{evaluation_id}/events") as events:
        next(events)
        next(events)
        process.send_signal(signal.SIGTERM)
        rest = list(events)
    finished = ended(process, timeout=20)
    assert (rest, finished.code) == ([], 0)
    again = evaltrail.start("serve", "--port", "0", "--json")
    client = ServiceClient(json.loads(again.stdout.readline())["url"])
    assert client.get(f"/api/v1/evaluations/{evaluation_id}").object["status"] == "pending"
    again.send_signal(signal.SIGINT)
    assert ended(again, timeout=20).code == 0


def test_port_that_is_taken_is_told_with_the_next_step(evaltrail):
    """Nothing is started where something else listens: exit code 2."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        refused = evaltrail.here("serve", "--port", taken.getsockname()[1])
    assert refused.code == 2
    assert "--port" in one_error(refused)


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_wide_door_without_keys_is_refused(evaltrail, host, tmp_path):
    """Beyond this machine the service asks for keys, or is told in words not to; who called it keeps its file modes."""
    (tmp_path / "before").touch()
    refused = evaltrail.here("serve", "--host", host, "--port", "0")
    (tmp_path / "after").touch()
    assert refused.code == 2
    assert "EVALTRAIL_AUTH" in one_error(refused)
    assert (tmp_path / "after").stat().st_mode == (tmp_path / "before").stat().st_mode


@pytest.mark.slow
def test_service_is_light(evaltrail):
    """After submissions and pages nothing is loaded that runs tasks or speaks to MLflow, and 120 MB are enough."""
    done = evaltrail.python(SERVED, json.dumps(BODY))
    assert done.code == 0, done.err
    found = json.loads((evaltrail.cwd / "found.json").read_text())
    assert found["statuses"] == [202, 200, 200, 200]
    assert not HEAVY & set(found["loaded"])
    assert found["resident"] < 120_000_000

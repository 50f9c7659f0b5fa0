"""A real `mlflow server` for tests: started when first asked for, one a session, ended by its pid."""

from __future__ import annotations

import functools
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

from shared_server import join, run_folder

_START_S = 120.0
_LOWEST_PORT = 15_000
_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on, and that the kernel gives to nobody: it stays free for a while."""
    try:
        first = int(_RANGE.read_text().split()[0])
    except OSError:
        first = 0
    while first > _LOWEST_PORT:
        port = _LOWEST_PORT + secrets.randbelow(first - _LOWEST_PORT)  # the processes of a run begin with one seed
        if is_free(port):
            return port
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        given: int = probe.getsockname()[1]
        return given


def is_free(port: int) -> bool:
    """Whether a server could listen on a port of 127.0.0.1 now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: old connections do not count
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


class MlflowServer:
    """One tracking server with its own sqlite store and artifacts below a folder.

    Args:
        folder: holds the store, the artifacts and the log; kept when the server stops.
        options: further options of `mlflow server`.
        environ: further environment variables.
    """

    def __init__(self, folder: Path, *, options: tuple[str, ...] = (), environ: dict[str, str] | None = None) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._options = options
        self._environ = environ or {}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until it answers."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        command = [
            *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port)),
            *("--backend-store-uri", f"sqlite:///{self.folder / 'mlflow.db'}"),
            *("--artifacts-destination", str(self.folder / "artifacts"), "--workers", "1", *self._options),
        ]
        environ = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", **self._environ}
        environ.pop("MLFLOW_TRACKING_URI", None)
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, env=environ, stdout=log, stderr=log, cwd=self.folder, start_new_session=True
            )
        self._await_answer()

    @property
    def pid(self) -> int:
        """The process that leads the server's group."""
        assert self._process is not None
        return self._process.pid

    @property
    def ends(self) -> int:
        """The leader of the group that has to be ended."""
        return self.pid

    def stop(self) -> None:
        """End the server and the workers it started."""
        if self._process is None:
            return
        os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(timeout=10)
        self._process = None

    def _await_answer(self) -> None:
        assert self._process is not None
        ends = time.monotonic() + _START_S
        while time.monotonic() < ends:
            if self._process.poll() is not None:
                break
            try:
                with urlopen(f"{self.url}/health", timeout=5) as answer:
                    answer.read()
                    return
            except (URLError, OSError):
                time.sleep(0.1)
        message = f"the server did not come up:\n{(self.folder / 'server.log').read_text()[-3000:]}"
        self.stop()
        raise RuntimeError(message)


def shared_url() -> str:
    """The tracking URI of the one server of this test run, whose processes share it; the last of them ends it."""
    return _joined()[0]


@functools.cache
def _joined() -> tuple[str, MlflowServer | None]:
    """The address, and the server if this process started it."""
    return join("mlflow", MlflowServer, _end)


def _end(leader: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGTERM)


def shared_port() -> int:
    """The port of the one server of this test run."""
    return int(shared_url().rpartition(":")[2])


def shared_folder() -> Path:
    """Where that server keeps its store, artifacts and log."""
    shared_url()
    return run_folder("mlflow") / "server"


def ask(url: str, call: str, **values: object) -> dict[str, Any]:
    """The answer of one REST call: GET with a query, or POST when a value is no text."""
    address, data = f"{url}/api/2.0/mlflow/{call}", None
    if all(isinstance(value, str) for value in values.values()):
        address += f"?{urlencode(values)}"
    else:
        data = json.dumps(values).encode()
    request = Request(address, data=data, headers={"Content-Type": "application/json"})
    with urlopen(request, timeout=30) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def runs_in(url: str, experiment: str) -> list[dict[str, Any]]:
    """Every active run of an experiment; none when there is no such experiment."""
    experiments = ask(url, "experiments/search", max_results=1000)["experiments"]
    ids = [item["experiment_id"] for item in experiments if item["name"] == experiment]
    if not ids:
        return []
    runs: list[dict[str, Any]] = ask(url, "runs/search", experiment_ids=ids, max_results=1000).get("runs", [])
    return runs


def content_of(url: str, run: dict[str, Any]) -> dict[str, Any]:
    """Everything a run holds but its ids, so that two landings can be compared."""
    run_id = run["info"]["run_id"]
    data = run["data"]
    metrics = {}
    for name in sorted({metric["key"] for metric in data.get("metrics", [])}):
        history = ask(url, "metrics/get-history", run_id=run_id, metric_key=name)["metrics"]
        metrics[name] = [(point["value"], point["timestamp"], point["step"]) for point in history]
    own = {"evaltrail.key", "evaltrail.id", "mlflow.parentRunId"}
    return {
        "status": run["info"]["status"],
        "times": (run["info"]["start_time"], run["info"].get("end_time")),
        "name": run["info"]["run_name"],
        "metrics": metrics,
        "params": {item["key"]: item["value"] for item in data.get("params", [])},
        "tags": {item["key"]: item.get("value", "") for item in data["tags"] if item["key"] not in own},
        "artifacts": _files(url, run["info"]["artifact_uri"], run_id, ""),
        "datasets": [item["dataset"] for item in run.get("inputs", {}).get("dataset_inputs", [])],
    }


def _files(url: str, uri: str, run_id: str, folder: str) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for item in ask(url, "artifacts/list", run_id=run_id, path=folder).get("files", []):
        if item.get("is_dir"):
            files |= _files(url, uri, run_id, item["path"])
        else:
            place = f"{uri.removeprefix('mlflow-artifacts:/')}/{item['path']}"
            with urlopen(f"{url}/api/2.0/mlflow-artifacts/artifacts/{quote(place)}", timeout=30) as answer:
                files[item["path"]] = answer.read()
    return files

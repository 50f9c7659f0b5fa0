"""Stand: the service and its workers as processes of the installed command, over a home and on a port of their own."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from installed import SCRIPT, Installed, until
from sums import write_sums

from mlflow_server import free_port
from private_server import descendants, is_alive
from service_client import Reply, ServiceClient

EVALUATIONS = "/api/v1/evaluations"
OVER = frozenset({"completed", "partially_failed", "failed", "cancelled"})
LEASE_S = 1.5
_START_S = 40.0
_END_S = 90.0
_LEAVE_S = 40.0
_CRASHES = frozenset({-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS, -signal.SIGILL})

Wire = dict[str, Any]


class Stand:
    """What stands while the block runs; nothing of it is left behind.

    Args:
        folder: of its own; it is the data root too.
        model: URL of the server ``vllm``.
        mlflow: tracking URI; empty = there is none.
        environ: further variables.
    """

    def __init__(self, folder: Path, *, model: str = "", mlflow: str = "", **environ: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.client = ServiceClient(f"http://127.0.0.1:{self.port}")
        named = {"EVALTRAIL_SERVER_VLLM_URL": model, "MLFLOW_TRACKING_URI": mlflow}
        usual = {
            "EVALTRAIL_PORT": str(self.port),
            "EVALTRAIL_DATA_ROOT": str(folder),
            "EVALTRAIL_DATASETS_DIR": str(folder / "mirror"),
            "EVALTRAIL_LEASE_SECONDS": str(LEASE_S),
            "EVALTRAIL_RATE_LIMIT": "0",
        }
        given = {name: value for name, value in named.items() if value}
        self.command = Installed(folder, **{**usual, **given, **environ})
        self.service: subprocess.Popen[bytes] | None = None
        self.workers: list[subprocess.Popen[bytes]] = []
        self._started: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        started = tuple(self._started)
        self.end()
        crashed = {str(each.args): each.returncode for each in started if each.returncode in _CRASHES}
        assert not crashed, f"processes crashed, whatever else was seen: {crashed}"

    @property
    def home(self) -> Path:
        """EVALTRAIL_HOME."""
        return self.command.home

    def start(self, *, concurrency: int = 2) -> Self:
        """Start the service and one worker, and wait for the service."""
        self.start_worker(concurrency)
        self.start_service()
        return self

    def start_all(self, *words: str) -> Self:
        """Start everything by one command, and wait for the service."""
        self.service = self.process("up", "--port", str(self.port), "--concurrency", "1", *words)
        self.await_ready()
        return self

    def start_service(self) -> subprocess.Popen[bytes]:
        """Start the service (again) and wait until it takes submissions."""
        self.service = self.process("serve")
        self.await_ready()
        return self.service

    def start_worker(self, concurrency: int = 2) -> subprocess.Popen[bytes]:
        """Start a further worker."""
        worker = self.process("worker", "--concurrency", str(concurrency))
        self.workers.append(worker)
        return worker

    def process(self, *words: str) -> subprocess.Popen[bytes]:
        """A command of ours that runs on; what it prints lies in ``log/VERB.log``."""
        log = self.folder / "log" / f"{words[0]}.log"
        log.parent.mkdir(exist_ok=True)
        with log.open("ab") as out:
            started = subprocess.Popen(
                [str(SCRIPT), *words],
                cwd=self.command.cwd,
                env=self.command.environ,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )
        self._started.append(started)
        return started

    def await_ready(self) -> None:
        """Return when the service takes submissions."""
        until(self._is_ready, seconds=_START_S, pause=0.05)

    def kill(self, *processes: subprocess.Popen[bytes] | None) -> None:
        """``kill -9`` of processes with all below them."""
        family = [pid for each in processes if each for pid in (each.pid, *descendants(each.pid))]
        for pid in family:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for each in processes:
            if each:
                each.wait()
        self.workers = [each for each in self.workers if each.poll() is None]
        until(lambda: not any(map(is_alive, family)), seconds=_LEAVE_S)

    def end(self) -> list[int]:
        """End everything as a supervisor would; the exit codes of what still ran."""
        running = [each for each in self._started if each.poll() is None]
        for each in running:
            each.terminate()
        codes = []
        for each in running:
            try:
                codes.append(each.wait(_LEAVE_S))
            except subprocess.TimeoutExpired:
                self.kill(each)
                codes.append(-signal.SIGKILL)
        self._started.clear()
        return codes

    def sums(self, count: int, *, name: str = "sums") -> Mapping[str, str]:
        """A benchmark of so many sums, as a request names it: its task file lies in the home, and is offered."""
        tasks = self.home / "tasks"
        tasks.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_sums(tasks, count, name=name)

        def is_offered() -> bool:
            listed = self.client.get("/api/v1/providers/native/benchmarks").object["items"]
            return name in {each["id"] for each in listed}

        until(is_offered, seconds=5, pause=0.1)
        return {"id": name, "provider_id": "native"}

    def submit(self, body: object, **headers: str) -> Wire:
        """The account of an evaluation that was accepted."""
        reply = self.client.post(EVALUATIONS, body, **headers)
        assert reply.status == 202, reply.body
        account: Wire = reply.object
        return account

    def account(self, evaluation_id: str) -> Wire:
        """How an evaluation stands."""
        return self._object(self.client.get(f"{EVALUATIONS}/{evaluation_id}"))

    def results(self, evaluation_id: str) -> Wire:
        """What an evaluation came to."""
        return self._object(self.client.get(f"{EVALUATIONS}/{evaluation_id}/results"))

    def health(self) -> Wire:
        """How the service says that it is."""
        found: Wire = self.client.get("/api/v1/health").object
        return found

    def until_account(self, evaluation_id: str, claim: Any, *, seconds: float = _END_S) -> Wire:
        """The account of an evaluation as soon as a claim holds of it."""
        found: Wire = {}

        def holds() -> bool:
            found.update(self.account(evaluation_id))
            return bool(claim(found))

        try:
            until(holds, seconds=seconds, pause=0.1)
        except AssertionError as error:
            raise AssertionError(f"it never came to be: {found}\n{self.logged()}") from error
        return found

    def ended(self, evaluation_id: str, *, seconds: float = _END_S) -> Wire:
        """The account of an evaluation once it has ended."""
        return self.until_account(evaluation_id, lambda told: told["status"] in OVER, seconds=seconds)

    def landed(self, evaluation_id: str, *, seconds: float = _END_S) -> Wire:
        """The account of an evaluation once it lies in MLflow."""
        return self.until_account(evaluation_id, lambda told: told["mlflow_sync"] == "synced", seconds=seconds)

    def logged(self) -> str:
        """The last that the processes printed, for who reads a failure."""
        logs = sorted((self.folder / "log").glob("*.log"))
        return "\n".join(f"{log.name}: {log.read_text(errors='replace')[-2000:]}" for log in logs)

    def _object(self, reply: Reply) -> Wire:
        assert reply.status == 200, reply.body
        found: Wire = reply.object
        return found

    def _is_ready(self) -> bool:
        assert self.service is None or self.service.poll() is None, self.logged()
        try:
            return self.client.get("/ready").status == 200
        except OSError:
            return False


def order(benchmark: Mapping[str, object], experiment: str = "", **more: object) -> Wire:
    """The body of a submission of one benchmark to the server ``vllm``."""
    named = {"experiment": {"name": experiment}} if experiment else {}
    return {"model": {"server": "vllm", "name": "m"}, "benchmarks": [dict(benchmark)], **named, **more}

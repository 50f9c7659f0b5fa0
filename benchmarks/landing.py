"""Milliseconds to land one evaluation (60 metrics, 40 params, 20 tags, 5 artifacts), beside one warm MlflowClient.

Usage: python benchmarks/landing.py [REPEAT]
"""

from __future__ import annotations

import io
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from mlflow.entities import Metric, Param
from mlflow.tracking import MlflowClient

from evaltrail.core.artifact import Artifact
from evaltrail.core.delivery import DeliveryOptions
from evaltrail.core.ids import new_id
from evaltrail.core.metric import MetricValue
from evaltrail.core.result import Origin, ResultBundle, TaskResult
from evaltrail.destinations.mlflow.door import open_gateway
from evaltrail.destinations.mlflow.outbox import Outbox
from evaltrail.destinations.mlflow.plan import plan_bundle
from evaltrail.destinations.mlflow.run_plan import RunPlan
from evaltrail.destinations.mlflow.writer import deliver
from mlflow_server import MlflowServer

METRICS, PARAMS, TAGS, ARTIFACTS = 60, 40, 20, 5
KINDS = {
    "uvloop, 4 workers": (1.3, ("--workers", "4")),
    "asyncio, 4 workers": (2.5, ("--workers", "4", "--uvicorn-opts", "--loop asyncio")),
    "uvloop, 1 worker": (None, ()),
}
"""4 workers are MLflow's default; without uvloop their shared sockets answer 40 ms late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Median milliseconds on one kind of server."""

    server: str
    stock_ms: float
    evaltrail_ms: float
    must: float | None

    @property
    def factor(self) -> float:
        """How many times faster we land."""
        return self.stock_ms / self.evaltrail_ms


def run(repeat: int = 20) -> list[Row]:
    """One row a kind of server."""
    with tempfile.TemporaryDirectory() as scratch:
        return [
            measured(name, Path(scratch) / str(number), options, repeat, must)
            for number, (name, (must, options)) in enumerate(KINDS.items())
        ]


def measured(name: str, folder: Path, options: tuple[str, ...], repeat: int, must: float | None) -> Row:
    server = MlflowServer(folder, options=options)
    server.start()
    try:
        files = sample_files(folder)
        client = MlflowClient(server.url)
        experiment_id = client.create_experiment("landing")
        outbox, gateway = Outbox(folder / "outbox"), open_gateway(server.url, environ=os.environ)
        stock, ours = [], []
        for _ in range(repeat + 2):
            with redirect_stdout(io.StringIO()):  # the stock client prints two lines a run
                stock.append(timed(partial(land_stock, client, experiment_id, sample_plan(files), files)))
            ours.append(timed(partial(deliver, sample_plan(files), outbox, gateway, fresh=True)))
        gateway.close()
        outbox.close()
        return Row(
            server=name,
            stock_ms=statistics.median(stock[2:]),
            evaltrail_ms=statistics.median(ours[2:]),
            must=must,
        )
    finally:
        server.stop()


SCRIPT = """
import json, sys
from mlflow import MlflowClient
from mlflow.entities import Metric, Param
url, plan = sys.argv[1], json.load(open(sys.argv[2]))
client = MlflowClient(url)
found = client.get_experiment_by_name("landing")
began, tags, name = plan["started_ms"], plan["tags"], plan["run_name"]
run = client.create_run(found.experiment_id, start_time=began, tags=tags, run_name=name)
metrics = [Metric(m["name"], m["value"], m["timestamp_ms"], m["step"]) for m in plan["metrics"]]
client.log_batch(run.info.run_id, metrics=metrics, params=[Param(*pair) for pair in plan["params"].items()])
for artifact in plan["artifacts"]:
    client.log_artifact(run.info.run_id, artifact["file"])
client.set_terminated(run.info.run_id, "FINISHED", plan["ended_ms"])
"""


def sync_cpu(repeat: int = 5) -> tuple[float, float]:
    """CPU seconds of a whole `evaltrail sync` of one waiting run, and of a script that imports mlflow for the same."""
    ours, stock = [], []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        server = MlflowServer(folder / "server")
        server.start()
        try:
            MlflowClient(server.url).create_experiment("landing")
            (folder / "data").mkdir()
            files = sample_files(folder / "data")
            environ = {**os.environ, "EVALTRAIL_HOME": str(folder / "home")}
            for number in range(repeat):
                plan = sample_plan(files)
                with Outbox(folder / "home" / "outbox") as outbox:
                    outbox.put(plan, server.url)
                file = folder / f"plan-{number}.json"
                file.write_bytes(sample_plan(files).to_json())
                ours.append(child_cpu([str(Path(sys.executable).with_name("evaltrail")), "sync"], environ))
                stock.append(child_cpu([sys.executable, "-c", SCRIPT, server.url, str(file)], environ))
        finally:
            server.stop()
    return statistics.median(ours), statistics.median(stock)


def child_cpu(command: list[str], environ: dict[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=environ, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def land_stock(client: MlflowClient, experiment_id: str, plan: RunPlan, files: list[Path]) -> None:
    created = client.create_run(experiment_id, start_time=plan.started_ms, tags=dict(plan.tags), run_name=plan.run_name)
    client.log_batch(
        created.info.run_id,
        metrics=[Metric(point.name, point.value, point.timestamp_ms, point.step) for point in plan.metrics],
        params=[Param(name, value) for name, value in plan.params.items()],
    )
    client.log_artifacts(created.info.run_id, str(files[0].parent))
    client.set_terminated(created.info.run_id, "FINISHED", plan.ended_ms)


def sample_plan(files: list[Path]) -> RunPlan:
    now = datetime.now(UTC)
    task = TaskResult(
        name="task",
        provider="native",
        metrics=tuple(MetricValue(name=f"metric {n}", value=n / 7) for n in range(METRICS)),
    )
    bundle = ResultBundle(
        id=new_id(),
        origin=Origin(producer="landing"),
        model="model",
        tasks=(task,),
        params={f"param {number}": number for number in range(PARAMS - 1)},
        tags={f"tag {number}": "value" for number in range(TAGS - 9)},
        artifacts=tuple(Artifact(path=file.name, file=file) for file in files),
        started_at=now,
        ended_at=now,
    )
    (plan,) = plan_bundle(bundle, DeliveryOptions(experiment="landing"), version="0")
    assert (len(plan.metrics), len(plan.params), len(plan.artifacts)) == (METRICS, PARAMS, ARTIFACTS)
    return plan


def sample_files(folder: Path) -> list[Path]:
    (folder / "files").mkdir()
    files = [folder / "files" / f"file {number}.txt" for number in range(ARTIFACTS)]
    for file in files:
        file.write_text("text " * 2000)
    return files


def timed(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return (time.perf_counter() - started) * 1000


def main() -> None:
    rows = run(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
    print(f"{'server':<20}{'MlflowClient ms':>16}{'evaltrail ms':>14}{'factor':>8}")
    for row in rows:
        print(f"{row.server:<20}{row.stock_ms:>16.1f}{row.evaltrail_ms:>14.1f}{row.factor:>8.2f}")
    ours, stock = sync_cpu()
    print(f"CPU of a whole sync: {ours:.2f} s; of a script that imports mlflow: {stock:.2f} s")


if __name__ == "__main__":
    main()

"""Gathering other harnesses' results: export and ingest beside the stock client and raw REST, on one server.

Usage: python benchmarks/gathering.py [REPEAT]
"""

from __future__ import annotations

import http.client
import io
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import yaml
from mlflow.entities import Metric, Param, RunTag
from mlflow.tracking import MlflowClient

from evaltrail.config.settings import Settings, load_settings
from evaltrail.core.delivery import DeliveryOptions
from evaltrail.service.exporting.export import export_invocations
from evaltrail.service.exporting.export_config import read_options
from evaltrail.service.gathering.ingest import IngestOrder, ingest_results
from evaltrail.service.gathering.survey import Search
from goals import Row
from mlflow_server import MlflowServer

JOBS, METRICS, FILES = 20, 59, 1000
THREADS = 8
EVALTRAIL = Path(sys.executable).with_name("evaltrail")
KINDS = {"uvloop": ("--workers", "4"), "asyncio": ("--workers", "4", "--uvicorn-opts", "--loop asyncio")}
BIG_BYTES = 2_000_000_000
WAY = (
    f"Export: {JOBS} jobs of {METRICS} metrics and 4 files, reading included, against one warm sequential MlflowClient "
    "(one batch a run, one call a file) on the same server with 4 workers (sqlite), in turn; medians. Ingest: "
    f"{FILES:,} files of two numbers, a run each, against {THREADS} threads of raw REST that create a run, send one "
    "batch and one file and end the run; the floor is the mean of a half before and a half after ours. Memory: the "
    "kernel's high-water mark of the whole command; rows of 20 KB."
)


def run(repeat: int = 5) -> list[Row]:
    """Every row of the page."""
    rows: list[Row] = []
    for kind, options in KINDS.items():
        with tempfile.TemporaryDirectory() as scratch:
            server = MlflowServer(Path(scratch) / "server", options=options)
            server.start()
            try:
                rows += exported(server, Path(scratch), repeat, kind)
                rows += ingested(server, Path(scratch), kind)
            finally:
                server.stop()
    with tempfile.TemporaryDirectory() as scratch:
        rows += streamed(Path(scratch))
        rows.append(listed(Path(scratch)))
    return rows


def exported(server: MlflowServer, folder: Path, repeat: int, kind: str) -> list[Row]:
    """20 launcher jobs of 59 metrics and 4 files, one run each and one run in all, beside a sequential MlflowClient."""
    client = MlflowClient(server.url)
    times: dict[str, list[float]] = {"stock": [], "job": [], "invocation": []}
    for number in range(repeat + 1):
        inv = f"{number:016x}"
        settings = settings_of(folder, server.url)
        write_jobs(folder, inv)
        with redirect_stdout(io.StringIO()):  # the stock client prints two lines a run
            times["stock"].append(timed(partial(stock_export, client, folder, inv)))
        for runs in ("job", "invocation"):
            options = read_options({"runs": runs, "experiment_name": f"ours {runs}"})
            times[runs].append(timed(partial(checked, inv, options, settings)))
    stock = statistics.median(times["stock"][1:])
    rows = []
    for runs in ("job", "invocation"):
        ours = statistics.median(times[runs][1:])
        factor = stock / ours
        is_judged = runs == "job"
        rows.append(
            Row(
                what=f"export of {JOBS} jobs, runs: {runs}, {kind}",
                floor=f"{stock:.2f} s",
                evaltrail=f"{ours:.2f} s",
                ratio=f"{factor:.2f} faster",
                must=">= 1.5 faster" if is_judged else "",
                stretch=">= 2 faster" if is_judged else "",
                is_must=factor >= 1.5 if is_judged else None,
                is_stretch=factor >= 2,
            )
        )
    return rows


def checked(inv: str, options: Any, settings: Settings) -> None:
    done = export_invocations([inv], options, settings)
    assert done.exit_code == 0, done.errors


def stock_export(client: MlflowClient, folder: Path, inv: str) -> None:
    """What a careful script does: one batch a run, one call a file."""
    name = "stock"
    found = client.get_experiment_by_name(name)
    experiment_id = found.experiment_id if found else client.create_experiment(name)
    for number in range(JOBS):
        job = job_folder(folder, inv, number)
        with (job / "artifacts" / "results.yml").open() as file:
            results = yaml.load(file, Loader=yaml.CSafeLoader)
        values = [
            Metric(f"{task}_score_micro", metric["scores"]["micro"]["value"], 1_700_000_000_000, 0)
            for task, part in results["results"]["tasks"].items()
            for metric in part["metrics"].values()
        ]
        created = client.create_run(experiment_id, run_name=f"eval-{inv}-{number}", tags={"job_id": f"{inv}.{number}"})
        params = [Param(f"param {place}", str(place)) for place in range(10)]
        client.log_batch(created.info.run_id, metrics=values, params=params, tags=[RunTag("invocation_id", inv)])
        for path in sorted((job / "artifacts").iterdir()):
            client.log_artifact(created.info.run_id, str(path), "artifacts")
        client.set_terminated(created.info.run_id)


def write_jobs(folder: Path, inv: str) -> None:
    """The job folders of one invocation, and their lines in the execution database."""
    chance = random.Random(inv)
    lines = []
    for number in range(JOBS):
        job = job_folder(folder, inv, number)
        (job / "artifacts").mkdir(parents=True)
        (job / "logs").mkdir()
        tasks = {
            f"subject_{place}": {"metrics": {"score": {"scores": {"micro": {"value": chance.random()}}}}}
            for place in range(METRICS)
        }
        target = {"api_endpoint": {"model_id": "model", "url": "http://host/v1", "type": "chat"}}
        results = {"command": "run", "config": {"type": "mmlu", "params": {"limit_samples": 10}}, "target": target}
        write_yaml(job / "artifacts" / "results.yml", {**results, "results": {"tasks": tasks}})
        write_yaml(job / "artifacts" / "run_config.yml", {"framework_name": "simple_evals", "config": {"type": "mmlu"}})
        write_yaml(job / "artifacts" / "metadata.yaml", {"versioning": {}, "launcher_command": "run"})
        (job / "artifacts" / "eval_factory_metrics.json").write_text('{"evaluation": {}}')
        (job / "logs" / "stage.running").write_text("2025-12-19T11:27:33Z\n")
        (job / "logs" / "stage.exit").write_text("2025-12-19T11:30:33Z 0\n")
        line = {"invocation_id": inv, "job_id": f"{inv}.{number}", "timestamp": 1.7e9, "executor": "local"}
        lines.append(json.dumps({**line, "data": {"output_dir": str(job)}, "config": {}}))
    with (folder / "exec.v1.jsonl").open("a") as database:
        database.write("\n".join(lines) + "\n")


def write_yaml(file: Path, value: object) -> None:
    file.write_text(yaml.dump(value, Dumper=yaml.CSafeDumper))


def job_folder(folder: Path, inv: str, number: int) -> Path:
    return folder / "jobs" / f"20251219_112733-{inv}" / f"mmlu.{number}"


def settings_of(folder: Path, url: str) -> Settings:
    environ = {
        "EVALTRAIL_HOME": str(folder / "home"),
        "MLFLOW_TRACKING_URI": url,
        "NEMO_EVALUATOR_EXEC_DB_FILE": str(folder / "exec.v1.jsonl"),
        "HOME": str(folder),
    }
    return load_settings(environ, dotenv=None)


def ingested(server: MlflowServer, folder: Path, kind: str) -> list[Row]:
    """1,000 small result files, a run each, beside 8 threads of raw REST that send as little as that takes."""
    results = folder / "results"
    for number in range(FILES):
        place = results / f"{number:04}" / "automatic" / "beir" / "results"
        place.mkdir(parents=True)
        (place / "beir.json").write_text(json.dumps({"NDCG@10": number / FILES, "Recall@100": number / 3}))
    order = IngestOrder(
        search=Search(paths=(results,)), delivery=DeliveryOptions(layout="per_file", experiment="ingested")
    )
    settings = settings_of(folder, server.url)

    def ours() -> None:
        done = ingest_results(order, settings)
        assert (len(done.receipts), done.errors) == (FILES, ()), done.errors

    files = sorted(results.rglob("beir.json"))
    half = len(files) // 2
    floor_s = timed(lambda: raw_rest(server, files[:half], "floor 1"))
    ours_s = timed(ours)
    floor_s += timed(lambda: raw_rest(server, files[half:], "floor 2"))
    again_s = timed(ours)
    ours_rate, floor_rate = FILES / ours_s, FILES / floor_s
    must = min(20.0, 0.7 * floor_rate)
    return [
        Row(
            what=f"ingest of {FILES:,} files, {kind}",
            floor=f"{floor_rate:.0f} runs/s",
            evaltrail=f"{ours_rate:.0f} runs/s",
            ratio=f"{ours_rate / floor_rate:.2f}",
            must=f">= {must:.0f} runs/s",
            is_must=ours_rate >= must,
        ),
        Row(what=f"the same again, which changes nothing, {kind}", evaltrail=f"{FILES / again_s:.0f} runs/s"),
        *(flat(server, folder, results) if kind == "uvloop" else ()),
    ]


def flat(server: MlflowServer, folder: Path, results: Path) -> list[Row]:
    """Memory of the whole command for a tenth of the files and for all of them."""
    environ = {**os.environ, "EVALTRAIL_HOME": str(folder / "flat"), "MLFLOW_TRACKING_URI": server.url}
    command = [str(EVALTRAIL), "ingest", str(results), "--layout", "per_file", "--experiment", "flat"]
    few = peak_of([*command, "--include", "0[0]*/automatic/*", "--json"], environ)
    many = peak_of([*command, "--json"], environ)
    kilobytes = (many - few) * 1000 / (FILES * 0.9)
    return [
        Row(what=f"ingest of {FILES // 10} files: memory", evaltrail=f"{few:.0f} MB"),
        Row(what=f"ingest of {FILES:,} files: memory", evaltrail=f"{many:.0f} MB", ratio=f"{kilobytes:.1f} KB a file"),
    ]


def raw_rest(server: MlflowServer, files: list[Path], experiment: str) -> None:
    local = threading.local()

    def ask(method: str, path: str, body: bytes) -> dict[str, Any]:
        if not hasattr(local, "wire"):
            local.wire = http.client.HTTPConnection("127.0.0.1", server.port)
        local.wire.request(method, path, body, {"Content-Type": "application/json"})
        answer: dict[str, Any] = json.loads(local.wire.getresponse().read() or b"{}")
        return answer

    def post(call: str, **values: object) -> dict[str, Any]:
        return ask("POST", f"/api/2.0/mlflow/{call}", json.dumps(values).encode())

    experiment_id = post("experiments/create", name=experiment)["experiment_id"]

    def land(file: Path) -> None:
        info = post("runs/create", experiment_id=experiment_id, start_time=1, tags=[{"key": "k", "value": "v"}])
        run = info["run"]["info"]
        metrics = [{"key": key, "value": 0.5, "timestamp": 1, "step": 0} for key in ("NDCG_at_10", "Recall_at_100")]
        post("runs/log-batch", run_id=run["run_id"], metrics=metrics, params=[{"key": "a", "value": "b"}])
        place = run["artifact_uri"].removeprefix("mlflow-artifacts:").strip("/")
        ask("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{place}/beir.json", file.read_bytes())
        post("runs/update", run_id=run["run_id"], status="FINISHED", end_time=2)

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(land, files))


def streamed(folder: Path) -> list[Row]:
    """A samples file of 2 GB beside its results: memory of the whole command, at most 300 MB."""
    server = MlflowServer(folder / "server")
    server.start()
    try:
        results = folder / "results"
        results.mkdir()
        stamp = "2026-01-01T00-00-00.000000"
        rows = write_samples(results / f"samples_task_{stamp}.jsonl")
        body = {
            "results": {"task": {"acc,none": 0.5, "acc_stderr,none": 0.01, "alias": "task"}},
            "n-samples": {"task": {"original": rows, "effective": rows}},
            "versions": {"task": 1},
            "n-shot": {"task": 0},
            "config": {"model": "hf"},
        }
        (results / f"results_{stamp}.json").write_text(json.dumps(body))
        environ = {**os.environ, "EVALTRAIL_HOME": str(folder / "home"), "MLFLOW_TRACKING_URI": server.url}
        started = time.perf_counter()
        command = [str(EVALTRAIL), "ingest", str(results), "--json"]
        peak_mb = peak_of(command, environ)
        seconds = time.perf_counter() - started
    finally:
        server.stop()
    size = BIG_BYTES / 1e9
    return [
        Row(
            what=f"ingest of {size:g} GB of samples, {rows:,} rows: memory",
            evaltrail=f"{peak_mb:.0f} MB",
            must="<= 300 MB",
            is_must=peak_mb <= 300,
        ),
        Row(what="the same: time", evaltrail=f"{seconds:.0f} s"),
    ]


def write_samples(file: Path) -> int:
    """A file of 2 GB with rows of 20 KB, as long documents give them; how many."""
    text = "word " * 3900
    row = {"doc": {"question": text}, "target": "yes", "arguments": [["Question?", {}]], "resps": [["yes"]]}
    count = 0
    with file.open("w") as out:
        while out.tell() < BIG_BYTES:
            rest = {"doc_id": count, "filtered_resps": ["yes"], "filter": "none", "metrics": ["acc"], "acc": 1.0}
            out.write(json.dumps({**row, **rest}) + "\n")
            count += 1
    return count


def peak_of(command: list[str], environ: dict[str, str]) -> float:
    """Megabytes that a command needed at most, as the kernel counted."""
    wrapper = (
        "import resource, subprocess, sys;"
        "done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(done.returncode)"
    )
    done = subprocess.run(
        [sys.executable, "-c", wrapper, *command], env=environ, check=True, capture_output=True, text=True
    )
    return int(done.stdout) * 1024 / 1e6


def listed(folder: Path) -> Row:
    """Wall time of the whole command over 1,000 jobs of 50 invocations, median of 5."""
    for number in range(50):
        write_jobs(folder, f"{number:016x}")
    database = str(folder / "exec.v1.jsonl")
    environ = {**os.environ, "EVALTRAIL_HOME": str(folder / "home"), "NEMO_EVALUATOR_EXEC_DB_FILE": database}
    command = [str(EVALTRAIL), "ls", "runs"]
    times = [timed(lambda: subprocess.run(command, env=environ, check=True, capture_output=True)) for _ in range(5)]
    seconds = statistics.median(times)
    return Row(
        what="evaltrail ls runs, 1,000 jobs", evaltrail=f"{seconds:.2f} s", must="<= 0.3 s", is_must=seconds <= 0.3
    )


def timed(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def main() -> None:
    for row in run(int(sys.argv[1]) if len(sys.argv) > 1 else 5):
        print("  ".join(row.cells))


if __name__ == "__main__":
    main()

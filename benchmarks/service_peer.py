"""The evaluation service beside Eval Hub's own server (Go): submissions, lists, memory; and what a burst leaves.

Usage: python benchmarks/service_peer.py [REPEATS]

Needs two cores, and a package index for the peer, which is installed once into a folder of its own. Run alone.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from goals import Row, at_least_times, at_most, exactly, show
from http_load import Course, ask, delete, get, post
from measure import NotMeasuredError, two_cores
from mlflow_server import MlflowServer, free_port

PEER = "eval-hub-server==1.0.2"
EVALTRAIL = Path(sys.executable).with_name("evaltrail")
HUB, SEED = "/api/v1/evaluations/jobs", "/api/v1/evaluations"
CONNECTIONS = 4
POSTS = 1000
ASKING_MLFLOW = 100
"""Posts to a server that asks MLflow for each: that is enough to know its rate."""
LISTED = 10_000
LISTS = 200
PAGES = 20
CANCELLED = 200
BURST, BURST_CONNECTIONS = 1000, 8
START_S = 60.0
MUST_POST, MUST_EXPERIMENT, MUST_LIST = 1.5, 5.0, 1.2
MUST_IDLE_MB, MUST_PAGE_MS, MUST_BURST_MS = 120, 50, 250
PEERS_JOBS = Path("/tmp/evalhub-jobs")
"""Where the peer keeps a folder for each job, whatever it is told."""
COMMAND = "runtime: {local: {command: ':'}}"
PROVIDER = """\
resource: {id: lm_evaluation_harness}
id: lm_evaluation_harness
name: lm_evaluation_harness
title: lm-evaluation-harness
benchmarks:
  - {id: arc_easy, name: ARC easy, category: reasoning, metrics: [acc], num_few_shot: 0, dataset_size: 2376}
"""
CONFIG = """\
service: {{port: {port}, host: 127.0.0.1, disable_auth: true}}
database: {{driver: sqlite, url: "file::eval_hub:?mode=memory&cache=shared"}}
"""
WAY = (
    f"Both servers on one core each time, the generator on the other, {CONNECTIONS} connections kept open; the same "
    f"bytes to both, in turn, {POSTS:,} requests a repetition after one that is not counted; medians. The peer as it "
    f"comes ({PEER}, `-local`, its database in memory, each job's command is the shell's `:`); ours with its jobs on "
    "disk (sqlite, NORMAL), no worker, no rate limit. The row that only informs: the peer with a provider that has no "
    f"command, so that every job it accepts fails at once. With an experiment: a real MLflow server beside the "
    f"generator. Pages: {LISTED:,} evaluations, medians of {PAGES}, one more accepted before each. The burst: "
    f"{BURST:,} submissions, each sent twice under its key, shuffled, {BURST_CONNECTIONS} connections."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server that answers."""

    port: int
    pid: int

    @property
    def resident_mb(self) -> float:
        """Memory resident now."""
        try:
            found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{self.pid}/status").read_text(encoding="ascii"))
        except OSError:
            found = None
        if found is None:
            raise NotMeasuredError("memory is read from /proc, which is not there")
        return int(found[1]) / 1024


def run(repeats: int = 5) -> list[Row]:
    """Every row of the page.

    Raises:
        NotMeasuredError: the peer cannot be installed, or one of the two does not do its work.
    """
    binary = installed_peer()
    rows: list[Row] = []
    with two_cores() as prefix, tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        with ExitStack() as stack:
            peer = stack.enter_context(peer_server(binary, folder / "peer", prefix, COMMAND))
            bare = stack.enter_context(peer_server(binary, folder / "bare", prefix))
            ours = stack.enter_context(our_server(folder / "ours", prefix))
            rows.append(idle_memory(peer, ours))
            rows += posts(peer, bare, ours, repeats)
            rows += lists(peer, ours, repeats)
        rows.append(with_experiment(binary, folder, prefix, repeats))
        with our_server(folder / "many", prefix) as ours:
            rows += pages(ours)
            rows += burst(ours)
            rows.append(Row(what="memory of the API after all of that", evaltrail=f"{ours.resident_mb:.0f} MB"))
    return rows


def idle_memory(peer: Server, ours: Server) -> Row:
    """Once each server has accepted one job and listed it."""
    for server in (peer, ours):
        ask(server.port, [post(HUB, body())], connections=1, status=202)
        ask(server.port, [get(HUB)], connections=1, status=200)
    return at_most("memory of the API, idle", ours.resident_mb, "MB", MUST_IDLE_MB, floor=f"{peer.resident_mb:.0f} MB")


def posts(peer: Server, bare: Server, ours: Server, repeats: int) -> list[Row]:
    """Submissions a second, and what the slowest hundredth takes."""
    same = [post(HUB, body())] * POSTS
    seed = [post(SEED, seed_body())] * POSTS
    rounds = [(accepted(peer, same), accepted(bare, same), accepted(ours, same)) for _ in range(repeats + 1)][1:]
    theirs, failing, own = (tuple(courses) for courses in zip(*rounds, strict=True))
    by_seed = [accepted(ours, seed) for _ in range(repeats)]
    informing = at_least_times("POST/s, beside a peer whose jobs all fail at once", middle(failing), middle(own), 0)
    return [
        at_least_times(f"POST/s, {CONNECTIONS} connections", middle(theirs), middle(own), MUST_POST),
        at_most_times("POST, p99", tail(theirs), tail(own)),
        informs(informing),
        informs(at_most_times("POST, p99, beside that peer", tail(failing), tail(own))),
        Row(what="POST/s as seed 001 spells it", evaltrail=f"{middle(by_seed):,.0f}"),
    ]


def lists(peer: Server, ours: Server, repeats: int) -> list[Row]:
    """Pages of 50, with as many jobs in both: a second while nothing changes, and after each change."""
    for server in (peer, ours):
        missing = LISTED - total(server)
        if missing > 0:
            accepted(server, [post(HUB, body())] * missing)
    page = [get(f"{HUB}?limit=50")] * LISTS

    def found(server: Server) -> Course:
        course = ask(server.port, page, connections=CONNECTIONS, status=200)
        if len(json.loads(course.answers[-1].body)["items"]) != 50:
            raise NotMeasuredError("a page does not hold 50 jobs")
        return course

    rounds = [(found(peer), found(ours)) for _ in range(repeats + 1)][1:]
    theirs, own = (tuple(courses) for courses in zip(*rounds, strict=True))
    changed = (fresh_ms(peer, f"{HUB}?limit=50"), fresh_ms(ours, f"{HUB}?limit=50"))
    return [
        at_least_times(f"list/s, 50 of {LISTED:,}, nothing changes", middle(theirs), middle(own), MUST_LIST),
        informs(at_most_times("list, 50, each after one more job", *changed)),
    ]


def with_experiment(binary: Path, folder: Path, prefix: tuple[str, ...], repeats: int) -> Row:
    """Submissions a second whose results are to land in an MLflow experiment."""
    mlflow = MlflowServer(folder / "mlflow")
    mlflow.start()
    try:
        tagged = {"name": "beside", "tags": [{"key": "environment", "value": "benchmark"}]}
        request = post(HUB, body(experiment=tagged))
        where = {"MLFLOW_TRACKING_URI": mlflow.url}
        config = f"mlflow: {{tracking_uri: '{mlflow.url}'}}\n"
        with (
            peer_server(binary, folder / "tracked", prefix, COMMAND, config) as peer,
            our_server(folder / "tracking", prefix, where) as ours,
        ):
            rounds = [
                (accepted(peer, [request] * ASKING_MLFLOW), accepted(ours, [request] * POSTS))
                for _ in range(repeats + 1)
            ][1:]
    finally:
        mlflow.stop()
    theirs, own = (tuple(courses) for courses in zip(*rounds, strict=True))
    return at_least_times("POST/s with an experiment, MLflow answering", middle(theirs), middle(own), MUST_EXPERIMENT)


def pages(ours: Server) -> list[Row]:
    """What one page of many evaluations takes, however it is filtered."""
    requests = [
        post(
            SEED,
            seed_body(
                name=f"night {number % 100}",
                experiment={"name": f"area {number % 50}", "tags": {"team": f"t{number % 20}"}},
            ),
        )
        for number in range(LISTED)
    ]
    ids = [json.loads(answer.body)["id"] for answer in accepted(ours, requests).answers]
    gone = [delete(f"{SEED}/{each}") for each in ids[:: LISTED // CANCELLED]]
    ask(ours.port, gone, connections=CONNECTIONS, status=202)
    asked = {
        "all": "",
        "by status": "status=cancelled",
        "by tag": "tag=team:t7",
        "by experiment": "experiment=area%207",
        "by name": "name=night%207",
        "by all of these": "status=pending&tag=team:t7&experiment=area%207&name=night%207",
    }
    rows = []
    for what, query in asked.items():
        rows.append(at_most(f"a page of 50, {what}", fresh_ms(ours, f"{SEED}?limit=50&{query}"), "ms", MUST_PAGE_MS))
    cursor, times = "", []
    for _ in range(LISTED // 100):
        course = ask(ours.port, [get(f"{SEED}?limit=100&cursor={cursor}")], connections=1, status=200)
        times.append(course.p50_ms)
        cursor = json.loads(course.answers[0].body)["next_cursor"] or ""
    slow = sorted(times)[len(times) * 95 // 100]
    rows.append(at_most("all pages of 100 by cursor, p95", slow, "ms", MUST_PAGE_MS))
    return rows


def burst(ours: Server) -> list[Row]:
    """Whether every submission of a burst is there, once."""
    before = total(ours)
    keys = [f"burst-{number}" for number in range(BURST)] * 2
    random.Random(7).shuffle(keys)
    requests = [post(SEED, seed_body(name=key), {"Idempotency-Key": key}) for key in keys]
    course = ask(ours.port, requests, connections=BURST_CONNECTIONS, status=202)
    found: dict[str, set[str]] = {key: set() for key in keys}
    for key, answer in zip(keys, course.answers, strict=True):
        found[key].add(json.loads(answer.body)["id"])
    ids = {each for several in found.values() for each in several}
    told = f"{len(ids):,} ids, {total(ours) - before:,} more"
    return [
        exactly(f"{BURST:,} submissions, each sent twice", told, f"{BURST:,} ids, {BURST:,} more"),
        at_most("their p99", course.p99_ms, "ms", MUST_BURST_MS),
    ]


def body(**more: object) -> bytes:
    """A submission that both servers understand."""
    benchmark = {"id": "arc_easy", "provider_id": "lm_evaluation_harness", "parameters": {"num_fewshot": 0}}
    model = {"url": "http://127.0.0.1:9/v1", "name": "mock"}
    return json.dumps({"name": "beside", "model": model, "benchmarks": [benchmark], **more}).encode()


def seed_body(**more: object) -> bytes:
    """A submission as seed 001 spells it."""
    benchmark = {"benchmark_id": "arc_easy", "provider_id": "lm_evaluation_harness", "config": {"num_fewshot": 0}}
    model = {"server": "vllm", "name": "mock", "configuration": {"temperature": 0.1, "max_tokens": 512}}
    return json.dumps({"model": model, "benchmarks": [benchmark], **more}).encode()


def accepted(server: Server, requests: Sequence[bytes]) -> Course:
    return ask(server.port, requests, connections=CONNECTIONS, status=202)


def fresh_ms(server: Server, path: str) -> float:
    """What one page takes when one more job was accepted since the last."""
    times = []
    for _ in range(PAGES):
        accepted(server, [post(HUB, body())])
        times.append(ask(server.port, [get(path)], connections=1, status=200).p50_ms)
    return statistics.median(times)


def total(server: Server) -> int:
    """How many jobs a server has."""
    course = ask(server.port, [get(f"{HUB}?limit=1")], connections=1, status=200)
    count: int = json.loads(course.answers[0].body)["total_count"]
    return count


def middle(courses: Sequence[Course]) -> float:
    return statistics.median(course.rate for course in courses)


def tail(courses: Sequence[Course]) -> float:
    return statistics.median(course.p99_ms for course in courses)


def at_most_times(what: str, theirs_ms: float, ours_ms: float) -> Row:
    """Milliseconds that are to be no more than another's."""
    return Row(
        what=what,
        floor=f"{theirs_ms:.1f} ms",
        evaltrail=f"{ours_ms:.1f} ms",
        ratio=f"{ours_ms / theirs_ms:.2f}",
        must="<= 1 x",
        is_must=ours_ms <= theirs_ms,
    )


def informs(row: Row) -> Row:
    """The row without its goal."""
    return Row(what=row.what, floor=row.floor, evaltrail=row.evaltrail, ratio=row.ratio)


@contextmanager
def our_server(folder: Path, prefix: tuple[str, ...], more: Mapping[str, str] | None = None) -> Iterator[Server]:
    """`evaltrail serve` with a home of its own."""
    environ = {
        "EVALTRAIL_HOME": str(folder / "home"),
        "EVALTRAIL_RATE_LIMIT": "0",
        "EVALTRAIL_ALLOW_PRIVATE_URLS": "127.0.0.1",
        "EVALTRAIL_DATA_ROOT": str(folder),
        **(more or {}),
    }
    port = free_port()
    with started((*prefix, str(EVALTRAIL), "serve", "--port", str(port)), folder, environ, port, "/health") as server:
        yield server


@contextmanager
def peer_server(
    binary: Path, folder: Path, prefix: tuple[str, ...], runtime: str = "", more: str = ""
) -> Iterator[Server]:
    """The peer with one provider and no collections.

    Args:
        binary: of it.
        folder: for its configuration.
        prefix: pins it to a core.
        runtime: the provider's, a line of its file; empty = it cannot run anything.
        more: further lines of the configuration.
    """
    port = free_port()
    for name in ("providers", "collections"):
        (folder / "config" / name).mkdir(parents=True)
    (folder / "config" / "config.yaml").write_text(CONFIG.format(port=port) + more, encoding="utf-8")
    (folder / "config" / "providers" / "harness.yaml").write_text(f"{PROVIDER}{runtime}\n", encoding="utf-8")
    command = (*prefix, str(binary), "-local", "-configdir", str(folder / "config"))
    before = set(PEERS_JOBS.glob("*"))
    try:
        with started(command, folder, {}, port, "/api/v1/health") as server:
            yield server
    finally:
        for job in set(PEERS_JOBS.glob("*")) - before:
            shutil.rmtree(job, ignore_errors=True)


@contextmanager
def started(
    command: Sequence[str], folder: Path, environ: Mapping[str, str], port: int, health: str
) -> Iterator[Server]:
    """A server while the block runs, once it answers; its log goes into a file."""
    folder.mkdir(parents=True, exist_ok=True)
    # Nothing of the user's: no proxy, no key, no other MLflow.
    own = {"PATH": os.environ.get("PATH", ""), "HOME": str(folder), **environ}
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=own, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        wait_for(lambda: ask(port, [get(health)], connections=1, status=200), process, folder / "log.txt")
        yield Server(port=port, pid=process.pid)
    finally:
        process.terminate()
        process.wait(timeout=START_S)


def wait_for(look: Callable[[], object], process: subprocess.Popen[bytes], log: Path) -> None:
    ends = time.monotonic() + START_S
    while True:
        try:
            look()
        except (OSError, NotMeasuredError):
            if process.poll() is not None or time.monotonic() > ends:
                raise NotMeasuredError(f"{process.args!r} does not answer: {log.read_text()[-500:]}") from None
            time.sleep(0.05)
        else:
            return


def installed_peer() -> Path:
    """The peer's server, installed when it is not yet.

    Raises:
        NotMeasuredError: it cannot be installed here.
    """
    folder = Path(tempfile.gettempdir()) / f"evaltrail-benchmark-{PEER.replace('==', '-')}-{os.getuid()}"
    binary = folder / "bin" / "eval-hub"
    if binary.is_file():
        return binary
    venv.create(folder, with_pip=True)
    command = (str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", PEER)
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode or not binary.is_file():
        raise NotMeasuredError(f"{PEER} cannot be installed: {done.stderr.strip()[-300:]}")
    return binary


def main() -> int:
    return show(run(int(sys.argv[1]) if len(sys.argv) > 1 else 5), WAY)


if __name__ == "__main__":
    sys.exit(main())

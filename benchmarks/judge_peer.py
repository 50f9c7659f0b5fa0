"""Judging stored outputs: evaltrail beside the async floor and beside mlflow.genai.evaluate, with the same judge.

Usage: python benchmarks/judge_peer.py [REPEAT]
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from goals import Row, at_least_times, show
from measure import Measured, MockEndpoint, NotMeasuredError, measure, two_cores
from mlflow_server import MlflowServer

IN_FLIGHT = 64
LATENCY_MS = 20.0
MANY, FEW = 2000, 150
SAYS = json.dumps(json.dumps({"rationale": "It says what was asked for.", "score": 4, "result": 4}))
"""What the mock says to every question, as both judges want it."""
GRADING = "Rate how well the output answers the input, on a scale of 1-5, where 5 is best."
FLOOR = Path(__file__).with_name("floor_client.py")
EVALTRAIL = Path(sys.executable).with_name("evaltrail")
TASK = """\
name: answers
dataset: answers-{count}.jsonl
prompt: "{{{{ question }}}}"
output: "{{{{ said }}}}"
metrics: [quality: {{definition: "How well the output answers the input.", grading_prompt: "{grading}"}}]
"""
PEER = """
import json, sys, time
import mlflow
from mlflow.genai.judges import make_judge
tracking, url, file, grading = sys.argv[1:]
mlflow.set_tracking_uri(tracking)
mlflow.set_experiment("judging")
rows = [json.loads(line) for line in open(file)]
data = [{"inputs": {"question": row["question"]}, "outputs": row["said"]} for row in rows]
judge = make_judge(
    name="quality",
    instructions=grading + " Input: {{ inputs }} Output: {{ outputs }}",
    model="openai:/mock",
    base_url=url + "/chat/completions",
    feedback_value_type=int,
)
mlflow.genai.evaluate(data=data[:5], scorers=[judge])
began = time.perf_counter()
result = mlflow.genai.evaluate(data=data, scorers=[judge])
print(json.dumps({"seconds": time.perf_counter() - began, "mean": result.metrics.get("quality/mean")}))
"""
OURS = """
import json, sys, time
from evaltrail import evaluate
from evaltrail.metrics import make_genai_metric
tracking, url, file, grading = sys.argv[1:]
rows = [json.loads(line) for line in open(file)]
data = [{"inputs": {"question": row["question"]}, "outputs": row["said"]} for row in rows]
judge = make_genai_metric(name="quality", definition="How well it answers.", grading_prompt=grading)
where = {"judge": f"{url}#mock", "tracking_uri": tracking, "experiment": "judging", "concurrency": 64}
evaluate(data=data[:5], predictions="outputs", extra_metrics=[judge], **where)
began = time.perf_counter()
result = evaluate(data=data, predictions="outputs", extra_metrics=[judge], **where)
assert result.receipts and result.metrics["quality_n"] == len(rows)
print(json.dumps({"seconds": time.perf_counter() - began, "mean": result.metrics["quality"]}))
"""
WAY = (
    f"Stored outputs graded by one judge at a mock of {LATENCY_MS:g} ms a call. Calls/s: {MANY:,} rows, {IN_FLIGHT} in "
    "flight, from the first request to the last answer, one core for the client; the floor sends the same texts with "
    f"floor_client.py (raw). Rows/s: {FEW} rows, the whole call of `evaltrail.evaluate` and of `mlflow.genai.evaluate` "
    "(both after a first call of 5 rows, landing in the same MLflow server), with the same question; medians."
)


def run(repeat: int = 5) -> list[Row]:
    """Every row of the page.

    Raises:
        NotMeasuredError: one of the contestants did not do its work.
    """
    with two_cores() as prefix, tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        pairs = [(floor(folder, prefix), judged(folder, prefix, MANY)) for _ in range(repeat + 1)][1:]
        floor_rate = statistics.median(one.rate for one, _ in pairs)
        rate = statistics.median(one.rate for _, one in pairs)
    what = f"judge calls/s, {IN_FLIGHT} in flight"
    rows = [at_least_times(what, floor_rate, rate, 0.5)]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        server = MlflowServer(folder / "mlflow")
        server.start()
        try:
            theirs = statistics.median(call_rate(PEER, folder, server.url) for _ in range(min(repeat, 3)))
            ours = statistics.median(call_rate(OURS, folder, server.url) for _ in range(repeat))
        finally:
            server.stop()
    what = f"judged rows/s, {FEW} rows, beside mlflow.genai.evaluate"
    return [*rows, at_least_times(what, theirs, ours, 70)]


def judged(folder: Path, prefix: tuple[str, ...], count: int, *flags: str) -> Measured:
    """One `evaltrail run` over stored outputs; delivered where flags say so."""
    answers(folder, count)
    task = folder / f"answers-{count}.yaml"
    task.write_text(TASK.format(count=count, grading=GRADING), encoding="utf-8")
    with tempfile.TemporaryDirectory(dir=folder) as home, endpoint() as mock:
        command = (*prefix, str(EVALTRAIL), "run", str(task), "--model=baseline:majority", "--json", "--fresh")
        how = (f"--param=judge={mock.url}#mock", f"--concurrency={IN_FLIGHT}", *(flags or ("--no-deliver",)))
        done = measure((*command, *how), mock, folder=folder, environ=environ(Path(home)))
    if (found := json.loads(done.output)["metrics"]["answers/quality"])["n"] != count or found["value"] != 4:
        raise NotMeasuredError(f"the judge came to {found}")
    return done


def floor(folder: Path, prefix: tuple[str, ...]) -> Measured:
    """The same number of questions as long, by the raw client."""
    texts = [
        {"id": str(number), "question": f"{GRADING}\n" * 6 + row["question"] + row["said"], "answer": "4"}
        for number, row in enumerate(answers(folder, MANY))
    ]
    file = folder / "questions.jsonl"
    file.write_text("".join(json.dumps(text) + "\n" for text in texts), encoding="utf-8")
    with endpoint() as mock:
        command = (*prefix, sys.executable, str(FLOOR), "--client=raw", "--loop=uvloop", f"--data={file}")
        where = (f"--base-url={mock.url}", f"--concurrency={IN_FLIGHT}", f"--out={folder / 'floor.jsonl'}")
        return measure((*command, *where), mock, folder=folder, environ=environ(folder))


def call_rate(program: str, folder: Path, tracking: str) -> float:
    """Rows a second of one call, made by a program of its own."""
    answers(folder, FEW)
    with endpoint() as mock, tempfile.TemporaryDirectory(dir=folder) as home:
        done = subprocess.run(
            [sys.executable, "-c", program, tracking, mock.url, str(folder / f"answers-{FEW}.jsonl"), GRADING],
            env={**environ(Path(home)), "OPENAI_API_KEY": "none"},
            cwd=home,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    if done.returncode:
        raise NotMeasuredError(f"the call ended with {done.returncode}: {done.stderr[-500:]}")
    said = json.loads(done.stdout.strip().split("\n")[-1])
    if said["mean"] != 4:
        raise NotMeasuredError(f"the judge came to {said['mean']}")
    rate: float = FEW / said["seconds"]
    return rate


def answers(folder: Path, count: int) -> list[dict[str, str]]:
    """The rows, written down too."""
    rows = [
        {"question": f"Item {n}: What is {n} + 101?", "said": f"The sum of {n} and 101 is {n + 101}."}
        for n in range(count)
    ]
    file = folder / f"answers-{count}.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return rows


def endpoint() -> MockEndpoint:
    return MockEndpoint(latency_ms=LATENCY_MS, raw_content=SAYS)


def environ(home: Path) -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", ""), "HOME": str(home), "EVALTRAIL_HOME": str(home / "evaltrail")}


def main() -> int:
    return show(run(int(sys.argv[1]) if len(sys.argv) > 1 else 3), WAY)


if __name__ == "__main__":
    sys.exit(main())

"""A harness task through our engine beside lm-eval's own client for chat endpoints: the CPU of 2,000 items.

Usage: python benchmarks/lm_eval_peer.py [REPEATS]

Needs ``lm-eval[api]`` beside evaltrail. The same task file, data and mock server for all; each runs once before
it counts.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from goals import Row, show
from lab import LATENCY_MS
from make_data import item
from measure import Measured, MockEndpoint, NotMeasuredError, measure, median, two_cores

ITEMS = 2_000
IN_FLIGHT = 64
WAY = (
    f"{ITEMS:,} items of a local harness task (generate_until), {IN_FLIGHT} in flight, {LATENCY_MS:g} ms a call, "
    "samples written; CPU seconds of the whole process with its children. The command: `lm_eval run --model "
    "local-chat-completions`; lean: the same client called from Python without an index of the harness's own tasks."
)
_TASK = """\
task: sums
dataset_path: json
dataset_kwargs: {{data_files: {{test: {data}}}}}
test_split: test
output_type: generate_until
doc_to_text: "{{{{question}}}}"
doc_to_target: "{{{{answer}}}}"
generation_kwargs: {{until: ["\\n"], max_gen_toks: 16, temperature: 0}}
metric_list: [{{metric: exact_match, aggregation: mean, higher_is_better: true}}]
"""
_LEAN = """\
import json, sys
from lm_eval.evaluator import simple_evaluate
from lm_eval.loggers import EvaluationTracker
from lm_eval.tasks import TaskManager
folder, url, out = sys.argv[1:]
tracker = EvaluationTracker(output_path=out)
arguments = {"model": "mock", "base_url": url, "num_concurrent": %d, "max_retries": 5}
found = simple_evaluate(
    model="local-chat-completions", model_args=arguments, tasks=["sums"], apply_chat_template=True,
    task_manager=TaskManager(include_path=folder, include_defaults=False), evaluation_tracker=tracker,
)
samples = found.pop("samples")
tracker.save_results_aggregated(found, samples)
tracker.save_results_samples("sums", samples["sums"])
"""


class Bench:
    """The task's folder, and how each contestant is run.

    Args:
        folder: for everything that is written.
        prefix: goes before a command to pin it to a core.
    """

    def __init__(self, folder: Path, prefix: tuple[str, ...]) -> None:
        self._folder, self._prefix = folder, prefix
        self._tasks = folder / "tasks"
        self._tasks.mkdir()
        data = self._tasks / "items.jsonl"
        data.write_text("".join(json.dumps(item(number)) + "\n" for number in range(ITEMS)), encoding="utf-8")
        (self._tasks / "sums.yaml").write_text(_TASK.format(data=data), encoding="utf-8")

    def evaltrail(self) -> Measured:
        """Our run, its bundle written."""
        command = (str(Path(sys.executable).with_name("evaltrail")), "run", "lm_evaluation_harness/sums")
        options = ("--model=mock", f"--param=include_path={self._tasks}", "--no-deliver", "--fresh", "--json")
        return self._measure(lambda url: (*command, *options, f"--concurrency={IN_FLIGHT}", f"--url={url}"))

    def command(self) -> Measured:
        """The harness's own command."""
        command = (sys.executable, "-m", "lm_eval", "run", "--model=local-chat-completions", "--tasks=sums")
        options = ("--apply_chat_template", f"--include_path={self._tasks}", "--log_samples")
        arguments = f"model=mock,num_concurrent={IN_FLIGHT},max_retries=5"
        out = f"--output_path={self._folder / 'command'}"
        return self._measure(
            lambda url: (*command, *options, out, f"--model_args={arguments},base_url={url}/chat/completions")
        )

    def lean(self) -> Measured:
        """The harness's own client with as little beside it as can be."""
        out = str(self._folder / "lean")
        program = (sys.executable, "-c", _LEAN % IN_FLIGHT, str(self._tasks))
        return self._measure(lambda url: (*program, f"{url}/chat/completions", out))

    def _measure(self, command) -> Measured:
        home = self._folder / "home"
        home.mkdir(exist_ok=True)
        environ = {"PATH": os.environ.get("PATH", ""), "HOME": str(home), "EVALTRAIL_HOME": str(home / "evaltrail")}
        environ |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "OPENAI_API_KEY": "none"}
        with MockEndpoint(latency_ms=LATENCY_MS) as endpoint:
            found = measure((*self._prefix, *command(endpoint.url)), endpoint, folder=self._folder, environ=environ)
        if found.server["ok"] != ITEMS:
            raise NotMeasuredError(f"{found.server['ok']} answers instead of {ITEMS}")
        return found


def run(repeats: int) -> list[Row]:
    """The contestants' CPU, side by side.

    Raises:
        NotMeasuredError: one of them did not do its work.
    """
    with two_cores() as prefix, TemporaryDirectory() as folder:
        bench = Bench(Path(folder), prefix)
        contestants = {"ours": bench.evaltrail, "command": bench.command, "lean": bench.lean}
        for contestant in contestants.values():
            contestant()
        runs = {name: [contestant() for _ in range(repeats)] for name, contestant in contestants.items()}
    ours = median(runs["ours"], "cpu_s")
    rows = []
    for name in ("command", "lean"):
        peer = median(runs[name], "cpu_s")
        what = f"CPU of {ITEMS:,} items, lm-eval's own client ({name}) as the floor"
        seconds = {"floor": f"{peer:.2f} s", "evaltrail": f"{ours:.2f} s", "ratio": f"{ours / peer:.2f}"}
        rows.append(Row(what=what, **seconds, must="< 1 x", is_must=ours < peer))
    for name, found in runs.items():
        rate, start = median(found, "rate"), median(found, "start_s")
        told = f"{rate:,.0f}/s, first request after {start:.2f} s, {median(found, 'peak_mb'):.0f} MB"
        rows.append(Row(what=f"answers, {name}", evaltrail=told))
    return rows


def main() -> int:
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    try:
        rows = run(repeats)
    except NotMeasuredError as error:
        print(f"not measured: {error}", file=sys.stderr)
        return 1
    return show(rows, WAY)


if __name__ == "__main__":
    sys.exit(main())

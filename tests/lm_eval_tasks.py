"""Harness tasks for tests: task files and data of our own, a mirror of shipped tasks' data, and how one is run."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evaltrail.core.ports import FolderCall
from evaltrail.core.progress import ProgressSink
from evaltrail.core.request import EvaluationRequest, ModelTarget, RequestLimits
from evaltrail.core.result import ResultBundle
from evaltrail.providers.lm_eval.task import LmEvalTask, lm_eval_task
from evaltrail.readers.lm_eval.reader import LmEvalReader
from foreign_results import source_of

KEY = "sk-key-that-nobody-may-see"
FAST = RequestLimits(concurrency=8, timeout_s=10, max_retries=0)
COLOURS = ("red", "blue", "green", "white")
_TASK: Mapping[str, Any] = {
    "dataset_path": "json",
    "dataset_kwargs": {"data_files": {"test": "rows.jsonl"}},
    "test_split": "test",
    "doc_to_text": "{{question}}",
    "doc_to_target": "{{answer}}",
    "metadata": {"version": 1.0},
}
_MEAN = {"aggregation": "mean", "higher_is_better": True}


def write_rows(file: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    """A JSONL file, with the folders above it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def write_task(folder: Path, name: str, rows: Sequence[Mapping[str, object]] = (), **changes: object) -> Path:
    """The folder, with a task file and its rows beside it. JSON is YAML too."""
    metrics = [{"metric": "exact_match", **_MEAN}]
    content = {"task": name, "output_type": "generate_until", "metric_list": metrics, **_TASK, **changes}
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.yaml").write_text(json.dumps(content))
    if rows:
        write_rows(folder / "rows.jsonl", rows)
    return folder


def sums(count: int) -> list[dict[str, str]]:
    """Items of the mock endpoint, which answers every tenth wrongly."""
    return [{"question": f"Item {n}: What is {n} + 101?", "answer": str(n + 101)} for n in range(count)]


def sums_task(folder: Path, count: int = 20, **changes: object) -> Path:
    """A folder with a task of sums."""
    generation = {"until": ["\n"], "max_gen_toks": 16}
    return write_task(folder, "sums", sums(count), **{"generation_kwargs": generation, **changes})


def mean_of(metric: str) -> list[dict[str, object]]:
    """A metric list of one."""
    return [{"metric": metric, **_MEAN}]


def mirror_of_shipped_tasks(folder: Path) -> Path:
    """A mirror with a few rows of our own in the form of ``arc_easy`` and ``gsm8k``."""
    labels = ["A", "B", "C", "D"]
    choices = {"text": [f"{colour} thing" for colour in COLOURS], "label": labels}
    arc = [
        {"id": f"q{n}", "question": f"Which is {c}?", "choices": choices, "answerKey": labels[n]}
        for n, c in enumerate(COLOURS)
    ]
    gsm = [{"question": each["question"], "answer": f"We add.\n#### {each['answer']}"} for each in sums(10)]
    for split in ("train", "validation", "test"):
        write_rows(folder / f"allenai/ai2_arc/ARC-Easy/{split}.jsonl", arc)
        write_rows(folder / f"openai/gsm8k/main/{split}.jsonl", gsm)
    return folder


def token_logprob(token: str) -> float:
    """What the mock endpoint says of a token, wherever it stands."""
    return -0.1 - (zlib.crc32(token.encode()) % 100) / 100


def make_task(
    name: str,
    url: str,
    *,
    folder: Path | None = None,
    mirror: Path | None = None,
    params: Mapping[str, str] | None = None,
    **request: Any,
) -> LmEvalTask:
    """A checked task."""
    own = {} if folder is None else {"include_path": str(folder)}
    asked = EvaluationRequest(
        tasks=(name,), target=ModelTarget(id="mock", url=url), params={**own, **(params or {})}, **request
    )
    return lm_eval_task(name, asked, datasets_dir=mirror, environ={})


def call_of(
    task: LmEvalTask,
    folder: Path,
    *,
    limits: RequestLimits = FAST,
    on_progress: ProgressSink = lambda _: None,
    headers: Mapping[str, str] | None = None,
) -> FolderCall:
    """How a task is run from a test."""
    target = task.request.target
    return FolderCall(
        target=ModelTarget(id=target.id, url=target.url, headers=headers or {}),
        limits=limits,
        api_key=KEY,
        environ={**os.environ, "HOME": str(folder)},
        on_progress=on_progress,
        log=folder / "task.log",
    )


def run_task(task: LmEvalTask, folder: Path, **options: Any) -> ResultBundle:
    """What the reader makes of what a task leaves."""
    return read_results(task.run(folder / "work", call_of(task, folder, **options)))


def read_results(folder: Path) -> ResultBundle:
    """What the reader makes of a results folder."""
    (file,) = folder.rglob("results_*.json")
    return LmEvalReader().read(source_of(file))

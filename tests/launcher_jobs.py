"""Job folders of the NeMo Evaluator Launcher (0.1.x and 0.2.x) and its execution database, as it leaves them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import yaml

INVOCATION = "8abcd123f00dbeef"
STAMP = "20251219_112733"
BEGAN = "2025-12-19T11:27:33Z"
ENDED = "2025-12-19T11:30:33Z"
MODEL = "meta/llama-3.1-8b-instruct"
REQUIRED = {"results.yml", "run_config.yml", "metadata.yaml", "eval_factory_metrics.json"}

Layout = Literal["0.1", "0.2"]
Ending = Literal["success", "failed", "killed", "running", "pending", "interrupted"]


def score(value: object, **stats: float) -> dict[str, Any]:
    """One score, with its statistics where there are some."""
    return {"value": value, "stats": stats} if stats else {"value": value}


def results_of(task: str, micro: object = 0.6841, macro: object = 0.6825) -> dict[str, Any]:
    """Results of a task with one metric of two scores, and a part of it."""
    whole = {"score": {"scores": {"micro": score(micro, stderr=0.0041, stddev=0.46), "macro": score(macro)}}}
    part = {"score": {"scores": {"micro": score(0.5375)}}}
    return {"groups": {task: {"metrics": whole, "groups": None}}, "tasks": {"stem": {"metrics": part}}}


def many_results(task: str, *, job: int, count: int = 59) -> dict[str, Any]:
    """Results with so many values, none of which any other job has."""
    values = [job + place / 1000 for place in range(count)]
    tasks = {
        f"part_{place}": {"metrics": {"score": {"scores": {"micro": score(value)}}}}
        for place, value in enumerate(values[2:])
    }
    both = {"micro": score(values[0]), "macro": score(values[1])}
    return {"groups": {task: {"metrics": {"score": {"scores": both}}}}, "tasks": tasks}


class LauncherJobs:
    """What one user of the launcher has on disk.

    Args:
        folder: a home; the database lies in it where the launcher puts it, the jobs below ``nel-results``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.outputs = folder / "nel-results"
        self.database = folder / ".nemo-evaluator" / "exec-db" / "exec.v1.jsonl"
        self.outputs.mkdir(parents=True, exist_ok=True)
        self.database.parent.mkdir(parents=True, exist_ok=True)

    def add(
        self,
        invocation: str = INVOCATION,
        number: int = 0,
        task: str = "mmlu",
        *,
        results: Mapping[str, Any] | None = None,
        ending: Ending = "success",
        layout: Layout = "0.2",
        is_known: bool = True,
        params: Mapping[str, Any] | None = None,
        config: Mapping[str, Any] | None = None,
        command: str = "nemo-evaluator run_eval",
    ) -> Path:
        """The folder of a new job.

        Args:
            invocation: its id.
            number: which job of the invocation.
            task: its name in the folder's name and in its results.
            results: of ``results.yml``; None = a few.
            ending: how far it is.
            layout: 0.1 has no number in the folder's name.
            is_known: whether the database gets a line.
            params: more settings of the evaluation.
            config: the resolved run configuration; None = a small one.
            command: that was run, as the results tell it.
        """
        name = task if layout == "0.1" else f"{task}.{number}"
        folder = self.outputs / f"{STAMP}-{invocation}" / name
        whole = config or {
            "execution": {"type": "local", "output_dir": str(self.outputs)},
            "target": {"api_endpoint": {"model_id": MODEL, "url": "http://127.0.0.1:9/v1", "type": "chat"}},
            "evaluation": {"tasks": [{"name": task}]},
        }
        (folder / "artifacts").mkdir(parents=True)
        (folder / "logs").mkdir()
        (folder / "run.sh").write_text(f"#!/bin/bash\n# {invocation}.{number} {task}\n")
        if ending != "pending":
            self._stage(folder, ending)
        if ending == "success":
            self._documents(folder / "artifacts", task, results or results_of(task), params or {}, whole, command)
        if ending == "interrupted":
            (folder / "artifacts" / ".nemo_evaluator_interrupted").touch()
        if is_known:
            self.line(invocation, number, folder, task, killed=ending == "killed")
        return folder

    def line(
        self,
        invocation: str,
        number: int,
        folder: Path | None,
        task: str = "mmlu",
        *,
        killed: bool = False,
        model: str = MODEL,
    ) -> None:
        """One more line in the execution database."""
        data: dict[str, Any] = {"container": "nvcr.io/eval:25.10", "eval_image": "nvcr.io/eval:25.10"}
        data |= {"output_dir": str(folder)} if folder else {}
        data |= {"killed": True} if killed else {}
        tasks = [{"name": f"other_{place}"} for place in range(number)] + [{"name": f"simple_evals.{task}"}]
        record = {
            "invocation_id": invocation,
            "job_id": f"{invocation}.{number}",
            "timestamp": 1766143653.0 + number,
            "executor": "local",
            "data": data,
            "config": {"target": {"api_endpoint": {"model_id": model}}, "evaluation": {"tasks": tasks}},
        }
        self.broken_line(json.dumps(record))

    def broken_line(self, text: str) -> None:
        """A line of whatever content."""
        with self.database.open("a", encoding="utf-8") as lines:
            lines.write(text + "\n")

    def _stage(self, folder: Path, ending: Ending) -> None:
        logs = folder / "logs"
        (logs / "stage.pre-start").write_text(f"{BEGAN}\n")
        (logs / "stage.running").write_text(f"{BEGAN}\n")
        if ending in {"success", "failed"}:
            (logs / "stage.exit").write_text(f"{ENDED} {0 if ending == 'success' else 1}\n")
        (logs / "stdout.log").write_text(f"the job began\nit is {ending}\n")

    def _documents(
        self,
        artifacts: Path,
        task: str,
        results: Mapping[str, Any],
        params: Mapping[str, Any],
        config: Mapping[str, Any],
        command: str,
    ) -> None:
        asked = {"type": task, "params": {"limit_samples": 100, "temperature": 0.0, **params}}
        target = {"api_endpoint": {"model_id": MODEL, "url": "http://127.0.0.1:9/v1/chat/completions", "type": "chat"}}
        write_yaml(
            artifacts / "results.yml",
            {"command": command, "config": asked, "target": target, "git_hash": "", "results": results},
        )
        write_yaml(artifacts / "run_config.yml", {"framework_name": "simple_evals", "config": asked, "target": target})
        versioning = {"nemo_evaluator_launcher": "0.1.31"}
        write_yaml(artifacts / "metadata.yaml", {"versioning": versioning, "launcher_resolved_config": config})
        runtime = {
            "response_stats": {"count": 100, "successful_count": 99, "avg_latency_ms": 412.5},
            "evaluation": {
                "runtime_seconds": 177.5,
                "start_time": "2025-12-19T11:27:34",
                "end_time": "2025-12-19T11:30:31.500000",
            },
        }
        (artifacts / "eval_factory_metrics.json").write_text(json.dumps(runtime))


def write_yaml(file: Path, document: object) -> None:
    """A document as YAML, in block style as the launcher writes it."""
    file.write_text(yaml.dump(document, Dumper=yaml.CSafeDumper, sort_keys=False), encoding="utf-8")

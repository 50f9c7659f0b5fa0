"""Jobs that evaltrail has launched, as they lie on disk: folders with job.json, and lines of the execution database."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import msgspec

from evaltrail.bundle.folders import hold_lock
from evaltrail.core.job import JobSpec
from evaltrail.store.job_files import OUTCOME, PROGRESS, SPEC, JobDelivery, JobOutcome
from evaltrail.store.job_folders import LAUNCHING, RUNNING

INVOCATION = "5eed5eed5eed5eed"
MODEL = "model-a"
STAMP = "20260101_120000"
BEGAN = "2026-01-01T12:00:00Z"
ENDED = "2026-01-01T12:03:00Z"
WRITTEN = 1767268800.0
RUN_URL = "http://127.0.0.1:5000/#/experiments/1/runs/abc"
AWAY = {
    "code": "destination_unreachable",
    "message": "MLflow cannot be reached",
    "hint": "`evaltrail sync` sends it",
    "where": "http://127.0.0.1:5000",
}

How = Literal["success", "failed", "killed", "running", "abandoned", "pending"]


def delivered(*jobs: str, exit_code: int = 0, errors: tuple[Mapping[str, str], ...] = ()) -> JobDelivery:
    """What became of a delivery; one that went well has a receipt."""
    receipt = {"dest": "mlflow", "run_id": "abc", "run_url": RUN_URL, "experiment_name": "tests"}
    return JobDelivery(jobs=jobs, exit_code=exit_code, errors=errors, receipts=() if exit_code else (receipt,))


def counted(total: int) -> dict[str, Mapping[str, Any]]:
    """Counts of a task all of whose samples are scored."""
    return {"capitals": {"total": total, "scored": total, "unscored": {}, "failed": 0}}


def metric(value: float, n: int, *, n_unscored: int = 0) -> dict[str, Any]:
    """A metric as an outcome holds it."""
    return {"value": value, "n": n, "n_unscored": n_unscored, "ci_low": value - 0.1, "ci_high": value + 0.1}


class OwnJobs:
    """Invocations of ours in one user's home.

    Args:
        home: HOME; the database lies in it where the launcher puts it, the jobs below ``results``.
    """

    def __init__(self, home: Path) -> None:
        self.outputs = home / "results"
        self.database = home / ".nemo-evaluator" / "exec-db" / "exec.v1.jsonl"
        self.database.parent.mkdir(parents=True, exist_ok=True)

    def folder(self, invocation: str = INVOCATION) -> Path:
        """The folder of an invocation."""
        return self.outputs / f"{STAMP}-{invocation}"

    def add(
        self,
        number: int = 0,
        how: How = "success",
        *,
        invocation: str = INVOCATION,
        task: str = "native.capitals",
        outcome: JobOutcome | None = None,
        progress: int | None = None,
        total: int | None = None,
        slurm_id: str = "",
        config: Mapping[str, Any] | None = None,
        written: float = WRITTEN,
    ) -> Path:
        """The folder of a new job.

        Args:
            number: which job of the invocation.
            how: far it is; ``abandoned`` is a running one that nobody holds the lock of.
            invocation: its id.
            task: as the configuration names it.
            outcome: what it came to; None = nothing is put down.
            progress: samples that it says to have done.
            total: samples that its work folder says there are.
            slurm_id: Slurm's own id of it.
            config: of the database's line; None = a small one.
            written: when the line was written.
        """
        folder = self.folder(invocation) / f"{task}.{number}"
        (folder / "artifacts").mkdir(parents=True)
        (folder / "logs").mkdir()
        spec = JobSpec(
            invocation_id=invocation,
            number=number,
            task=task,
            provider="native",
            place="/tasks/capitals.yaml",
            model=MODEL,
            url="http://127.0.0.1:9/v1",
            executor="slurm" if slurm_id else "local",
            destinations=("mlflow",),
        )
        (folder / SPEC).write_bytes(msgspec.json.encode(spec))
        (folder / "run.sh").write_text(f"#!/bin/bash\n# {spec.id} {task}\n")
        self._stages(folder, how)
        if outcome is not None:
            (folder / OUTCOME).write_bytes(msgspec.json.encode(outcome))
        if progress is not None:
            (folder / PROGRESS).write_text(str(progress))
        if total is not None:
            (folder / "work" / "0").mkdir(parents=True)
            state = {"evaluation_id": "0" * 16, "started_at": BEGAN, "total": total}
            (folder / "work" / "0" / "state.json").write_text(json.dumps(state))
        self._line(spec, folder, config, slurm_id, written)
        return folder

    @contextmanager
    def running(self, folder: Path) -> Iterator[None]:
        """A job's process, for as long as the block runs."""
        with hold_lock(folder / RUNNING, "busy"):
            yield

    @contextmanager
    def launching(self, invocation: str = INVOCATION) -> Iterator[None]:
        """A launcher, for as long as the block runs."""
        with hold_lock(self.folder(invocation) / LAUNCHING, "busy"):
            yield

    def end(self, folder: Path, code: int = 0) -> None:
        """Put down the end of a job."""
        (folder / "logs" / "stage.exit").write_text(f"{ENDED} {code}\n")

    def _stages(self, folder: Path, how: How) -> None:
        if how == "pending":
            return
        (folder / "logs" / "stage.pre-start").write_text(f"{BEGAN}\n")
        (folder / "logs" / "stage.running").write_text(f"{BEGAN}\n")
        (folder / RUNNING).touch()
        if how in {"success", "failed", "killed"}:
            self.end(folder, {"success": 0, "failed": 1, "killed": 143}[how])
        if how == "killed":
            (folder / "artifacts" / ".nemo_evaluator_interrupted").touch()

    def _line(
        self, spec: JobSpec, folder: Path, config: Mapping[str, Any] | None, slurm_id: str, written: float
    ) -> None:
        tasks = [{"name": f"other_{place}"} for place in range(spec.number)] + [{"name": spec.task}]
        small = {"target": {"api_endpoint": {"model_id": MODEL}}, "evaluation": {"tasks": tasks}}
        record = {
            "invocation_id": spec.invocation_id,
            "job_id": spec.id,
            "timestamp": written + spec.number,
            "executor": spec.executor,
            "data": {"output_dir": str(folder)} | ({"slurm_job_id": slurm_id} if slurm_id else {}),
            "config": {**small, **(config or {})},
        }
        with self.database.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(record) + "\n")

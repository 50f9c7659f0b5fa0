"""Job folders of the NeMo Evaluator Launcher, piece by piece, for the tests of what reads them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from evaltrail.core.source import HEAD_BYTES, Source

EXAMPLES = Path(__file__).resolve().parents[1] / "examples" / "results" / "launcher"
HUMANEVAL = EXAMPLES / "20250902_081500-8abcd123" / "humaneval"
MMLU = EXAMPLES / "20251219_112733-3f9a1c7e5b20d846" / "simple_evals.mmlu.0"
IFEVAL = EXAMPLES / "20251219_112733-3f9a1c7e5b20d846" / "lm-evaluation-harness.ifeval.1"
STAMPED = "20251219_112733-0123456789abcdef"
RESULTS = """\
config: {type: mmlu, params: {limit_samples: null, temperature: 0.5}}
target: {api_endpoint: {model_id: m, url: "http://me:secret-word@host:1/v1?key=secret-word", type: chat}}
results: {groups: {mmlu: {metrics: {score: {scores: {micro: {value: 0.5}}}}}}}
"""


def write(file: Path, text: str) -> Path:
    """The file, with this text; folders above it are made."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def write_job(folder: Path, *, results: str | None = RESULTS, code: str | None = "0") -> Path:
    """A job's folder with its script and stages, and its results; without an exit code the job still runs."""
    write(folder / "run.sh", "#!/bin/bash\n")
    if results is not None:
        write(folder / "artifacts" / "results.yml", results)
    write(folder / "logs" / "stage.pre-start", "2025-12-19T11:27:30Z\n")
    write(folder / "logs" / "stage.running", "2025-12-19T11:27:33Z\n")
    if code is not None:
        write(folder / "logs" / "stage.exit", f"2025-12-19T11:30:33Z {code}\n")
    return folder


def source_of(path: Path, **more: Any) -> Source:
    """What a reader is shown of a path."""
    head = path.read_bytes()[:HEAD_BYTES] if path.is_file() else b""
    return Source(path=path, root=path, is_folder=path.is_dir(), head=head, **more)


def line(job_id: str, folder: str | None = None, *, data: dict[str, Any] | None = None) -> str:
    """One line of the execution database."""
    told = data if data is not None else {"output_dir": folder} if folder else {}
    record = {"invocation_id": job_id.rpartition(".")[0], "job_id": job_id, "timestamp": 1766143653.5}
    return json.dumps({**record, "executor": "local", "data": told, "config": {}}) + "\n"

"""What lies in a bundle folder, by name; format version 1.

bundle.json        the manifest: everything but the samples
request.json       what was asked for, without secrets
results.json       what was found: each task's metrics, counts, status
results/*.json     the same for each benchmark alone
samples.parquet    every sample of every task, one row each
report.md          the table, the counts, how to repeat it
logs/run.log       what happened when
questions.csv      what a generation made of documents
questions.rejects.csv   what it made and did not take
harness/N/         what a program left that ran the Nth task, as it left it
answers/*.jsonl    the journals; they serve `--reuse-answers` and are no artifacts
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from evaltrail.core.artifact import Role
from evaltrail.core.delivery import Skipped
from evaltrail.core.result import Origin, Status, TaskResult
from evaltrail.core.values import Scalar

SCHEMA_VERSION = 1
MANIFEST = "bundle.json"
REQUEST = "request.json"
RESULTS = "results.json"
BENCHMARK_RESULTS = "results"
SAMPLES = "samples.parquet"
REPORT = "report.md"
LOG = "logs/run.log"
QUESTIONS = "questions.csv"
REJECTS = "questions.rejects.csv"
ANSWERS = "answers"
LEFT = "harness"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One artifact of the folder."""

    path: str
    role: Role
    media_type: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The content of ``bundle.json``."""

    schema_version: int
    id: str
    kind: Literal["evaluation", "generation", "upload"] = "evaluation"
    name: str = ""
    """What its run is called where nobody names it; empty = by its tasks and model."""
    origin: Origin
    model: str = ""
    tasks: tuple[TaskResult, ...] = ()
    """Without their samples, which lie in ``samples.parquet``."""
    params: Mapping[str, Scalar] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    artifacts: tuple[Entry, ...] = ()
    status: Status = "completed"
    started_at: datetime
    ended_at: datetime
    skipped: tuple[Skipped, ...] = ()
    """What could not be kept as a value, and why; told again wherever the bundle lands."""

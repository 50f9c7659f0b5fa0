"""Packages with NeMo harnesses, and jobs for the small one that lies beside (``harness_package``)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evaltrail.core.job import JobSpec
from launcher_jobs import write_yaml

HARNESS_PACKAGE = Path(__file__).with_name("harness_package")
INVOCATION = "0123456789abcdef"


def framework(name: str, *tasks: str, **changes: Any) -> dict[str, Any]:
    """What a framework file says of a harness with these tasks."""
    entries = [{"name": task, "defaults": {"config": {"type": task, "params": {"task": task}}}} for task in tasks]
    whole = {"framework": {"name": name, "pkg_name": name}, "defaults": {"command": "true"}, "evaluations": entries}
    return {**whole, **changes}


def add_harness(
    folder: Path, name: str, *tasks: str, package: str = "", namespace: str = "core_evals", content: object = None
) -> Path:
    """A folder with one more package in it; its framework file.

    Args:
        folder: as it stands on sys.path.
        name: of the harness.
        tasks: that it offers.
        package: its own name; empty = the harness's, as Python can say it.
        namespace: which it belongs to.
        content: of its framework file: a text as it is, or a document; None = what fits name and tasks.
    """
    file = folder / namespace / (package or name.replace("-", "_")) / "framework.yml"
    file.parent.mkdir(parents=True)
    (file.parent / "__init__.py").touch()
    if isinstance(content, str):
        file.write_text(content)
    else:
        write_yaml(file, framework(name, *tasks) if content is None else content)
    return file


def job_spec(task: str = "mmlu", *, params: Mapping[str, Any] | None = None, **changes: Any) -> JobSpec:
    """A job of the small harness."""
    given: dict[str, Any] = {
        "invocation_id": INVOCATION,
        "number": 0,
        "task": f"simple_evals.{task}",
        "provider": "nemo",
        "place": f"simple_evals.{task}",
        "model": "mock",
        "url": "http://127.0.0.1:9/v1",
        "evaluator": {"config": {"params": dict(params or {})}},
        "config": {"execution": {"type": "local"}, "evaluation": {"tasks": [{"name": f"simple_evals.{task}"}]}},
        "command": "evaltrail run --config job.yaml",
    }
    return JobSpec(**{**given, **changes})


def harness_environ(**variables: str) -> dict[str, str]:
    """The variables of a process that finds the small harness."""
    return {**os.environ, "PYTHONPATH": str(HARNESS_PACKAGE), **variables}

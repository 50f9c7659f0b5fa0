"""Task files and data for the tests of the native provider."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from evaltrail.core.request import EvaluationRequest, ModelTarget
from evaltrail.providers.native import NativeTask
from evaltrail.providers.tasks import read_task

TASK: Mapping[str, Any] = {
    "name": "sums",
    "dataset": "data.jsonl",
    "prompt": "Q: {{ question }}\nA:",
    "target": "{{ answer }}",
    "metrics": ["exact_match"],
}


def records(count: int) -> list[dict[str, Any]]:
    """Records ``{"question": "q0", "answer": "a0"}`` and so on."""
    return [{"question": f"q{number}", "answer": f"a{number}"} for number in range(count)]


def write_data(file: Path, rows: Iterable[object]) -> Path:
    """A JSONL file."""
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def write_task(folder: Path, **changes: object) -> Path:
    """A task file in a folder: TASK with changes, where None takes a key away. JSON is YAML too."""
    content = {key: value for key, value in {**TASK, **changes}.items() if value is not None}
    file = folder / "task.yaml"
    file.write_text(json.dumps(content))
    return file


def native(folder: Path, name: str, count: int = 12, **changes: object) -> Path:
    """A task file in a folder of its name, with so many records beside it."""
    folder = folder / name
    folder.mkdir(exist_ok=True)
    write_data(folder / "data.jsonl", records(count))
    return write_task(folder, name=name, **changes)


def make_task(
    folder: Path, *, rows: Iterable[object] = (), request: Mapping[str, Any] | None = None, **changes: object
) -> NativeTask:
    """A task over its data, ready to be run."""
    if rows:
        write_data(folder / "data.jsonl", rows)
    asked = EvaluationRequest(tasks=("task.yaml",), target=ModelTarget(id="m"), **(request or {}))
    return NativeTask(read_task(write_task(folder, **changes)), asked, None)

"""Stage files of a job's folder, written as the NeMo Evaluator Launcher writes them; ``store.job_folders`` reads them.

``logs/stage.pre-start``, ``logs/stage.running``: a time. ``logs/stage.exit``: a time and an exit code.
``artifacts/.nemo_evaluator_interrupted``: the job was told to end before it had ended.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from evaltrail.bundle.folders import hold_lock, write_whole
from evaltrail.store.job_folders import CALLED_OFF, INTERRUPTED, Stage


def write_stage(folder: Path, stage: Stage, code: int | None = None) -> None:
    """Note that a job has entered a stage now.

    Args:
        folder: the job's.
        stage: which.
        code: the exit code that the last stage bears.

    Raises:
        StorageError: the disk refuses.
    """
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    words = stamp if code is None else f"{stamp} {code}"
    write_whole(folder / "logs" / f"stage.{stage}", f"{words}\n".encode())


def mark_interrupted(folder: Path, signal: str) -> None:
    """Note that a job was told to end.

    Args:
        folder: the job's.
        signal: its name, ``SIGTERM``.

    Raises:
        StorageError: the disk refuses.
    """
    write_whole(folder / "artifacts" / INTERRUPTED, json.dumps({"signal": signal, "timestamp": time.time()}).encode())


def unmark_interrupted(folder: Path) -> None:
    """Forget that a job was told to end."""
    (folder / "artifacts" / INTERRUPTED).unlink(missing_ok=True)


def clear_stages(folder: Path) -> None:
    """Forget how far a job was, before it is started again; what it has done is kept."""
    for name in ("pre-start", "running", "exit"):
        (folder / "logs" / f"stage.{name}").unlink(missing_ok=True)
    unmark_interrupted(folder)


def call_off(folder: Path, job_id: str) -> None:
    """Keep a job from being started, by us or by the launcher's own scripts.

    Raises:
        StorageError: the disk refuses.
    """
    _rewrite(folder.parent / CALLED_OFF, lambda ids: [*ids, job_id])


def take_back(folder: Path, job_id: str) -> None:
    """Let a job be started again.

    Raises:
        StorageError: the disk refuses.
    """
    if (folder.parent / CALLED_OFF).is_file():
        _rewrite(folder.parent / CALLED_OFF, lambda ids: [each for each in ids if each != job_id])


def _rewrite(file: Path, change: Callable[[list[str]], list[str]]) -> None:
    with hold_lock(file.with_name(".calling-off"), "process {pid} calls jobs off", wait_s=10):
        try:
            ids = file.read_text(encoding="utf-8").split()
        except FileNotFoundError:
            ids = []
        write_whole(file, "".join(f"{each}\n" for each in dict.fromkeys(change(ids))).encode())

"""Lines that we add to the launcher's execution database: new jobs, and changes of jobs it knows already."""

from __future__ import annotations

import fcntl
import getpass
import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from evaltrail.bundle.folders import storage_error
from evaltrail.core.job import JobSpec
from evaltrail.core.values import Json


def append_jobs(file: Path, jobs: Iterable[tuple[JobSpec, Mapping[str, Json]]]) -> None:
    """Write down jobs, one line each, all of them or none.

    Args:
        file: the execution database; made where it is missing.
        jobs: each with its ``data``: where its folder is, and what its executor knows of it.

    Raises:
        StorageError: the disk refuses.
    """
    now = time.time()
    _append(
        file,
        [
            {
                "invocation_id": spec.invocation_id,
                "job_id": spec.id,
                "timestamp": now,
                "executor": spec.executor,
                "data": dict(data),
                "config": spec.config,
            }
            for spec, data in jobs
        ],
    )


def job_data(folder: Path, slurm_id: str = "") -> dict[str, Json]:
    """What a job's line says of its folder, and for Slurm under which id it knows the job."""
    usual: dict[str, Json] = {"output_dir": str(folder), "container": "", "eval_image": ""}
    if not slurm_id:
        return usual
    here = {"hostname": "localhost", "username": getpass.getuser()}
    return {**usual, **here, "slurm_job_id": slurm_id, "remote_rundir_path": str(folder)}


def amend_jobs(file: Path, changes: Mapping[str, Mapping[str, Json]]) -> None:
    """Write down what has changed of jobs; the last line of a job counts.

    Args:
        file: the execution database.
        changes: job id to changed entries of its ``data``; None takes an entry away.

    Raises:
        StorageError: the disk refuses.
    """
    last = _last_lines(file, set(changes))
    for job_id, record in last.items():
        data = {**record.get("data", {}), **changes[job_id]}
        record["data"] = {name: value for name, value in data.items() if value is not None}
    _append(file, list(last.values()))


def _append(file: Path, records: Sequence[Mapping[str, Any]]) -> None:
    """One write under a lock, so that lines of several processes never mix."""
    text = "".join(json.dumps(record, default=str) + "\n" for record in records).encode()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            size = os.fstat(handle).st_size
            if size and os.pread(handle, 1, size - 1) != b"\n":
                text = b"\n" + text  # whoever wrote last was cut short
            while text:
                text = text[os.write(handle, text) :]
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise storage_error(error, file) from error


def _last_lines(file: Path, wanted: set[str]) -> dict[str, dict[str, Any]]:
    """The last record of each job, as it stands."""
    found: dict[str, dict[str, Any]] = {}
    try:
        with file.open("rb") as lines:
            for line in lines:
                if not any(job_id.encode() in line for job_id in wanted):
                    continue
                try:
                    record = json.loads(line)
                except ValueError:
                    continue
                if isinstance(record, dict) and str(record.get("job_id")) in wanted:
                    found[str(record["job_id"])] = record
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise storage_error(error, file) from error
    return found

"""The folders of an invocation, before anything runs: scripts, what each job is to do, and its line in the database.

``<output_dir>/<YYYYMMDD_HHMMSS>-<invocation>/<task>.<n>/{run.sh, job.json, artifacts/, logs/}``, as the NeMo Evaluator
Launcher lays them out, so that its tools read and resume our jobs.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from evaltrail.bundle.folders import write_whole
from evaltrail.config.settings import Settings
from evaltrail.core.errors import InputError
from evaltrail.core.job import JobSpec
from evaltrail.core.run_config import RunConfig
from evaltrail.executors.slurm_script import batch_script
from evaltrail.service.launching.launch_plan import LaunchPlan
from evaltrail.store.execution_lines import append_jobs, job_data
from evaltrail.store.executions import database_file
from evaltrail.store.job_files import write_spec
from evaltrail.store.job_folders import CALLED_OFF

SEQUENCE = "run_all.sequential.sh"
"""Starts the jobs of an invocation one after the other; what the launcher's own `resume` looks for."""

JobFolder = tuple[JobSpec, Path]
"""A job, and its folder."""


def make_folders(plan: LaunchPlan) -> tuple[JobFolder, ...]:
    """The jobs of a plan with their folders, which are there now.

    Raises:
        InputError: the output folder cannot be made or written.
        StorageError: the disk refuses.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%d_%H%M%S")
    whole = plan.config.output_dir / f"{stamp}-{plan.invocation_id}"
    jobs = tuple((spec, whole / name) for spec, name in zip(plan.jobs, plan.names, strict=True))
    try:
        for _, folder in jobs:
            for part in ("artifacts", "logs"):
                (folder / part).mkdir(parents=True)
    except OSError as error:
        raise InputError(
            f"the output folder cannot be written: {error.strerror}",
            code="bad_output_dir",
            where=str(plan.config.output_dir),
            hint="set execution.output_dir to a folder that you may write to",
        ) from error
    for spec, folder in jobs:
        write_spec(folder, spec)
        _write_scripts(spec, folder, plan.config)
    if plan.config.mode == "sequential" and plan.config.executor == "local":
        write_whole(whole / SEQUENCE, _sequence(jobs).encode())
    return jobs


def write_down(jobs: Sequence[JobFolder], environ: Mapping[str, str], slurm_ids: Sequence[str] = ()) -> None:
    """Put the jobs into the execution database, each with the id that Slurm gave it.

    Raises:
        StorageError: the disk refuses.
    """
    ids = slurm_ids or [""] * len(jobs)
    lines = [(spec, job_data(folder, slurm_id)) for (spec, folder), slurm_id in zip(jobs, ids, strict=True)]
    append_jobs(database_file(environ), lines)


def child_environ(settings: Settings) -> dict[str, str]:
    """The variables of a job's process, which stands in another folder: paths in them are absolute."""
    environ = {**settings.environ, "EVALTRAIL_HOME": str(settings.home)}
    for name in ("NEMO_EVALUATOR_EXEC_DB_FILE", "EVALTRAIL_DATASETS_DIR", "EVALTRAIL_COMMANDS_DIR"):
        if environ.get(name):
            environ[name] = os.path.abspath(os.path.expanduser(environ[name]))  # noqa: PTH100, PTH111  a text stays a text
    if environ.get("PYTHONPATH"):
        environ["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, environ["PYTHONPATH"].split(os.pathsep)))
    return environ


def job_command(folder: Path) -> tuple[str, ...]:
    """What runs the job of a folder."""
    return (sys.executable, "-m", "evaltrail.cli.main", "job", str(folder))


def _write_scripts(spec: JobSpec, folder: Path, config: RunConfig) -> None:
    command = job_command(folder)
    task = one_word(spec.task)
    text = f"#!/bin/bash\n# {spec.id} {task}\nexec {shlex.join(command)}\n"
    write_whole(folder / "run.sh", text.encode())
    if spec.executor == "slurm":
        batch = batch_script(
            job_id=spec.id,
            task=task,
            folder=folder,
            command=command,
            options=config.slurm,
            walltime_s=spec.walltime_s,
        )
        write_whole(folder / "run.sub", batch.encode())


def _sequence(jobs: Sequence[JobFolder]) -> str:
    lines = ["#!/bin/bash", f'called_off="$(dirname "${{BASH_SOURCE[0]}}")/{CALLED_OFF}"', 'rm -f "$called_off"']
    for spec, folder in jobs:
        log = shlex.quote(str(folder / "logs" / "stdout.log"))
        run = f"bash {shlex.quote(str(folder / 'run.sh'))} >> {log} 2>&1"
        lines.append(f'grep -qsx {shlex.quote(spec.id)} "$called_off" || {run}')
    return "\n".join(lines) + "\n"


def one_word(task: str) -> str:
    """The task as it may stand in a comment of a script."""
    return "".join(character if character.isprintable() and not character.isspace() else "_" for character in task)

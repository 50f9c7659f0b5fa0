"""The batch script of a job that Slurm is to run: what ``sbatch`` reads in it, and what then runs.

Source: sbatch(1) of Slurm 22.05. Its reading of ``#SBATCH`` lines is its own, not a shell's: a backslash escapes inside
both kinds of quotes, and an unquoted ``#`` ends the line.
"""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from evaltrail.core.errors import InputError
from evaltrail.core.ids import slug
from evaltrail.core.run_config import SlurmOptions
from evaltrail.core.values import Scalar

_BREAKS_LINES = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Control characters, line breaks of every kind, and halves of characters, which no file holds."""
_FLAG = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")

_ELSEWHERE = {
    "account": "execution.account",
    "partition": "execution.partition",
    "gres": "execution.gres",
    "nodes": "execution.num_nodes",
    "ntasks-per-node": "execution.ntasks_per_node",
    "time": "execution.walltime",
    "comment": "execution.sbatch_comment",
}
"""Flags that have a key of their own."""
_OURS = frozenset({
    "array", "clusters", "dependency", "job-name", "open-mode", "output", "parsable", "test-only", "wait", "wrap",
})  # fmt: skip
"""Flags that would make of a job something whose state, log or end could not be found any more."""


def batch_script(
    *, job_id: str, task: str, folder: Path, command: Sequence[str], options: SlurmOptions, walltime_s: float | None
) -> str:
    """The text of a job's ``run.sub``: its ``#SBATCH`` lines, its headline, and the command in the shell's place.

    The command is exec'd, so that the signals of Slurm reach it and nothing stands between it and its exit code. Slurm
    does not requeue a job: one that was told to end would start again, and what it has put down would not be true.

    Args:
        job_id: ``<invocation>.<number>``.
        task: as the run configuration names it.
        folder: the job's, absolute; Slurm writes ``logs/slurm-<Slurm's id>.log`` below it, and makes no folders.
        command: what to run, word by word.
        options: what the configuration says of Slurm.
        walltime_s: seconds, rounded up to Slurm's minutes; None = the partition's own limit.

    Raises:
        InputError: a value holds a line break or a control character, or a flag cannot be given here.
    """
    flags: list[tuple[str, Scalar]] = [
        ("job-name", f"{slug(task)}.{job_id}"),
        ("output", _pattern(folder / "logs")),
        ("open-mode", "append"),
        ("no-requeue", True),
        ("account", options.account or None),
        ("partition", options.partition or None),
        ("gres", options.gres or None),
        ("nodes", options.num_nodes),
        ("ntasks-per-node", options.ntasks_per_node),
        ("time", None if walltime_s is None else max(1, math.ceil(walltime_s / 60))),
        ("comment", options.comment or None),
        *_extra(options),
    ]
    lines = [line for name, value in flags for line in _flag_line(name, value)]
    _check_line("the task's name", task, "evaluation.tasks")
    for word in command:
        _check_line("the job's command", word, "")
    return "\n".join(["#!/bin/bash", *lines, f"# {job_id} {task}", f"exec {shlex.join(command)}", ""])


def _extra(options: SlurmOptions) -> Iterator[tuple[str, Scalar]]:
    where = "execution.sbatch_extra_flags"
    for name, value in options.extra_flags.items():
        if not _FLAG.fullmatch(name):
            raise InputError(
                f"{name!r} is no flag of sbatch",
                code="bad_flag",
                where=where,
                hint="write a flag's long name without its dashes, such as constraint or mem-per-cpu",
            )
        own = next((key for flag, key in _ELSEWHERE.items() if flag.startswith(name)), "")  # sbatch takes beginnings
        if own:
            raise InputError(f"the flag {name} has a key of its own", code="bad_flag", where=where, hint=f"set {own}")
        if any(flag.startswith(name) for flag in _OURS):
            raise InputError(
                f"the flag {name} cannot be given: jobs could not be followed any more",
                code="bad_flag",
                where=where,
                hint="take it out",
            )
        yield name, value


def _flag_line(name: str, value: Scalar) -> Iterator[str]:
    """The line of a flag, if there is one: true = the flag alone, false and None = nothing."""
    if value is None or value is False:
        return
    if value is True:
        yield f"#SBATCH --{name}"
        return
    text = str(value)
    _check_line(f"the value of sbatch's flag {name}", text, _ELSEWHERE.get(name, "execution"))
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    yield f'#SBATCH --{name}="{escaped}"'


def _pattern(logs: Path) -> str:
    """Where Slurm writes a job's output, as a file name pattern of its own."""
    folder = str(logs)
    if "\\" in folder:  # sbatch(1): a backslash turns %j off, and is itself left out
        raise InputError(
            "Slurm writes no logs below a folder with a backslash in its name",
            code="bad_output_dir",
            where=folder,
            hint="set execution.output_dir to another folder",
        )
    return f"{folder.replace('%', '%%')}/slurm-%j.log"


def _check_line(what: str, text: str, where: str) -> None:
    if _BREAKS_LINES.search(text):
        raise InputError(
            f"{what} holds a line break or a control character",
            code="bad_value",
            where=where,
            hint="write it on one line of plain text",
        )

"""``execution``: who runs the jobs, where their folders go, and what Slurm is told."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import get_args

from evaltrail.config.composition.kinds import kind_of
from evaltrail.config.composition.reading import Reading
from evaltrail.core.ids import nearest
from evaltrail.core.run_config import ExecutorName, Mode, SlurmOptions
from evaltrail.core.values import Json, Scalar

_EXECUTORS: Sequence[ExecutorName] = get_args(ExecutorName)
_NOT_YET = ("docker", "lepton", "k8s", "kubernetes")
_MODES: Sequence[Mode] = get_args(Mode)
_OURSELVES = ("localhost", "127.0.0.1", "::1", "")
_FLAG = re.compile(r"(?a)[A-Za-z][A-Za-z0-9-]{0,60}\Z")
_RESULTS = "./results"


def read_executor(reading: Reading) -> ExecutorName:
    """Who runs the jobs; keys that mean nothing to it are told."""
    path = ("execution", "type")
    found = reading.text(*path, default="local")
    known = next((each for each in _EXECUTORS if each == found), None)
    if found in _NOT_YET[:2]:
        hint = "use execution: local, or execution: slurm"
        reading.wrong(path, f"execution.type: {found} is not done yet", hint, code="not_yet")
    elif known is None:
        hint = nearest(found, _EXECUTORS) or f"known: {', '.join(_EXECUTORS)}"
        reading.wrong(path, f"there is no executor {found!r:.80}", hint)
    if known == "local":
        given = reading.given(("execution",))
        for key in reading.keys.for_slurm:
            if isinstance(given, Mapping) and given.get(key) not in (None, "", {}):
                reading.notice(("execution", key), f"execution.{key} says nothing to the local executor")
    return known or "local"


def read_mode(reading: Reading) -> Mode:
    """Whether jobs run one after another."""
    found = reading.text("execution", "mode", default="sequential")
    known = next((each for each in _MODES if each == found), None)
    if known is None:
        hint = nearest(found, _MODES) or f"known: {', '.join(_MODES)}"
        reading.wrong(("execution", "mode"), f"there is no mode {found!r:.80}", hint)
    return known or "sequential"


def read_output_dir(reading: Reading, cwd: Path) -> Path:
    """The folder below which jobs get theirs, as an absolute path."""
    found = reading.text("execution", "output_dir") or _RESULTS
    if not found.isprintable():
        reading.wrong(("execution", "output_dir"), "execution.output_dir is no path: it holds control characters")
        found = _RESULTS
    try:
        folder = Path(found).expanduser()
    except RuntimeError:
        folder = Path(found)
        reading.wrong(("execution", "output_dir"), f"nobody's home folder is {found!r:.80}", "write it out")
    return Path(os.path.normpath(cwd.absolute() / folder))


def read_slurm(reading: Reading) -> SlurmOptions:
    """What ``sbatch`` is told; the cluster must be the one of this machine."""
    hostname = reading.text("execution", "hostname")
    if not _is_here(hostname):
        hint = "run evaltrail on the login node itself, and leave hostname away"
        message = f"execution.hostname: {hostname!r:.80} is another machine; jobs are submitted from this one"
        reading.wrong(("execution", "hostname"), message, hint, code="not_yet")
    return SlurmOptions(
        account=_line(reading, "account"),
        partition=_line(reading, "partition"),
        gres=_line(reading, "gres"),
        num_nodes=reading.whole("execution", "num_nodes", default=1),
        ntasks_per_node=reading.whole("execution", "ntasks_per_node", default=1),
        comment=_line(reading, "sbatch_comment"),
        extra_flags=_flags(reading),
    )


def _is_here(hostname: str) -> bool:
    own = os.uname().nodename
    if hostname in _OURSELVES or hostname == own:
        return True
    is_short = "." not in hostname or "." not in own
    return is_short and hostname.partition(".")[0] == own.partition(".")[0]


def _line(reading: Reading, key: str) -> str:
    """A text that goes into the batch script: one line."""
    found = reading.text("execution", key)
    if found and not found.isprintable():
        reading.wrong(("execution", key), f"execution.{key} must be one line of plain text")
        return ""
    return found


def _flags(reading: Reading) -> Mapping[str, Scalar]:
    found: dict[str, Scalar] = {}
    for name, value in reading.mapping("execution", "sbatch_extra_flags").items():
        path = ("execution", "sbatch_extra_flags", name)
        if not _FLAG.match(name):
            hint = "write it without dashes before it: exclusive, qos"
            reading.wrong(path, f"{name!r:.80} is no flag of sbatch", hint)
        elif value == "???":
            reading.missing(path)
        elif not _is_line(value):
            hint = f"it is {kind_of(value)}"
            reading.wrong(path, f"the flag {name} must have one plain value on one line", hint, code="wrong_type")
        elif isinstance(value, str | int | float | None):
            found[name] = value
    return found


def _is_line(value: Json) -> bool:
    return not isinstance(value, Mapping | list) and (not isinstance(value, str) or value.isprintable())

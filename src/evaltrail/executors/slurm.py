"""Jobs through Slurm's own commands: submitted, asked for, cancelled.

Source: sbatch(1), squeue(1), sacct(1), scancel(1) of Slurm 22.05, whose answers were tried on a cluster of one node.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from evaltrail.core.errors import EvaltrailError, InputError
from evaltrail.core.run_config import Mode
from evaltrail.store.job_folders import JobState

SCRIPT = "run.sub"

_SUBMIT_TIMEOUT_S = 60.0
_ASK_TIMEOUT_S = 30.0  # squeue gives slurmctld up after 18 s by itself, sbatch and scancel after 9 s (measured)
_MOST_IDS = 5000
"""Ids in one command; Linux takes 128 KiB in one argument."""
_MOST_REASON = 500

_ID = re.compile(r"[1-9][0-9]{0,18}")
_SCRIPT_FLAG = re.compile(r"^#SBATCH --([a-z-]+)", re.MULTILINE)
_UNKNOWN = "Invalid job id"
_AWAY = "Unable to contact slurm controller"
_NEVER = frozenset({"SBATCH_ARRAY_INX", "SBATCH_CLUSTERS", "SBATCH_EXPORT", "SBATCH_REQUEUE", "SBATCH_WAIT"})
"""Variables that would make an array of a job, send it to another cluster, take its variables away, or wait for it."""

_WORDS: Mapping[str, JobState] = {
    "COMPLETED": "success",
    "CANCELLED": "killed",
    "PREEMPTED": "killed",
    "REVOKED": "killed",
    "BOOT_FAIL": "failed",
    "DEADLINE": "failed",
    "FAILED": "failed",
    "LAUNCH_FAILED": "failed",
    "NODE_FAIL": "failed",
    "OUT_OF_MEMORY": "failed",
    "RECONFIG_FAIL": "failed",
    "TIMEOUT": "failed",
    "CONFIGURING": "pending",
    "PENDING": "pending",
    "POWER_UP_NODE": "pending",
    "REQUEUED": "pending",
    "REQUEUE_FED": "pending",
    "REQUEUE_HOLD": "pending",
    "RESV_DEL_HOLD": "pending",
    "SPECIAL_EXIT": "pending",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """What a command of Slurm's said."""

    code: int
    text: str
    reason: str
    """Its complaints on one line."""


def submit(folders: Sequence[Path], *, mode: Mode, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Slurm's ids of the jobs that were submitted, one a folder.

    All or none: where one is refused, those before it are cancelled. Jobs start in their folder, with the variables
    given here; where ``run.sub`` sets a flag, a variable ``SBATCH_...`` does not.

    Args:
        folders: jobs' folders, absolute; each holds ``run.sub``.
        mode: ``sequential`` = each waits until the one before has ended, however it ended.
        environ: of sbatch, and of the jobs.

    Raises:
        InputError: there is no Slurm here, or it refuses a job; the reason is Slurm's own.
        EvaltrailError: Slurm cannot be reached, or does not answer in time.
    """
    ids: list[str] = []
    try:
        for folder in folders:
            ids.append(_submitted(folder, ids[-1] if ids and mode == "sequential" else "", environ))
    except EvaltrailError as error:
        raise _taken_back(error, ids, environ) from error
    except KeyboardInterrupt:
        with suppress(EvaltrailError):
            cancel(ids, environ)
        raise
    return tuple(ids)


def slurm_states(ids: Sequence[str], environ: Mapping[str, str]) -> Mapping[str, str]:
    """Slurm's word for each job it knows, such as ``RUNNING``; the others are missing.

    The queue knows a job for minutes after its end (``MinJobAge``); accounting, where a cluster has it, for good.

    Raises:
        InputError: there is no Slurm here.
        EvaltrailError: Slurm does not answer, or not in time.
    """
    asked = [each for each in dict.fromkeys(ids) if _ID.fullmatch(each)]
    found = dict[str, str]()
    for part in _parts(asked):
        found |= _queued(part, environ)
    for part in _parts([each for each in asked if each not in found]):
        found |= _accounted(part, environ)
    return found


def job_word(state: str) -> JobState:
    """How far a job has come, from Slurm's word for it; one that is not known here means that it has not ended."""
    words = state.split()
    return _WORDS.get(words[0].rstrip("+"), "running") if words else "pending"


def cancel(ids: Sequence[str], environ: Mapping[str, str]) -> None:
    """End jobs: those that wait never start, and those that run are told to.

    Seen on a real cluster: after a plain ``scancel``, as after a time limit, the exec'd process and what it has started
    get SIGCONT and SIGTERM at once, and SIGKILL after the cluster's ``KillWait`` (30 s unless the site says otherwise).
    ``--full`` changes nothing here, ``--batch --signal=TERM`` reaches the process alone and never kills it, and
    ``--signal=TERM`` reaches nobody. So the plain one is sent, the last job first, lest one starts because the one
    before it has ended. Jobs that have ended and ids that Slurm does not know are passed over.

    Raises:
        InputError: there is no Slurm here.
        EvaltrailError: Slurm cannot be reached, does not answer in time, or refuses.
    """
    for part in _parts([each for each in reversed(ids) if _ID.fullmatch(each)]):
        answer = _ask("scancel", part, environ, timeout_s=_SUBMIT_TIMEOUT_S)
        if answer.code and _UNKNOWN not in answer.reason:
            raise _refusal("scancel", answer)


def _submitted(folder: Path, after: str, environ: Mapping[str, str]) -> str:
    script = folder / SCRIPT
    arguments = ["--parsable", *([f"--dependency=afterany:{after}"] if after else []), str(script)]
    answer = _ask("sbatch", arguments, _for_script(script, environ), timeout_s=_SUBMIT_TIMEOUT_S, folder=folder)
    found = answer.text.strip().partition(";")[0]  # <id>[;<cluster>]
    if answer.code == 0 and _ID.fullmatch(found):
        return found
    if _AWAY in answer.reason:
        raise _refusal("sbatch", answer)
    raise InputError(
        f"Slurm refuses the job: {answer.reason or f'exit code {answer.code} and no job id'}",
        code="slurm_refused",
        where=str(script),
        hint="correct `execution` in the run configuration; `sinfo` shows the partitions",
    )


def _for_script(script: Path, environ: Mapping[str, str]) -> Mapping[str, str]:
    """The variables without those that would outvote the script: for sbatch they count more than ``#SBATCH`` lines."""
    try:
        flags = _SCRIPT_FLAG.findall(script.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        flags = []  # sbatch says best what is wrong with it
    names = {"time": "TIMELIMIT"}
    outvoting = {f"SBATCH_{names.get(flag, flag.upper().replace('-', '_'))}" for flag in flags} | _NEVER
    return {name: value for name, value in environ.items() if name not in outvoting}


def _taken_back(error: EvaltrailError, ids: Sequence[str], environ: Mapping[str, str]) -> EvaltrailError:
    """The error, with what became of the jobs submitted before it."""
    if not ids:
        return error
    try:
        cancel(ids, environ)
    except EvaltrailError as other:
        fate = f"of the jobs submitted before it, {', '.join(ids)}, some may run: {other.message}"
        hint = f"scancel {' '.join(ids)}"
    else:
        fate, hint = f"submitted before it and cancelled: {', '.join(ids)}", error.hint
    return type(error)(f"{error.message}; {fate}", code=error.code, hint=hint, where=error.where)


def _queued(ids: Sequence[str], environ: Mapping[str, str]) -> dict[str, str]:
    answer = _ask("squeue", ["--noheader", "--states=all", "--format=%i|%T", f"--jobs={','.join(ids)}"], environ)
    if answer.code and _UNKNOWN not in answer.reason:  # said of a single id that has left the queue
        raise _refusal("squeue", answer)
    return _table(answer, ids)


def _accounted(ids: Sequence[str], environ: Mapping[str, str]) -> dict[str, str]:
    """What accounting says of jobs that have left the queue; nothing where a cluster has none."""
    fields = ["--noheader", "--parsable2", "--allocations", "--format=JobIDRaw,State"]
    try:
        return _table(_ask("sacct", [*fields, f"--jobs={','.join(ids)}"], environ), ids)
    except EvaltrailError:
        return {}


def _table(answer: _Answer, ids: Sequence[str]) -> dict[str, str]:
    rows = (line.strip().partition("|") for line in answer.text.splitlines())
    asked = frozenset(ids)
    return {each: state.split()[0] for each, _, state in rows if each in asked and state.strip()}


def _parts(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[begin : begin + _MOST_IDS] for begin in range(0, len(ids), _MOST_IDS)]


def _ask(
    name: str,
    arguments: Sequence[str],
    environ: Mapping[str, str],
    *,
    timeout_s: float = _ASK_TIMEOUT_S,
    folder: Path | None = None,
) -> _Answer:
    """What one of Slurm's commands answers.

    Raises:
        InputError: it is not here.
        EvaltrailError: it does not answer in time.
    """
    program = shutil.which(name, path=environ.get("PATH", ""))
    if program is None:
        raise InputError(
            f"Slurm's {name} is not on the PATH",
            code="no_slurm",
            hint="run this where Slurm's commands are, on a login node, or say -o execution.type=local",
        )
    own = {key: value for key, value in environ.items() if not key.startswith(("SQUEUE_", "SACCT_", "SCANCEL_"))}
    try:
        done = subprocess.run(  # noqa: S603  Slurm's own command, words checked
            [program, *arguments],
            env=own,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise EvaltrailError(
            f"Slurm's {name} did not answer within {timeout_s:.0f} s",
            code="slurm_unreachable",
            hint="`scontrol ping` tells whether Slurm is there; `squeue --me` shows what it has taken",
        ) from error
    except OSError as error:
        raise InputError(
            f"Slurm's {name} cannot be started: {error.strerror or error}", code="no_slurm", where=program
        ) from error
    return _Answer(code=done.returncode, text=done.stdout.decode("utf-8", "replace"), reason=_reason(done.stderr))


def _reason(said: bytes) -> str:
    """Complaints on one line, without the command's name and the sort of each; its first line where nothing is one."""
    lines = [line.strip() for line in said.decode("utf-8", "replace").splitlines() if line.strip()]
    found = [part for line in lines for sort in ("error: ", "fatal: ") for part in line.split(sort)[1:2]]
    text = "; ".join(dict.fromkeys(found)) if found else "".join(lines[:1])
    return "".join(character if character.isprintable() else " " for character in text)[:_MOST_REASON]


def _refusal(name: str, answer: _Answer) -> EvaltrailError:
    return EvaltrailError(
        f"Slurm's {name} failed: {answer.reason or f'exit code {answer.code}'}",
        code="slurm_unreachable" if _AWAY in answer.reason else "slurm_refused",
        hint="`scontrol ping` tells whether Slurm is there",
    )

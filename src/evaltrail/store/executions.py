"""The execution database of the NeMo Evaluator Launcher (``exec.v1.jsonl``): which jobs there are, and where.

Append-only JSON lines, ours and the launcher's alike; the last line of a job counts. Read without YAML, because every
command that takes an invocation's id asks here first.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from evaltrail.core.decoding import converted, decoder
from evaltrail.core.delivery import Skipped
from evaltrail.core.errors import InputError
from evaltrail.core.ids import nearest
from evaltrail.store.job_folders import folders_in, invocation_of, is_begun, job_place

_NUMBER = re.compile("[0-9]{1,9}")
_MOST_LINE_BYTES = 64_000_000
_MOST_NAMED = 8
_MOST_DEPTH = 8
_MOST_FOLDERS = 50_000
_LEAST_ANYWHERE = 8
"""Characters of an id that is also looked for inside a longer word of a folder's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job as the execution database knows it."""

    id: str
    """``<invocation>.<number>``"""
    invocation_id: str
    number: int | None = None
    """Which job of the invocation, from 0; None where its id does not say."""
    executor: str = ""
    """local, slurm..."""
    folder: Path | None = None
    """The job's own folder, absolute; it may be gone, or lie on another machine."""
    harness: str = ""
    task: str = ""
    """As the run configuration names it: ``simple_evals.mmlu``."""
    model: str = ""
    started_at: datetime | None = None
    """When it was written down, aware UTC."""
    was_killed: bool = False
    slurm_id: str = ""
    """Slurm's own id of it."""
    container: str = ""
    """The image that it ran in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Executions:
    """What an execution database holds."""

    jobs: tuple[Job, ...] = ()
    """In the order in which they were first written down."""
    skipped: tuple[Skipped, ...] = ()
    """Lines that hold no job, and why."""


class _Endpoint(msgspec.Struct):
    model_id: Any = None


class _Target(msgspec.Struct):
    api_endpoint: _Endpoint | None = None


class _Deployment(msgspec.Struct):
    served_model_name: Any = None


class _Task(msgspec.Struct):
    name: Any = None


class _Evaluation(msgspec.Struct):
    tasks: list[_Task] | None = None


class _Config(msgspec.Struct):
    target: _Target | None = None
    deployment: _Deployment | None = None
    evaluation: _Evaluation | None = None


class _Data(msgspec.Struct):
    output_dir: Any = None
    remote_rundir_path: Any = None
    """Slurm's word for it."""
    killed: Any = None
    slurm_job_id: Any = None
    eval_image: Any = None
    container: Any = None


class _Line(msgspec.Struct):
    invocation_id: str | int
    job_id: str | int
    executor: Any = None
    timestamp: Any = None
    data: _Data | None = None
    config: _Config | None = None


_DECODER = decoder(_Line)


def database_file(environ: Mapping[str, str]) -> Path:
    """Where the execution database lies: NEMO_EVALUATOR_EXEC_DB_FILE, else below HOME; it need not exist."""
    home = environ.get("HOME") or os.path.expanduser("~")  # noqa: PTH111  Path.home() raises where there is none
    given = environ.get("NEMO_EVALUATOR_EXEC_DB_FILE", "")
    if not given:
        return Path(home, ".nemo-evaluator", "exec-db", "exec.v1.jsonl").absolute()
    return Path(home, given[2:]) if given.startswith("~/") else Path(given).absolute()


def read_executions(file: Path) -> Executions:
    """Every job of an execution database; lines that cannot be read are told, and the rest counts.

    A database that does not exist holds no job. A relative ``output_dir`` is taken from the database's own folder.
    """
    base = file.absolute().parent
    jobs: dict[str, Job] = {}
    skipped: list[Skipped] = []
    try:
        with file.open("rb") as lines:
            for number, line in _lines(lines):
                try:
                    job = _job(_decoded(line), base)
                    jobs[job.id] = job
                except (ValueError, RecursionError) as error:
                    skipped.append(Skipped(what=f"{file.name}:{number}", why=f"it holds no job: {error!s:.200}"))
    except FileNotFoundError:
        return Executions()
    except OSError as error:
        skipped.append(Skipped(what=str(file), why=f"it cannot be read: {error.strerror}"))
    return Executions(jobs=tuple(jobs.values()), skipped=tuple(skipped))


def find_jobs(jobs: Iterable[Job], ids: Iterable[str]) -> tuple[Job, ...]:
    """The jobs that ids name, each once, in the order of the ids and within an invocation in its own.

    Args:
        jobs: what the execution database holds.
        ids: each the beginning of an invocation's id (all its jobs) or of a job's id; ``<beginning>.<n>`` is the job
            with exactly this number.

    Raises:
        InputError: nothing has such an id, or several have; the message names them.
    """
    known = sorted(jobs, key=lambda job: (job.number is None, job.number or 0, job.id))
    found = {job.id: job for wanted in ids for job in _named(known, wanted.strip())}
    return tuple(found.values())


def find_job_folders(folders: Iterable[Path], wanted: str) -> tuple[Path, ...]:
    """The job folders of an invocation or job that the execution database does not know; empty where there are none.

    Looked for are folders with the id in their names, as ``<stamp>-<invocation>`` is. Links are not followed.

    Args:
        folders: where to look, themselves included.
        wanted: the beginning of an invocation's id, or ``<beginning>.<n>``.

    Raises:
        InputError: one of the places is no folder, or folders of several invocations have such an id.
    """
    beginning, number = _split(wanted.strip())
    found: dict[Path, str] = {}
    for folder in folders:
        if not folder.is_dir():
            raise InputError("there is no such folder", code="no_folder", where=str(folder))
        found.update(_jobs_of(folder.absolute(), beginning))
    exact = {folder: invocation for folder, invocation in found.items() if invocation == beginning}
    chosen = [folder for folder in exact or found if number is None or job_place(folder).number == number]
    invocations = dict.fromkeys(found[folder] for folder in chosen)
    if len(invocations) > 1:
        raise _ambiguous(wanted, list(invocations))
    return tuple(sorted(chosen, key=_order))


def _lines(lines: Any) -> Iterator[tuple[int, bytes]]:
    """Number and bytes of each line that is not blank; of one beyond all bounds only the beginning, which is broken."""
    number = 0
    while line := lines.readline(_MOST_LINE_BYTES):
        number += 1
        rest = line
        while rest and not rest.endswith(b"\n"):
            rest = lines.readline(_MOST_LINE_BYTES)
        if line.strip():
            yield number, line


def _decoded(line: bytes) -> _Line:
    try:
        return _DECODER.decode(line)
    except msgspec.DecodeError:  # an odd shape somewhere, or NaN: what names the job may still be there
        record = json.loads(line)
    if not isinstance(record, dict):
        raise ValueError("it is no object")  # noqa: TRY004  one kind of error for every broken line
    data = record.get("data")
    told = {key: data.get(key) for key in _Data.__struct_fields__} if isinstance(data, dict) else {}
    known = {key: record.get(key) for key in ("invocation_id", "job_id", "executor", "timestamp")}
    return converted({**known, "data": told}, _Line)


def _job(line: _Line, base: Path) -> Job:
    identity, invocation = str(line.job_id), str(line.invocation_id)
    if not identity or not invocation:
        raise ValueError("invocation_id or job_id is empty")
    ending = identity.rpartition(".")[2]
    number = int(ending) if "." in identity and _NUMBER.fullmatch(ending) else None
    data = line.data or _Data()
    told = _text(data.output_dir) or _text(data.remote_rundir_path)
    task = _task(line.config, number)
    return Job(
        id=identity,
        invocation_id=invocation,
        number=number,
        executor=_text(line.executor),
        folder=base / told if told else None,
        harness=task.partition(".")[0] if "." in task else "",
        task=task,
        model=_model(line.config),
        started_at=_moment(line.timestamp),
        was_killed=bool(data.killed),
        container=_text(data.eval_image) or _text(data.container),
        slurm_id=str(data.slurm_job_id or "")[:20],
    )


def _task(config: _Config | None, number: int | None) -> str:
    tasks = config.evaluation.tasks if config and config.evaluation else None
    return _text(tasks[number].name) if tasks and number is not None and number < len(tasks) else ""


def _model(config: _Config | None) -> str:
    if config is None:
        return ""
    endpoint = config.target.api_endpoint if config.target else None
    served = config.deployment.served_model_name if config.deployment else None
    return _text(endpoint.model_id if endpoint else None) or _text(served)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _moment(value: object) -> datetime | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _jobs_of(top: Path, beginning: str) -> Iterator[tuple[Path, str]]:
    """Every job folder at or below a place whose invocation begins so, and that invocation."""
    waiting = [(top, "", 0)]
    seen = 0
    while waiting and beginning:
        folder, above, depth = waiting.pop()
        seen += 1
        if seen > _MOST_FOLDERS:
            raise InputError(
                f"more than {_MOST_FOLDERS:,} folders lie here",
                code="too_many_folders",
                where=str(top),
                hint="name a folder nearer to the jobs",
            )
        said = _id_in(folder.name, beginning) or above
        if is_begun(folder):
            invocation = job_place(folder).invocation or said
            if invocation.startswith(beginning) or (invocation and invocation == said):
                yield folder, invocation
        elif depth < _MOST_DEPTH:
            waiting += [(child, said, depth + 1) for child in folders_in(folder)]


def _id_in(name: str, beginning: str) -> str:
    """The word in a folder's name that begins so, which is taken for an invocation's id; else an empty text."""
    stamped = invocation_of(name)
    if stamped:
        return stamped if stamped.startswith(beginning) else ""
    word = re.search(rf"(?<![0-9A-Za-z]){re.escape(beginning)}[0-9A-Za-z]*", name)
    if word:
        return word.group()
    return beginning if len(beginning) >= _LEAST_ANYWHERE and beginning in name else ""


def _order(folder: Path) -> tuple[bool, int, str]:
    number = job_place(folder).number
    return number is None, number or 0, str(folder)


def _named(known: Sequence[Job], wanted: str) -> list[Job]:
    beginning, number = _split(wanted)
    if not beginning:
        raise _unknown(known, wanted)
    exact = [job for job in known if wanted in {job.id, job.invocation_id}]
    if exact:
        return exact
    found = [
        job for job in known if job.invocation_id.startswith(beginning) and (number is None or job.number == number)
    ]
    found = found or [job for job in known if job.id.startswith(wanted)]
    if not found:
        raise _unknown(known, wanted)
    if len({job.invocation_id for job in found}) > 1:
        names = [job.invocation_id if number is None else job.id for job in found]
        raise _ambiguous(wanted, list(dict.fromkeys(names)))
    if "." in wanted and len(found) > 1:
        raise _ambiguous(wanted, [job.id for job in found])
    return found


def _split(wanted: str) -> tuple[str, int | None]:
    """An id's part for the invocation and the number after its dot."""
    beginning, _, ending = wanted.rpartition(".")
    return (beginning, int(ending)) if beginning and _NUMBER.fullmatch(ending) else (wanted, None)


def _unknown(known: Sequence[Job], wanted: str) -> InputError:
    ids = {job.invocation_id: None for job in known} | {job.id: None for job in known}
    hint = nearest(wanted, ids) or "`evaltrail ls runs` shows them; folders that lie elsewhere: --job-dirs DIR"
    return InputError(f"no invocation or job has the id {wanted!r}", code="unknown_id", hint=hint)


def _ambiguous(wanted: str, names: Sequence[str]) -> InputError:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    shown = ", ".join(names[:_MOST_NAMED]) + more
    return InputError(f"several ids begin with {wanted!r}: {shown}", code="ambiguous_id", hint="give more of it")

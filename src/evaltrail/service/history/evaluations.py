"""What is known of earlier and running evaluations, told from ledger, work folder and lock."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evaltrail.bundle.layout import LOG, MANIFEST
from evaltrail.bundle.read import read_bundle
from evaltrail.config.settings import Settings
from evaltrail.core.decoding import decoded
from evaltrail.core.errors import InputError
from evaltrail.core.ids import nearest
from evaltrail.service.history.invocations import find_invocation, known_executions
from evaltrail.store.executions import Job
from evaltrail.store.ledger import Entry, Ledger
from evaltrail.store.work import count_done, is_running, read_state


def describe(entry: Entry) -> dict[str, Any]:
    """State, progress and errors of one evaluation, as true as the lock of its work folder is.

    Returns:
        evaluation_id, state, model, tasks, started_at, ended_at, out, progress {done, total}, errors.
    """
    result = decoded(entry.result, dict[str, Any]) if entry.result else {}
    state, errors = entry.state, result.get("errors", [])
    total = sum(count["total"] for count in result.get("counts", {}).values())
    done = result.get("accepted", total)  # of a generation: the others are missing
    work = read_state(entry.work)
    if not total and work is not None and work.evaluation_id == entry.id:
        done, total = count_done(entry.work), work.total
        if state == "running" and not is_running(entry.work):
            state, errors = "failed", [_interrupted(entry)]
    elif state == "running" and (entry.out / MANIFEST).is_file():
        bundle = read_bundle(entry.out)
        done = total = sum(task.counts.total for task in bundle.tasks)
        state = bundle.status
    elif state == "running":
        state, errors = "failed", [_replaced(entry)]
    return {
        "evaluation_id": entry.id,
        "state": state,
        "model": entry.model,
        "tasks": list(entry.tasks),
        "started_at": entry.started_at.isoformat(),
        "ended_at": entry.ended_at.isoformat() if entry.ended_at else None,
        "out": str(entry.out),
        "progress": {"done": done, "total": total},
        "errors": errors,
        "source": "evaltrail",
    }


def again_words(entry: Entry) -> str:
    """What goes on with what was cut short: the command that was noted, which does from any folder, else the same."""
    work = read_state(entry.work)
    command = work.command if work is not None and work.evaluation_id == entry.id else ""
    return f"`{command}`" if command else "the same command again"


def _interrupted(entry: Entry) -> dict[str, str]:
    return {
        "code": "interrupted",
        "message": f"the process ended before the {entry.noun} did",
        "hint": f"run {again_words(entry)}: it goes on where it was cut short",
        "where": "",
    }


def _replaced(entry: Entry) -> dict[str, str]:
    return {
        "code": "replaced",
        "message": f"the process ended before the {entry.noun} did, and the same work was started over",
        "hint": "`evaltrail ls runs` shows the later one",
        "where": "",
    }


def find_known(settings: Settings, wanted: str, jobs: Sequence[Job] | None = None) -> Entry | tuple[Job, ...]:
    """The evaluation of ours, or the jobs of the launcher, whose id begins so; a whole id is never ambiguous.

    Args:
        settings: where the ledger and the execution database are.
        wanted: the beginning of an id.
        jobs: of the execution database; None = read it.

    Raises:
        InputError: none does, or several do.
    """
    known = known_executions(settings.environ).jobs if jobs is None else jobs
    theirs = find_invocation(known, wanted)
    if any(wanted in {job.id, job.invocation_id} for job in theirs):
        return theirs
    try:
        ours = Ledger(settings.home).find(wanted)
    except InputError as error:
        if error.code != "unknown_id":
            raise
        if theirs:
            return theirs
        raise _unknown(wanted, known) from None
    if theirs and ours.id != wanted:
        raise InputError(
            f"several ids begin with {wanted!r}: {ours.id} (evaltrail), {theirs[0].invocation_id} (NeMo launcher)",
            code="ambiguous_id",
            hint="give more of it",
        )
    return ours


def _unknown(wanted: str, known: Sequence[Job]) -> InputError:
    ids = {job.invocation_id: None for job in known} | {job.id: None for job in known}
    shown = "`evaltrail ls runs` shows them"
    hint = nearest(wanted, ids) or f"what no worker has begun: `evaltrail jobs ls`; else {shown}" if wanted else shown
    return InputError(f"no evaluation, invocation or job has the id {wanted!r}", code="unknown_id", hint=hint)


def log_of(entry: Entry) -> Path:
    """The log of an evaluation, finished or not: the one that is still written, else the one in its bundle.

    Raises:
        InputError: there is none yet, or none any more.
    """
    for file in (work_log(entry), entry.out / LOG):
        if file is not None and file.is_file():
            return file
    raise InputError(
        f"{entry.noun} {entry.id} has no log, or none yet",
        code="no_log",
        hint=f"`evaltrail status {entry.id}` tells how far it is",
    )


def work_log(entry: Entry) -> Path | None:
    """Where an evaluation that has not ended well writes its log; None where its work folder is gone, or another's."""
    state = read_state(entry.work)
    return entry.work / "run.log" if state is not None and state.evaluation_id == entry.id else None


def find_bundle(home: Path, name: str) -> Path:
    """The bundle folder that an id prefix or a path names.

    Raises:
        InputError: there is none.
    """
    folder = Path(name)
    if (folder / MANIFEST).is_file():
        return folder
    if folder.is_dir():
        raise InputError("no bundle is in this folder", code="no_bundle", where=name)
    entry = Ledger(home).find(name)
    if not (entry.out / MANIFEST).is_file():
        raise no_bundle(entry)
    return entry.out


def no_bundle(entry: Entry) -> InputError:
    """That an evaluation has no finished bundle, and what to do."""
    return InputError(
        f"{entry.noun} {entry.id} has no finished bundle",
        code="no_bundle",
        hint=f"`evaltrail status {entry.id}` tells how far it is, --watch waits for its end",
    )

"""`evaltrail jobs`: what is queued listed and shown, called off, tried again; who works, and how hard."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from evaltrail.cli import values
from evaltrail.cli.show import print_error, print_json, print_notice, print_text, table
from evaltrail.config.settings import Settings, load_settings
from evaltrail.core.errors import EvaltrailError, InputError
from evaltrail.service.record import error_object

if TYPE_CHECKING:
    from evaltrail.jobs.account import JobAccount, JobDetail, UnitAccount
    from evaltrail.jobs.lease import LeaseQueue

EXAMPLE = "evaltrail jobs ls --state running; evaltrail jobs show 3f9a; evaltrail jobs cancel 3f9a"
_STATES = ("pending", "running", "cancelling", "completed", "partially_failed", "failed", "cancelled")
_MOST = 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument(
        "verb",
        nargs="?",
        choices=("ls", "show", "cancel", "retry", "workers", "cap"),
        default="ls",
        help="ls: the newest (the default); show: one with its units; cancel: call off; retry: do again what failed; "
        "workers: who is alive; cap: how many requests an endpoint is sent at once, over all workers",
    )
    parser.add_argument("id", nargs="*", metavar="ID", help="job, or any unique beginning; cap: URL N, or URL none")
    parser.add_argument("--state", action="append", default=[], choices=_STATES, help="ls: only these; may be repeated")
    parser.add_argument("--limit", type=values.positive, default=20, metavar="N", help="ls: not more than N")


def execute(arguments: argparse.Namespace) -> int:
    """List, show, cancel, retry; tell who works; set caps."""
    from evaltrail.jobs.opening import open_queue  # noqa: PLC0415  SQLAlchemy, which few commands need

    verb: Literal["ls", "show", "cancel", "retry", "workers", "cap"] = arguments.verb
    if verb != "cap" and bool(arguments.id) == (verb in {"ls", "workers"}):
        hint = "`evaltrail jobs show ID` shows one" if arguments.id else "`evaltrail jobs ls` shows the ids"
        raise InputError(f"`jobs {verb}` takes {'no' if arguments.id else 'an'} ID", code="usage", hint=hint)
    settings = load_settings()
    with open_queue(settings, notice=print_notice) as queue:
        if verb == "ls":
            return _list(arguments, queue)
        if verb == "show":
            return _show(arguments, queue)
        if verb == "workers":
            return _show_workers(queue, as_json=arguments.json)
        if verb == "cap":
            return _cap(arguments.id, queue, as_json=arguments.json)
        return change_jobs(verb, arguments.id, settings, queue, as_json=arguments.json)


def _show_workers(queue: LeaseQueue, *, as_json: bool) -> int:
    workers = queue.workers()
    if as_json:
        objects = [
            {"host": worker.host, "pid": worker.pid, "engine": worker.engine, "version": worker.version}
            | {"queues": list(worker.queues), "concurrency": worker.concurrency}
            | {"started_at": worker.started_at.isoformat() if worker.started_at else None}
            for worker in workers
        ]
        print_json({"ok": True, "exit_code": 0, "workers": objects})
        return 0
    rows = [
        [worker.host, str(worker.pid), worker.engine, str(worker.concurrency), ", ".join(worker.queues) or "all"]
        for worker in workers
    ]
    head = ["host", "pid", "engine", "units at a time", "queues"]
    print_text(table(head, rows, numbers=(1, 3)) if rows else "no worker is alive; `evaltrail worker` starts one")
    return 0


def _cap(words: Sequence[str], queue: LeaseQueue, *, as_json: bool) -> int:
    """Set a cap where one is given, then show all."""
    from evaltrail.service.working.capping import set_cap  # noqa: PLC0415  SQLAlchemy, which few commands need

    if words:
        if len(words) != len(("URL", "N")):
            raise InputError("`jobs cap` takes a URL and a number", code="usage", hint="`jobs cap URL none` lifts one")
        set_cap(queue, words[0], words[1])
    caps = queue.caps()
    if as_json:
        print_json({"ok": True, "exit_code": 0, "caps": dict(caps)})
        return 0
    rows = [[endpoint, str(cap)] for endpoint, cap in sorted(caps.items())]
    print_text(table(["endpoint", "requests at once"], rows, numbers=(1,)) if rows else "no endpoint has a cap")
    return 0


def _list(arguments: argparse.Namespace, queue: LeaseQueue) -> int:
    page = queue.list(limit=min(arguments.limit, _MOST), states=arguments.state)
    if arguments.json:
        print_json({"ok": True, "exit_code": 0, "jobs": [job_object(job) for job in page.jobs], "total": page.total})
        return 0
    rows = [
        [job.id, job.kind, job.state, _progress(job), job.name, job.created_at.strftime("%F %T")] for job in page.jobs
    ]
    head = ["id", "kind", "state", "done", "name", "accepted (UTC)"]
    print_text(table(head, rows, numbers=(3,)) if rows else "nothing is queued")
    if page.total > len(page.jobs):
        print_text(f"and {page.total - len(page.jobs):,} more (--limit N shows them)")
    return 0


def _show(arguments: argparse.Namespace, queue: LeaseQueue) -> int:
    found = [queue.show(prefix) for prefix in arguments.id]
    if arguments.json:
        objects = [_detail_object(detail) for detail in found]
        print_json({"ok": True, "exit_code": 0, **(objects[0] if len(objects) == 1 else {"jobs": objects})})
        return 0
    for detail in found:
        job = detail.job
        counted = "questions" if job.kind == "generation" else "samples"
        print_text(f"{job.id}: {job.state}, {_progress(job)} {counted}, {job.name}")
        print_text(table(["unit", "kind", "state", "done", "attempt", "worker"], [_row(unit) for unit in detail.units]))
        for unit in detail.units:
            if unit.error is not None and unit.state != "done":
                again = f"; again at {unit.not_before:%T} UTC" if unit.state == "waiting" else ""
                hint = f" ({unit.error.hint})" if unit.error.hint else ""
                print_text(f"  {unit.id}: {unit.error.message}{hint}{again}")
    return 0


def change_jobs(
    verb: Literal["cancel", "retry"], ids: Sequence[str], settings: Settings, queue: LeaseQueue, *, as_json: bool
) -> int:
    """Cancel or retry jobs, and tell what became of each; the exit code.

    Args:
        verb: what is done to each.
        ids: what their ids begin with; where one is not known nothing is done.
        settings: where the ledger is.
        queue: that they lie in.
        as_json: whether programs are told.

    Raises:
        InputError: an id is not known or not unique.
    """
    from evaltrail.service.working.calling_off import cancel_job, retry_job  # noqa: PLC0415  only where it is wanted

    done: list[dict[str, object]] = []
    errors: list[EvaltrailError] = []
    for job_id in dict.fromkeys(queue.show(prefix).job.id for prefix in ids):
        try:
            if verb == "cancel":
                done.append({"job_id": job_id, "state": cancel_job(job_id, settings, queue)[1]})
            else:
                units = retry_job(job_id, settings, queue, notice=print_notice)[1]
                done.append({"job_id": job_id, "state": "pending", "units": units})
        except InputError as error:
            errors.append(error)
    code = 0 if not errors else 1 if done else InputError.exit_code
    if as_json:
        told = {"errors": [error_object(each) for each in errors]} if errors else {}
        print_json({"ok": code == 0, "exit_code": code, "jobs": done, **told})
    else:
        for each in done:
            more = f", {each['units']} units wait again" if "units" in each else ""
            print_text(f"{each['job_id']}: {each['state']}{more}")
    for refused in errors:
        print_error(refused)
    return code


def job_object(job: JobAccount) -> dict[str, object]:
    """A job for programs."""
    return {
        "job_id": job.id,
        "kind": job.kind,
        "name": job.name,
        "state": job.state,
        "queue": job.queue,
        "priority": job.priority,
        "created_at": job.created_at.isoformat(),
        "started_at": job.started_at.isoformat() if job.started_at else None,
        "ended_at": job.ended_at.isoformat() if job.ended_at else None,
        "progress": {"done": job.done, "total": job.total},
        "tokens": job.tokens,
        "units": dict(job.units),
        "run_ids": dict(job.run_ids),
        "error": _error_object(job),
    }


def _detail_object(detail: JobDetail) -> dict[str, object]:
    units = [
        {
            "unit_id": unit.id,
            "kind": unit.kind,
            "place": unit.place,
            "state": unit.state,
            "attempt": unit.attempt,
            "attempts_left": unit.attempts_left,
            "worker": unit.owner,
            "not_before": unit.not_before.isoformat(),
            "progress": {"done": unit.done, "total": unit.total},
            "error": _error_object(unit),
            "result": unit.result,
        }
        for unit in detail.units
    ]
    return {**job_object(detail.job), "spec": detail.spec, "units": units}


def _error_object(account: JobAccount | UnitAccount) -> dict[str, str] | None:
    error = account.error
    if error is None:
        return None
    return {"code": error.code, "message": error.message, "hint": error.hint, "where": error.where}


def _row(unit: UnitAccount) -> list[str]:
    done = f"{unit.done:,}" if unit.total is None else f"{unit.done:,}/{unit.total:,}"
    return [unit.id, unit.kind, unit.state, done, str(unit.attempt), unit.owner]


def _progress(job: JobAccount) -> str:
    return f"{job.done:,}/{'?' if job.total is None else f'{job.total:,}'}"

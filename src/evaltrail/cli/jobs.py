"""`evaltrail jobs`: queued evaluations listed and shown, called off, tried again."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from evaltrail.cli import values
from evaltrail.cli.show import print_json, print_text, table
from evaltrail.config.settings import Settings, load_settings
from evaltrail.core.errors import InputError

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
        choices=("ls", "show", "cancel", "retry"),
        default="ls",
        help="ls: the newest (the default); show: one with its units; cancel: call off; retry: do again what failed",
    )
    parser.add_argument("id", nargs="*", metavar="ID", help="job, or any unique beginning")
    parser.add_argument("--state", action="append", default=[], choices=_STATES, help="ls: only these; may be repeated")
    parser.add_argument("--limit", type=values.positive, default=20, metavar="N", help="ls: not more than N")


def execute(arguments: argparse.Namespace) -> int:
    """List, show, cancel or retry."""
    from evaltrail.jobs.opening import open_queue  # noqa: PLC0415  SQLAlchemy, which few commands need

    verb: str = arguments.verb
    if bool(arguments.id) == (verb == "ls"):
        hint = "`evaltrail jobs show ID` shows one" if arguments.id else "`evaltrail jobs ls` shows the ids"
        raise InputError(f"`jobs {verb}` takes {'no' if arguments.id else 'an'} ID", code="usage", hint=hint)
    settings = load_settings()
    with open_queue(settings) as queue:
        if verb == "ls":
            return _list(arguments, queue)
        if verb == "show":
            return _show(arguments, queue)
        return _change(arguments, settings, queue)


def _list(arguments: argparse.Namespace, queue: LeaseQueue) -> int:
    page = queue.list(limit=min(arguments.limit, _MOST), states=arguments.state)
    if arguments.json:
        print_json({"ok": True, "exit_code": 0, "jobs": [job_object(job) for job in page.jobs], "total": page.total})
        return 0
    rows = [[job.id, job.state, _progress(job), job.name, job.created_at.strftime("%F %T")] for job in page.jobs]
    print_text(
        table(["id", "state", "done", "name", "accepted (UTC)"], rows, numbers=(2,)) if rows else "nothing is queued"
    )
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
        print_text(f"{job.id}: {job.state}, {_progress(job)} samples, {job.name}")
        print_text(table(["unit", "kind", "state", "done", "attempt", "worker"], [_row(unit) for unit in detail.units]))
        for unit in detail.units:
            if unit.error is not None and unit.state != "done":
                again = f"; again at {unit.not_before:%T} UTC" if unit.state == "waiting" else ""
                hint = f" ({unit.error.hint})" if unit.error.hint else ""
                print_text(f"  {unit.id}: {unit.error.message}{hint}{again}")
    return 0


def _change(arguments: argparse.Namespace, settings: Settings, queue: LeaseQueue) -> int:
    from evaltrail.service.working.calling_off import cancel_job, retry_job  # noqa: PLC0415  only where it is wanted

    change: Callable[[str], dict[str, object]]
    if arguments.verb == "cancel":

        def change(prefix: str) -> dict[str, object]:
            job_id, state = cancel_job(prefix, settings, queue)
            return {"job_id": job_id, "state": state}
    else:

        def change(prefix: str) -> dict[str, object]:
            job_id, units = retry_job(prefix, queue)
            return {"job_id": job_id, "state": "pending", "units": units}

    done = [change(prefix) for prefix in arguments.id]
    if arguments.json:
        print_json({"ok": True, "exit_code": 0, "jobs": done})
        return 0
    for each in done:
        more = f", {each['units']} units wait again" if "units" in each else ""
        print_text(f"{each['job_id']}: {each['state']}{more}")
    return 0


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

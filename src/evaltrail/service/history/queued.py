"""What is known of evaluations that workers do: told from the queue, which is loaded only where one has not ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from evaltrail.config.settings import Settings
from evaltrail.core.errors import EvaltrailError, InputError
from evaltrail.service.history.evaluations import describe, find_known
from evaltrail.service.history.invocations import known_executions
from evaltrail.service.record import error_object
from evaltrail.store.ledger import Entry
from evaltrail.store.work import count_done

if TYPE_CHECKING:
    from evaltrail.jobs.account import JobDetail

_PATIENCE_S = 2.0


def describe_entries(entries: Sequence[Entry], settings: Settings) -> list[dict[str, Any]]:
    """The evaluations as ``describe`` tells them, those that workers do as the queue knows them.

    Args:
        entries: of the ledger.
        settings: where the queue is.
    """
    waiting = [entry for entry in entries if entry.state == "running" and is_queued(entry)]
    told = _queued(waiting, settings) if waiting else {}
    return [told.get(entry.id) or describe(entry) for entry in entries]


def is_queued(entry: Entry) -> bool:
    """Whether workers do an evaluation, and not the process that was told to."""
    return entry.work.name == entry.id  # of others it is named for what they resume by


def split_queued(ids: Sequence[str], settings: Settings) -> tuple[tuple[Entry, ...], tuple[str, ...]]:
    """The evaluations that workers do among what ids name, each once; and the other ids, whatever they name.

    Args:
        ids: beginnings of ids.
        settings: where the ledger and the execution database are.
    """
    jobs = known_executions(settings.environ).jobs
    queued: dict[str, Entry] = {}
    others: list[str] = []
    for wanted in ids:
        try:
            found = find_known(settings, wanted, jobs)
        except InputError:
            found = ()
        if isinstance(found, Entry) and is_queued(found):
            queued[found.id] = found
        else:
            others.append(wanted)
    return tuple(queued.values()), tuple(others)


def _queued(entries: Sequence[Entry], settings: Settings) -> dict[str, dict[str, Any]]:
    from evaltrail.jobs.opening import open_queue  # noqa: PLC0415  SQLAlchemy, which nothing else here needs

    told: dict[str, dict[str, Any]] = {}
    try:
        with open_queue(settings, patience_s=_PATIENCE_S) as queue:
            for entry in entries:
                try:
                    told[entry.id] = _described(entry, queue.show(entry.id))
                except EvaltrailError as error:
                    told[entry.id] = _unknown(entry, error)
    except EvaltrailError as error:
        told |= {entry.id: _unknown(entry, error) for entry in entries}
    return told


def _described(entry: Entry, detail: JobDetail) -> dict[str, Any]:
    job = detail.job
    done = max(job.done, _journalled(entry))
    errors = [asdict(unit.error) for unit in detail.units if unit.error is not None and unit.state != "done"]
    return {
        **_facts(entry),
        "state": job.state,
        "started_at": (job.started_at or job.created_at).isoformat(),
        "ended_at": job.ended_at.isoformat() if job.ended_at else None,
        "progress": {"done": done, "total": max(done, job.total or 0)},
        "errors": _each_once(errors),
        "units": dict(job.units),
    }


def _unknown(entry: Entry, error: EvaltrailError) -> dict[str, Any]:
    """What is known of an evaluation whose queue cannot be asked."""
    done = _journalled(entry)
    return {**_facts(entry), "progress": {"done": done, "total": done}, "errors": [error_object(error)]}


def _facts(entry: Entry) -> dict[str, object]:
    return {
        "evaluation_id": entry.id,
        "state": entry.state,
        "model": entry.model,
        "tasks": list(entry.tasks),
        "started_at": entry.started_at.isoformat(),
        "ended_at": None,
        "out": str(entry.out),
        "source": "evaltrail",
    }


def _journalled(entry: Entry) -> int:
    """Samples that lie in journals, of which the workers may not have told yet."""
    return count_done(entry.work) if entry.work.is_dir() else 0


def _each_once(errors: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    return [dict(error) for number, error in enumerate(errors) if error not in errors[:number]]

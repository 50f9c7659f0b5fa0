"""Known runs: evaluations of ours and invocations, those that ids name or the latest, each told as a whole."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from evaltrail.config.settings import Settings
from evaltrail.core.delivery import Skipped
from evaltrail.service.history.evaluations import find_known
from evaltrail.service.history.invocations import describe_each, describe_invocations, known_executions
from evaltrail.service.history.queued import describe_entries
from evaltrail.store.executions import Job
from evaltrail.store.ledger import Entry, Ledger


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownRuns:
    """What ran and runs."""

    items: tuple[dict[str, Any], ...]
    """As ``describe`` tells them; invocations with their ``jobs``."""
    notes: tuple[Skipped, ...] = ()
    """Lines of the execution database that hold no job."""


def latest_runs(settings: Settings, *, limit: int | None = None) -> KnownRuns:
    """The latest evaluations and invocations, newest first.

    Args:
        settings: where the ledger and the execution database are.
        limit: how many; None = all.
    """
    most = sys.maxsize if limit is None else limit
    executions = known_executions(settings.environ)
    ours = describe_entries(Ledger(settings.home).latest(most), settings)
    invocations = describe_invocations(executions.jobs, settings, limit=most)
    newest = sorted([*ours, *invocations], key=lambda item: str(item["started_at"]), reverse=True)
    return KnownRuns(items=tuple(newest[:most]), notes=executions.skipped)


def named_runs(settings: Settings, ids: Sequence[str]) -> KnownRuns:
    """What ids name, each evaluation and invocation once, in the order of the ids.

    Args:
        settings: where the ledger and the execution database are.
        ids: beginnings of ids; of an invocation only the jobs that are named are told.

    Raises:
        InputError: nothing has such an id, or several have.
    """
    known = known_executions(settings.environ).jobs
    found = [find_known(settings, wanted, known) for wanted in dict.fromkeys(ids)]
    own: dict[str, Entry] = {}
    named: dict[str, dict[str, Job]] = {}
    for each in found:
        if isinstance(each, Entry):
            own[each.id] = each
        else:
            named.setdefault(each[0].invocation_id, {}).update((job.id, job) for job in each)
    invocations = [sorted(jobs.values(), key=_order) for jobs in named.values()]
    told = {item["evaluation_id"]: item for item in describe_each(invocations, settings)}
    told |= {item["evaluation_id"]: item for item in describe_entries(list(own.values()), settings)}
    ordered = dict.fromkeys(each.id if isinstance(each, Entry) else each[0].invocation_id for each in found)
    return KnownRuns(items=tuple(told[identity] for identity in ordered))


def _order(job: Job) -> tuple[bool, int, str]:
    return job.number is None, job.number or 0, job.id

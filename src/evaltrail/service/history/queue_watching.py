"""Watching an evaluation that workers do: fed by the queue's events, and by journals, which are ahead of them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from evaltrail.config.settings import Settings
from evaltrail.core.errors import InputError, StorageError
from evaltrail.core.progress import Progress
from evaltrail.core.values import Json
from evaltrail.jobs.account import JobAccount, JobEvent
from evaltrail.jobs.lease import LeaseQueue
from evaltrail.jobs.opening import open_queue
from evaltrail.jobs.states import ENDED
from evaltrail.service.history.happening import LONGEST_S, SHORTEST_S, TICK, Happening, label
from evaltrail.service.history.journal_counts import JournalCounts
from evaltrail.store.ledger import Entry

_PATIENCE_S = 2.0
_FIRST_AWAY_S, _LONGEST_AWAY_S = 0.5, 5.0
_PASSING = frozenset({"database_away", "database_busy"})
_PAGE = 1000
_CHANGES = frozenset({"started", "cancelling", "retried", "ended"})
"""Events by which the job comes into another state: they are told with that, however much a look costs."""
_COST = 20
"""The account of a job of many units may take this part of the time between two of them."""
_LONGEST_JOURNALS_S = 1.0
"""Progress that journals alone tell is told so often at most."""


def watch_queued(entry: Entry, settings: Settings) -> Iterator[Happening]:
    """What happens to an evaluation until its job has ended; see ``watch``. A database that is away is waited for.

    Raises:
        InputError: the queue does not know it, or refuses us.
        StorageError: the database cannot be used, and waiting does not help.
    """
    watching = _Watching(entry)
    is_away, pause_s = False, _FIRST_AWAY_S
    while True:
        try:
            with open_queue(settings, patience_s=_PATIENCE_S) as queue:
                for happening in watching.follow(queue):
                    if is_away:
                        is_away, pause_s = False, _FIRST_AWAY_S
                        yield watching.told("back", {"where": queue.place})
                    yield happening
                return
        except StorageError as error:
            if error.code not in _PASSING:
                raise
            if not is_away:
                is_away = True
                yield watching.told("away", {"code": error.code, "message": error.message, "where": error.where})
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, _LONGEST_AWAY_S)


class _Watching:
    """One evaluation, and what is known of it already."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry
        self._journals = JournalCounts(entry.work)
        self._errors: dict[str, Mapping[str, int]] = {}
        """Unit to what its latest report told of samples without an answer."""
        self._after = -1
        """The last event that is known; below 0 = nothing is."""
        self._job: JobAccount | None = None
        self._looks_at = 0.0
        self._progress = Progress(task=label(entry.tasks), done=0, total=None)
        self._told_at, self._told_done = float("-inf"), -1

    def follow(self, queue: LeaseQueue) -> Iterator[Happening]:
        """What happens from now on, or since the database was last there, until the job has ended."""
        if self._after < 0:
            self._catch_up(queue)
        pause_s, is_stale = SHORTEST_S, True
        while True:
            events = queue.events(self._entry.id, self._after, limit=_PAGE)
            for event in events:
                self._take_in(event)
            is_stale = is_stale or bool(events)
            if is_stale and (any(event.kind in _CHANGES for event in events) or time.monotonic() >= self._looks_at):
                self._look(queue)
                is_stale = False
            yield from self._news(events)
            if self._job is not None and self._job.state in ENDED:
                return
            if len(events) < _PAGE:
                pause_s = SHORTEST_S if events else min(1.5 * pause_s, LONGEST_S)
                time.sleep(pause_s)

    def told(self, kind: str, data: Mapping[str, Json]) -> Happening:
        """Something that is no event of the job."""
        state = self._entry.state if self._job is None else self._job.state
        return Happening(kind=kind, at=datetime.now(UTC), state=state, progress=self._progress, data=data)

    def _catch_up(self, queue: LeaseQueue) -> None:
        """Take in what happened before anybody watched, which `status` tells better."""
        self._after = 0
        while events := queue.events(self._entry.id, self._after, limit=_PAGE):
            for event in events:
                self._take_in(event)

    def _take_in(self, event: JobEvent) -> None:
        self._after = event.id
        errors = event.data.get("errors")
        if event.kind == "progress" and isinstance(errors, dict):
            self._errors[event.unit_id] = {reason: count for reason, count in errors.items() if isinstance(count, int)}

    def _look(self, queue: LeaseQueue) -> None:
        """Have the job told anew."""
        began = time.monotonic()
        try:
            self._job = queue.show(self._entry.id).job
        except InputError as error:
            if error.code != "unknown_id":
                raise
            raise InputError(
                f"the queue does not know the job {self._entry.id}",
                code="unknown_job",
                hint="was EVALTRAIL_DATABASE_URL the same when it was accepted?",
                where=queue.place,
            ) from error
        now = time.monotonic()
        self._looks_at = now + max(SHORTEST_S, _COST * (now - began))

    def _news(self, events: tuple[JobEvent, ...]) -> Iterator[Happening]:
        now = time.monotonic()
        self._progress = self._counted()
        state = self.told(TICK, {}).state
        for event in events:
            yield Happening(
                kind=event.kind,
                at=event.at,
                state=state,
                progress=self._progress,
                unit_id=event.unit_id,
                data=event.data,
                event_id=event.id,
            )
        is_news = self._progress.done != self._told_done and now - self._told_at >= _LONGEST_JOURNALS_S
        if events or is_news:
            self._told_at, self._told_done = now, self._progress.done
        if not events:
            yield self.told("progress" if is_news else TICK, {})

    def _counted(self) -> Progress:
        job = self._job
        if job is None:
            return self._progress
        done = max(job.done, self._journals.count())
        errors = sum((Counter(each) for each in self._errors.values()), Counter[str]())
        total = None if job.total is None else max(done, job.total)
        return replace(self._progress, done=done, total=total, tokens=job.tokens, errors=errors)

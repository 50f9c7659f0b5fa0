"""Asking one task, or a part of it: what its journal misses is asked, and judged where it has judges."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

from evaltrail.bundle.answer_log import AnswerLog
from evaltrail.bundle.journal import Journal
from evaltrail.config.settings import Settings
from evaltrail.core.answer import Answer
from evaltrail.core.ports import FolderCall
from evaltrail.core.progress import ProgressSink
from evaltrail.models.remembered import Remembered
from evaltrail.providers.native import NativeTask
from evaltrail.providers.runner import run_task
from evaltrail.providers.stored import StoredTask, score_stored
from evaltrail.scoring.apply import Bench
from evaltrail.service.evaluation.elsewhere import PROGRAM_LOG
from evaltrail.service.evaluation.judge_facts import judge_facts
from evaltrail.service.evaluation.judges import open_benches
from evaltrail.service.evaluation.prepare import Prepared
from evaltrail.service.evaluation.summary import Asked

FindAnswer = Callable[[str], Answer | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Where the answers of a task are put down, and what may serve it."""

    journal: Path
    judged: Path
    """The answers of its judges."""
    earlier_verdicts: Iterable[Path] = ()
    """Answers of judges to earlier evaluations, which may serve this one."""
    stored: FindAnswer = field(default=lambda _: None)
    """Answers of earlier evaluations, which may serve this one."""
    progress: ProgressSink = field(default=lambda _: None)
    open_journal: Callable[[Path, int], Journal] = Journal
    """Opens the journal of a task that is asked so many times."""


async def ask_task(
    prepared: Prepared, number: int, task: NativeTask | StoredTask, desk: Desk, settings: Settings
) -> Asked:
    """What is known of a task, all of whose samples are answered now.

    Args:
        prepared: the order that the task is of.
        number: of the task in the order.
        task: the task, or a part of it.
        desk: where its answers are put down.
        settings: of this process.

    Raises:
        EndpointError: the endpoint refuses or is gone; answers are kept.
        StorageError: the disk refuses.
    """
    limits, environ = prepared.order.request.limits, settings.environ
    async with AsyncExitStack() as stack:
        journal = stack.enter_context(desk.open_journal(desk.journal, task.repeats))
        is_whole = not journal.done
        started = time.monotonic()
        benches: tuple[Bench, ...] = ()
        log: AnswerLog | None = None
        if gradings := prepared.gradings[number]:
            log = stack.enter_context(closing(AnswerLog(desk.judged, desk.earlier_verdicts)))
            benches = await open_benches(gradings, stack, limits=limits, environ=environ, log=log)
        concurrency, progress = limits.concurrency, desk.progress
        if isinstance(task, StoredTask):
            await score_stored(task, journal, concurrency=concurrency, on_progress=progress, benches=benches)
        else:
            model = prepared.open_model(task, settings)
            if log is not None:  # a judge that gives out must not cost the answers that it was to judge
                model = Remembered(model, log.find, log.keep)
            await stack.enter_async_context(model)
            await run_task(
                task,
                model,
                journal,
                concurrency=concurrency,
                stored=desk.stored,
                on_progress=progress,
                benches=benches,
            )
        seconds = time.monotonic() - started if is_whole else None
        return Asked(samples=journal.samples(), seconds=seconds, facts=judge_facts(gradings, settings.home))


def folder_call(prepared: Prepared, settings: Settings, place: Path, progress: ProgressSink) -> FolderCall:
    """What a program that runs a task of the order is given.

    Args:
        prepared: the order.
        settings: of this process.
        place: folder of the task alone.
        progress: told a few times a second.
    """
    request = prepared.order.request
    return FolderCall(
        target=request.target,
        limits=request.limits,
        api_key=prepared.key,
        environ=settings.environ,
        on_progress=progress,
        log=place / PROGRAM_LOG,
        secrets=(prepared.key, *request.target.headers.values()),
    )

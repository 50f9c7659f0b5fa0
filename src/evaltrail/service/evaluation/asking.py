"""Asking: what an order's journals still miss is asked, then they become a bundle."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from evaltrail.bundle.answers import StoredAnswers, journals_below
from evaltrail.bundle.journal import Journal
from evaltrail.bundle.layout import MANIFEST
from evaltrail.bundle.write import write_bundle
from evaltrail.config.logs import RunLog
from evaltrail.config.secrets import public_url
from evaltrail.config.settings import Settings
from evaltrail.core.answer import Answer
from evaltrail.core.errors import EvaltrailError, InputError
from evaltrail.core.progress import ProgressSink
from evaltrail.core.version import VERSION
from evaltrail.providers.runner import run_task
from evaltrail.service.evaluation.prepare import Prepared
from evaltrail.service.evaluation.summary import Asked, build_bundle
from evaltrail.store.work import Work

Notice = Callable[[str], None]
"""Told, in one sentence, what a person watching wants to know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Who is told what while an evaluation runs."""

    progress: ProgressSink = lambda _: None
    notice: Notice = lambda _: None


UNWATCHED = Watch()


class Asking:
    """One evaluation on its way to its bundle.

    Args:
        prepared: what is asked.
        settings: of this process.
        watch: who is told what.
        work: whose journals hold what was answered already.
        log: of the run.
    """

    def __init__(self, prepared: Prepared, settings: Settings, watch: Watch, work: Work, log: RunLog) -> None:
        self._prepared = prepared
        self._settings = settings
        self._watch = watch
        self._work = work
        self._log = log

    def into(self, folder: Path) -> None:
        """Ask what is missing, and write the bundle where it is not there yet.

        Raises:
            EndpointError: the endpoint refuses or is gone; answers are kept.
            StorageError: the disk refuses.
        """
        if (folder / MANIFEST).is_file():
            return
        request = self._prepared.order.request
        self._log.write(f"asking {request.target.id} at {public_url(request.target.url) or 'no endpoint'}")
        asked = self._ask()
        write_bundle(
            folder,
            lambda made: build_bundle(made, self._work, request, self._prepared.tasks, asked=asked, version=VERSION),
        )

    def _ask(self) -> dict[str, Asked]:
        """What is known of each task, all of whose samples are in its journal now."""
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return self._ask_in_loop()
        # The caller (a notebook) has a loop of its own in this thread.
        with ThreadPoolExecutor(1) as aside:
            return aside.submit(self._ask_in_loop).result()

    def _ask_in_loop(self) -> dict[str, Asked]:
        import uvloop  # noqa: PLC0415  only where something is asked

        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                return runner.run(self._ask_all())
        except InputError as error:  # the data was good in the first pass, so this is no mistake in the order
            raise EvaltrailError(error.message, code=error.code, where=error.where, hint=error.hint) from error

    async def _ask_all(self) -> dict[str, Asked]:
        stored = self._stored()
        asked: dict[str, Asked] = {}
        for number, task in enumerate(self._prepared.tasks):
            with Journal(self._work.journal(number), task.repeats) as journal:
                is_whole = not journal.done
                started = time.monotonic()
                async with self._prepared.open_model(task, self._settings) as model:
                    await run_task(
                        task,
                        model,
                        journal,
                        concurrency=self._prepared.order.request.limits.concurrency,
                        stored=stored,
                        on_progress=self._watch.progress,
                    )
                seconds = time.monotonic() - started if is_whole else None
                asked[task.name] = Asked(samples=journal.samples(), seconds=seconds)
                self._log.write(f"{task.name}: {len(journal.done)} samples are answered")
        return asked

    def _stored(self) -> Callable[[str], Answer | None]:
        if not self._prepared.order.request.reuse_answers:
            return lambda _: None
        store = StoredAnswers(journals_below(self._settings.home))
        self._watch.notice(f"{len(store):,} stored answers may be used")
        return store.find

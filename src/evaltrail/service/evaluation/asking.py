"""Asking: what an order's journals still miss is asked, then they become a bundle."""

from __future__ import annotations

import time
from pathlib import Path

from evaltrail.bundle.answer_log import answer_logs_below
from evaltrail.bundle.answers import StoredAnswers, journals_below
from evaltrail.bundle.folders import make_private
from evaltrail.bundle.layout import MANIFEST
from evaltrail.bundle.write import write_bundle
from evaltrail.config.context_tags import context_tags
from evaltrail.config.logs import RunLog
from evaltrail.config.secrets import public_url
from evaltrail.config.settings import Settings
from evaltrail.core.errors import EndpointError, EvaltrailError, StorageError
from evaltrail.core.ports import FolderTask
from evaltrail.core.version import VERSION
from evaltrail.providers.native import NativeTask
from evaltrail.providers.stored import StoredTask
from evaltrail.service.evaluation.elsewhere import read_left
from evaltrail.service.evaluation.event_loop import in_loop
from evaltrail.service.evaluation.judge_facts import judge_tags
from evaltrail.service.evaluation.lineage import lineage_tags
from evaltrail.service.evaluation.prepare import Prepared
from evaltrail.service.evaluation.summary import Asked, build_bundle
from evaltrail.service.evaluation.task_asking import Desk, FindAnswer, ask_task, folder_call
from evaltrail.service.evaluation.watch import Watch
from evaltrail.store.work import Work


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
        tags, command = self._tags(), self._prepared.command(self._settings)
        write_bundle(
            folder,
            lambda made: build_bundle(
                made,
                self._work,
                request,
                self._prepared.tasks,
                asked=asked,
                version=VERSION,
                tags=tags,
                command=command,
            ),
        )

    def _tags(self) -> dict[str, str]:
        """What the order says of the result, and the commit and build that it came from."""
        said = {**judge_tags(self._prepared.gradings), **lineage_tags(self._prepared.tasks)}
        return {**context_tags(self._settings.environ, Path()), **said, **self._prepared.order.tags}

    def _ask(self) -> dict[str, Asked]:
        """What is known of each task, all of whose samples are answered now."""
        stored = self._stored()
        asked: dict[str, Asked] = {}
        for number, task in enumerate(self._prepared.tasks):
            if isinstance(task, NativeTask | StoredTask):
                asked[task.name] = in_loop(lambda: self._ask_task(number, task, stored))  # noqa: B023  called at once
            else:
                asked[task.name] = self._attempted(number, task)
        failures = [known.error for known in asked.values() if known.error is not None]
        if len(failures) == len(asked):
            raise failures[0]
        return asked

    async def _ask_task(self, number: int, task: NativeTask | StoredTask, stored: FindAnswer) -> Asked:
        desk = Desk(
            journal=self._work.journal(number),
            judged=self._work.judged,
            earlier_verdicts=self._earlier_verdicts() if self._prepared.gradings[number] else (),
            stored=stored,
            progress=self._watch.progress,
        )
        asked = await ask_task(self._prepared, number, task, desk, self._settings)
        self._log.write(f"{task.name}: {task.total} samples are answered")
        return asked

    def _attempted(self, number: int, task: FolderTask) -> Asked:
        """What another program left, or why it left nothing: one program that fails does not stop the other tasks.

        Raises:
            EndpointError: the endpoint refuses or is gone, for the others too.
            StorageError: the disk refuses.
        """
        try:
            return self._run_elsewhere(number, task)
        except (EndpointError, StorageError):
            raise
        except EvaltrailError as error:
            self._log.write(f"{task.name} failed: {error}")
            return Asked(error=error)

    def _run_elsewhere(self, number: int, task: FolderTask) -> Asked:
        """What another program left of its task, read."""
        place = make_private(self._work.place(number))
        is_whole = not any(place.iterdir())
        started = time.monotonic()
        left = task.run(place, folder_call(self._prepared, self._settings, place, self._watch.progress))
        seconds = time.monotonic() - started if is_whole else None
        self._log.write(f"{task.name}: {task.provider} has ended")
        return Asked(seconds=seconds, left=read_left(left, task))

    def _earlier_verdicts(self) -> list[Path]:
        is_wanted = self._prepared.order.request.reuse_answers
        return answer_logs_below(self._settings.home) if is_wanted else []

    def _stored(self) -> FindAnswer:
        if not self._prepared.order.request.reuse_answers:
            return lambda _: None
        store = StoredAnswers(journals_below(self._settings.home))
        self._watch.notice(f"{len(store):,} stored answers may be used")
        return store.find

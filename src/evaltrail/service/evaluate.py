"""Carry out a prepared order: ask what is missing, write the bundle, deliver it. Resumes by itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import msgspec

from evaltrail.bundle.answers import StoredAnswers, journals_below
from evaltrail.bundle.journal import Journal
from evaltrail.bundle.layout import MANIFEST
from evaltrail.bundle.read import read_bundle
from evaltrail.bundle.write import copy_bundle, write_bundle
from evaltrail.config.logs import RunLog
from evaltrail.config.secrets import public_url
from evaltrail.config.settings import Settings
from evaltrail.core.answer import Answer
from evaltrail.core.errors import EvaltrailError, InputError, InterruptError
from evaltrail.core.progress import ProgressSink
from evaltrail.core.result import ResultBundle
from evaltrail.core.version import VERSION
from evaltrail.providers.runner import run_task
from evaltrail.service.deliver import Landed, deliver_folder, is_settled
from evaltrail.service.order import Order, Result
from evaltrail.service.prepare import Prepared, prepare
from evaltrail.service.record import failure_object, recorded
from evaltrail.service.report import count_line
from evaltrail.service.summary import Asked, build_bundle
from evaltrail.store.ledger import Entry, Ledger
from evaltrail.store.work import Work, claim_work

Notice = Callable[[str], None]
"""Told, in one sentence, what a person watching wants to know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Who is told what while an evaluation runs."""

    progress: ProgressSink = lambda _: None
    notice: Notice = lambda _: None


def evaluate(order: Order, settings: Settings, watch: Watch = Watch()) -> Result:
    """The result of an order: checked, asked, scored, on disk, delivered; see ``carry_out``.

    Raises:
        InputError: nothing was started.
    """
    return carry_out(prepare(order, settings), settings, watch)


def carry_out(prepared: Prepared, settings: Settings, watch: Watch) -> Result:
    """The result of a prepared order.

    The same order again goes on where it was cut short; after a finished one it is a new evaluation.

    Raises:
        BusyError: another process is at the same evaluation; nothing was started.
        EndpointError: the endpoint refuses or is gone; answers are kept, the same order goes on.
        StorageError: the disk refuses.
        InterruptError: interrupted; the same order goes on.
    """
    with claim_work(settings.home, prepared.resume_key, prepared.total) as found:
        is_new = prepared.order.fresh or _is_finished(found, prepared.order, settings)
        work = found.restart(prepared.total) if is_new else found
        run = _Run(prepared, settings, watch, work)
        ledger = Ledger(settings.home)
        ledger.begin(run.entry())
        try:
            result = run.finish()
        except KeyboardInterrupt as interrupt:
            error = InterruptError("interrupted: what was answered is kept", hint="the same command goes on")
            raise run.stopped(error, ledger, "cancelled") from interrupt
        except EvaltrailError as error:
            raise run.stopped(error, ledger, "failed") from None
        ledger.end(result.evaluation_id, result.state, recorded(result))
        work.remove()
        return result


class _Run:
    """One evaluation on its way."""

    def __init__(self, prepared: Prepared, settings: Settings, watch: Watch, work: Work) -> None:
        self._prepared = prepared
        self._order = prepared.order
        self._settings = settings
        self._watch = watch
        self._work = work
        self._folder = settings.home / "runs" / work.state.evaluation_id
        self.log = RunLog(work.log, (prepared.key, *self._order.request.target.headers.values()))

    def entry(self) -> Entry:
        """What the ledger notes at the start."""
        return Entry(
            id=self._work.state.evaluation_id,
            state="running",
            model=self._order.request.target.id,
            tasks=tuple(task.name for task in self._prepared.tasks),
            out=self._folder,
            work=self._work.folder,
            started_at=self._work.state.started_at,
        )

    def stopped(self, error: EvaltrailError, ledger: Ledger, state: str) -> EvaltrailError:
        """The error, noted in log and ledger."""
        error.evaluation_id = self._work.state.evaluation_id
        self.log.write(f"stopped: {error}")
        ledger.end(error.evaluation_id, state, msgspec.json.encode(failure_object(error)))
        return error

    def finish(self) -> Result:
        """Do what is still missing."""
        request, tasks = self._order.request, self._prepared.tasks
        if self._work.is_resumed:
            self._watch.notice(f"going on with evaluation {self._work.state.evaluation_id}, which was cut short")
        if not (self._folder / MANIFEST).is_file():
            self.log.write(f"asking {request.target.id} at {public_url(request.target.url) or 'no endpoint'}")
            asked = self._ask()
            write_bundle(
                self._folder,
                lambda made: build_bundle(made, self._work, request, tasks, asked=asked, version=VERSION),
            )
        if self._order.out is not None:
            copy_bundle(self._folder, self._order.out)
        bundle = read_bundle(self._folder)
        landed = self._deliver()
        return Result(
            bundle=bundle,
            out=self._order.out or self._folder,
            receipts=landed.receipts,
            errors=(*_shortcomings(bundle, self._order.allow_unscored), *landed.errors),
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
                        concurrency=self._order.request.limits.concurrency,
                        stored=stored,
                        on_progress=self._watch.progress,
                    )
                seconds = time.monotonic() - started if is_whole else None
                asked[task.name] = Asked(samples=journal.samples(), seconds=seconds)
                self.log.write(f"{task.name}: {len(journal.done)} samples are answered")
        return asked

    def _stored(self) -> Callable[[str], Answer | None]:
        if not self._order.request.reuse_answers:
            return lambda _: None
        store = StoredAnswers(journals_below(self._settings.home))
        self._watch.notice(f"{len(store):,} stored answers may be used")
        return store.find

    def _deliver(self) -> Landed:
        if self._order.delivery is None:
            return Landed()
        landed = deliver_folder(
            self._folder,
            self._order.delivery,
            self._settings,
            fresh=not self._work.is_resumed,
            progress=lambda step: self.log.write(f"delivering: {step}"),
        )
        for error in landed.errors:
            self.log.write(f"not delivered: {error}")
        return landed


def _is_finished(work: Work, order: Order, settings: Settings) -> bool:
    """Whether the work folder was left behind by an evaluation that had ended."""
    folder = settings.home / "runs" / work.state.evaluation_id
    if not (folder / MANIFEST).is_file():
        return False
    return order.delivery is None or is_settled(folder, order.delivery, settings)


def _shortcomings(bundle: ResultBundle, allowed: float) -> list[EvaltrailError]:
    found = []
    for task in bundle.tasks:
        counts = task.counts
        unscored = counts.total - counts.scored
        if unscored > round(allowed * counts.total, 6):
            found.append(
                EvaltrailError(
                    count_line(counts),
                    code="unscored",
                    where=task.name,
                    hint=f"`evaltrail samples {bundle.id} --unscored` shows them; --allow-unscored SHARE accepts them",
                )
            )
    return found

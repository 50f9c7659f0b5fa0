"""Evaluate one order: prepare its tasks, ask what is missing, write the bundle, deliver it. Resumes by itself."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from evaltrail.bundle.answers import StoredAnswers, journals_below
from evaltrail.bundle.journal import Journal
from evaltrail.bundle.layout import MANIFEST
from evaltrail.bundle.read import read_bundle
from evaltrail.bundle.write import check_out, copy_bundle, write_bundle
from evaltrail.config.logs import RunLog
from evaltrail.config.secrets import find_key, public_url
from evaltrail.config.settings import Settings
from evaltrail.core.answer import Answer
from evaltrail.core.errors import DestinationError, EvaltrailError, InputError, InterruptError
from evaltrail.core.ids import digest, nearest
from evaltrail.core.ports import Model
from evaltrail.core.progress import ProgressSink
from evaltrail.core.result import Origin, ResultBundle, TaskResult
from evaltrail.core.version import VERSION
from evaltrail.models.target import open_model
from evaltrail.providers.native import NativeTask
from evaltrail.providers.runner import run_task
from evaltrail.providers.tasks import read_task
from evaltrail.service.deliver import Landed, check_delivery, deliver_folder, is_settled
from evaltrail.service.order import Order, Result
from evaltrail.service.record import recorded
from evaltrail.service.report import count_line
from evaltrail.service.summary import build_bundle
from evaltrail.store.ledger import Entry, Ledger
from evaltrail.store.work import Work, claim_work

Notice = Callable[[str], None]
"""Told, in one sentence, what a person watching wants to know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Who is told what while an evaluation runs."""

    progress: ProgressSink = lambda _: None
    notice: Notice = lambda _: None


def prepare_tasks(order: Order, settings: Settings) -> tuple[NativeTask, ...]:
    """The tasks of an order, read and checked against their data.

    Raises:
        InputError: one of them cannot be run; nothing was started.
    """
    request = order.request
    tasks = tuple(NativeTask(read_task(_task_file(name)), request, settings.datasets_dir) for name in request.tasks)
    names = [task.name for task in tasks]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"two tasks are called {name!r}", code="duplicate_task", hint="rename one of them")
    return tasks


def unasked(order: Order, tasks: Sequence[NativeTask]) -> ResultBundle:
    """What the order's bundle would say if nothing had been asked yet."""
    now = datetime.now(UTC)
    results = (
        TaskResult(name=task.name, provider=task.provider, config=task.config(), dataset=task.dataset) for task in tasks
    )
    return ResultBundle(
        id="not-asked-yet",
        origin=Origin(producer="evaltrail", version=VERSION),
        model=order.request.target.id,
        tasks=tuple(results),
        params=dict(order.request.params),
        started_at=now,
        ended_at=now,
    )


def evaluate(order: Order, settings: Settings, watch: Watch = Watch()) -> Result:
    """The result of an order: asked, scored, on disk, delivered.

    The same order again goes on where it was cut short; after a finished one it is a new evaluation.

    Raises:
        InputError: nothing was started.
        EndpointError: the endpoint refuses or is gone; answers are kept, the same order goes on.
        StorageError: the disk refuses.
        InterruptError: interrupted; the same order goes on.
    """
    tasks = prepare_tasks(order, settings)
    key = find_key(order.request.target, settings.openai_base_url, settings.environ)
    for task in tasks:
        _open_model(task, order, key)
    if order.out is not None:
        check_out(order.out)
    if order.delivery is not None:
        check_delivery(unasked(order, tasks), order.delivery, settings)
    total = sum(task.total for task in tasks)
    with claim_work(settings.home, _resume_key(order, tasks), total) as found:
        work = found.restart(total) if order.fresh or _is_finished(found, order, settings) else found
        run = _Run(order, settings, watch, tasks=tasks, work=work, key=key)
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

    def __init__(
        self,
        order: Order,
        settings: Settings,
        watch: Watch,
        *,
        tasks: Sequence[NativeTask],
        work: Work,
        key: str,
    ) -> None:
        self._order = order
        self._settings = settings
        self._watch = watch
        self._tasks = tasks
        self._work = work
        self._key = key
        self._folder = settings.home / "runs" / work.state.evaluation_id
        self.log = RunLog(work.log, (key, *order.request.target.headers.values()))

    def entry(self) -> Entry:
        """What the ledger notes at the start."""
        return Entry(
            id=self._work.state.evaluation_id,
            state="running",
            model=self._order.request.target.id,
            tasks=tuple(task.name for task in self._tasks),
            out=self._folder,
            work=self._work.folder,
            started_at=self._work.state.started_at,
        )

    def stopped(self, error: EvaltrailError, ledger: Ledger, state: str) -> EvaltrailError:
        """The error, noted in log and ledger."""
        error.evaluation_id = self._work.state.evaluation_id
        self.log.write(f"stopped: {error}")
        ledger.end(error.evaluation_id, state, b"")
        return error

    def finish(self) -> Result:
        """Do what is still missing."""
        request = self._order.request
        if self._work.is_resumed:
            self._watch.notice(f"going on with evaluation {self._work.state.evaluation_id}, which was cut short")
        if not (self._folder / MANIFEST).is_file():
            self.log.write(f"asking {request.target.id} at {public_url(request.target.url) or 'no endpoint'}")
            seconds = self._ask()
            write_bundle(
                self._folder,
                lambda made: build_bundle(made, self._work, request, self._tasks, seconds=seconds, version=VERSION),
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

    def _ask(self) -> dict[str, float]:
        """Wall seconds of each task that was asked in one go."""
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return runner.run(self._ask_all())

    async def _ask_all(self) -> dict[str, float]:
        request = self._order.request
        stored = self._stored()
        seconds: dict[str, float] = {}
        for number, task in enumerate(self._tasks):
            with Journal(self._work.journal(number), task.repeats) as journal:
                is_whole = not journal.done
                started = time.monotonic()
                async with _open_model(task, self._order, self._key) as model:
                    await run_task(
                        task,
                        model,
                        journal,
                        concurrency=request.limits.concurrency,
                        stored=stored,
                        on_progress=self._watch.progress,
                    )
                if is_whole:
                    seconds[task.name] = time.monotonic() - started
                self.log.write(f"{task.name}: {len(journal.done)} samples are answered")
        return seconds

    def _stored(self) -> Callable[[str], Answer | None]:
        if not self._order.request.reuse_answers:
            return lambda _: None
        store = StoredAnswers(journals_below(self._settings.home))
        self._watch.notice(f"{len(store):,} stored answers may be used")
        return store.find

    def _deliver(self) -> Landed:
        if self._order.delivery is None:
            return Landed()
        try:
            return deliver_folder(
                self._folder,
                self._order.delivery,
                self._settings,
                fresh=not self._work.is_resumed,
                progress=lambda step: self.log.write(f"delivering: {step}"),
            )
        except DestinationError as error:
            self.log.write(f"not delivered: {error}")
            return Landed(errors=(error,))


def _open_model(task: NativeTask, order: Order, key: str) -> Model:
    return open_model(
        order.request.target,
        generation=task.generation,
        limits=order.request.limits,
        api_key=key,
        references=tuple(task.references.elements()),
        seed=order.request.seed or 0,
    )


def _resume_key(order: Order, tasks: Sequence[NativeTask]) -> str:
    request = order.request
    identities = [[task.name, task.identity] for task in tasks]
    target = [request.target.id, request.target.url, sorted(request.target.headers)]
    return digest([identities, target, dict(request.params)])


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
        if unscored > allowed * counts.total:
            found.append(
                EvaltrailError(
                    count_line(counts),
                    code="unscored",
                    where=task.name,
                    hint=f"`evaltrail samples {bundle.id} --unscored` shows them; --allow-unscored SHARE accepts them",
                )
            )
    return found


def _task_file(name: str) -> Path:
    file = Path(name)
    if file.suffix.lower() in {".yaml", ".yml"} or file.is_file():
        if not file.is_file():
            beside = [path.name for path in file.parent.glob("*.y*ml") if path.is_file()]
            hint = nearest(file.name, beside) or f"task files here: {', '.join(sorted(beside)) or 'none'}"
            raise InputError("the task file is not there", code="missing_task", where=name, hint=hint)
        return file
    raise InputError(
        f"no provider offers the task {name!r}", code="unknown_task", hint="name a task file, such as capitals.yaml"
    )


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    import uvloop  # noqa: PLC0415  not built for Windows

    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory

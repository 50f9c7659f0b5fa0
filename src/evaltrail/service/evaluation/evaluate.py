"""Carry out a prepared order: ask what is missing, write the bundle, deliver it. Resumes by itself."""

from __future__ import annotations

from evaltrail.bundle.layout import MANIFEST
from evaltrail.bundle.read import read_bundle
from evaltrail.bundle.write import copy_bundle
from evaltrail.config.logs import RunLog
from evaltrail.config.settings import Settings
from evaltrail.core.errors import EvaltrailError
from evaltrail.core.result import ResultBundle, TaskResult
from evaltrail.service.deliver import Landed, deliver_folder, is_settled
from evaltrail.service.evaluation.asking import Asking
from evaltrail.service.evaluation.order import Order, Result
from evaltrail.service.evaluation.prepare import Prepared, prepare
from evaltrail.service.evaluation.report import count_line
from evaltrail.service.evaluation.result_record import recorded
from evaltrail.service.evaluation.watch import UNWATCHED, Watch
from evaltrail.service.noted_work import noted
from evaltrail.store.ledger import Entry, Ledger
from evaltrail.store.work import Work, claim_work


def evaluate(order: Order, settings: Settings, watch: Watch = UNWATCHED) -> Result:
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
        with noted(ledger, run.entry(), run.log.write):
            result = run.finish()
        ledger.end(result.evaluation_id, result.state, recorded(result))
        failed = {task.name for task in result.bundle.tasks if _left_nothing(task)}
        work.remove(kept=[number for number, task in enumerate(prepared.tasks) if task.name in failed])
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

    def finish(self) -> Result:
        """Do what is still missing."""
        if self._work.is_resumed:
            self._watch.notice(f"going on with evaluation {self._work.state.evaluation_id}, which was cut short")
        Asking(self._prepared, self._settings, self._watch, self._work, self.log).into(self._folder)
        if self._order.out is not None:
            copy_bundle(self._folder, self._order.out)
        bundle = read_bundle(self._folder)
        landed = self._deliver()
        return Result(
            bundle=bundle,
            out=self._order.out or self._folder,
            receipts=landed.receipts,
            errors=(*shortcomings(bundle, self._order.allow_unscored), *landed.errors),
        )

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


def shortcomings(bundle: ResultBundle, allowed: float, *, failed_hint: str = "") -> list[EvaltrailError]:
    """An error for each task that failed, or has more unscored samples than the allowed share, in [0, 1].

    Args:
        bundle: the result.
        allowed: share of samples that may be unscored.
        failed_hint: what to do about a task that failed; empty = look at what its program printed.
    """
    found = []
    for task in bundle.tasks:
        if _left_nothing(task):
            hint = failed_hint or "what it printed lies in the bundle, below harness/"
            found.append(EvaltrailError(task.error, code="task_failed", where=task.name, hint=hint))
        counts = task.counts
        unscored = counts.total - counts.scored
        if unscored > round(allowed * counts.total, 6):
            hint = (
                f"`evaltrail samples {bundle.id} --unscored` shows them; "
                "--allow-unscored SHARE (allow_unscored= in Python) accepts them"
            )
            if any(reason.startswith("judge_") for reason in counts.unscored):
                hint += f"; `evaltrail score {bundle.id} --metrics ...` has the stored answers judged again"
            found.append(EvaltrailError(_shortage(task), code="unscored", where=task.name, hint=hint))
    return found


def _shortage(task: TaskResult) -> str:
    """How many samples were scored, and by which metrics not, where others scored all."""
    grades = [metric for metric in task.metrics if metric.is_grade]
    short = [metric.name for metric in grades if metric.n_unscored]
    blame = f"; by {', '.join(short)} alone" if 0 < len(short) < len(grades) else ""
    return f"{count_line(task.counts)}{blame}"


def _left_nothing(task: TaskResult) -> bool:
    """Whether it is a task that another program ran, and which failed as a whole."""
    return task.status == "failed" and not task.counts.total

"""Answers: what the service tells of its evaluations, from the queue and, once there is one, the bundle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evaltrail.config.settings import Settings
from evaltrail.core.errors import InputError
from evaltrail.core.result import ResultBundle
from evaltrail.core.values import Json
from evaltrail.destinations.mlflow.tracking_uri import resolve_tracking_uri
from evaltrail.jobs.account import JobAccount, UnitAccount
from evaltrail.jobs.lease import LeaseQueue
from evaltrail.jobs.states import JobState
from evaltrail.service.answering.account import AccountPage, EvaluationAccount
from evaltrail.service.answering.asked import Asked, asked_for
from evaltrail.service.answering.bundles import empty_benchmarks, open_bundle
from evaltrail.service.answering.compare import Comparison, compare
from evaltrail.service.answering.deleting import call_off, delete_evaluation
from evaltrail.service.answering.landed import NOWHERE, landings
from evaltrail.service.answering.logs import LogText, read_log
from evaltrail.service.answering.named import find_benchmark
from evaltrail.service.answering.phases import benchmark_of
from evaltrail.service.answering.results import EvaluationResults, tell_results
from evaltrail.service.answering.samples import SamplePage, SamplePages, SampleSource
from evaltrail.service.answering.summary import EvaluationSummary, summarise
from evaltrail.service.answering.telling import Known, has_family, tell
from evaltrail.service.answering.watching import Happenings, watch
from evaltrail.service.catalog.measured import results_by_benchmark
from evaltrail.service.working.found_by import job_name, labels
from evaltrail.service.working.submit import EVALUATION

_STATES: Mapping[str, tuple[JobState, ...]] = {
    "pending": ("pending",),
    "running": ("running", "cancelling"),
    "completed": ("completed",),
    "partially_failed": ("partially_failed",),
    "failed": ("failed",),
    "cancelled": ("cancelled",),
}
"""A client's word for a state to the queue's."""
_MOST_A_PAGE = 100
_COMPARED = range(2, 21)
"""What a job keeps of a label, and of its name: longer ones are found by their beginning."""


class Answers:
    """Tells of evaluations; any thread may use it.

    Every method that takes an id may raise InputError (code ``unknown_id``, or ``ambiguous_id`` of a beginning that
    several share), and all may raise StorageError where the queue is away.

    Args:
        settings: where ledger and bundles are, and which MLflow is meant.
        queue: that the evaluations lie in.
    """

    def __init__(self, settings: Settings, queue: LeaseQueue) -> None:
        self._settings = settings
        self._queue = queue
        self._samples = SamplePages(settings)
        self._tracking_uri = settings.mlflow_ui_url or resolve_tracking_uri(settings.tracking_uri, settings.environ)

    def version(self) -> int | None:
        """A number that is another one after each change of the queue; None where that cannot be told at once.

        Asked by one thread only, and soon answered.
        """
        return self._queue.version()

    def evaluation(self, evaluation_id: str) -> EvaluationAccount:
        """The account of one evaluation.

        Args:
            evaluation_id: whole, or what it alone begins with.
        """
        return tell(self._known(evaluation_id), self._tracking_uri)

    def page(
        self,
        *,
        limit: int = 50,
        cursor: str = "",
        status: str = "",
        name: str = "",
        experiment: str = "",
        tags: Mapping[str, str] | None = None,
        words: Sequence[str] = (),
        tenant: str = "",
        offset: int = 0,
    ) -> AccountPage:
        """Some evaluations, newest first.

        Args:
            limit: 1 to 100.
            cursor: ``next_cursor`` of the page before; empty = the first page.
            status: only those in this state; empty = all.
            name: only those of this name.
            experiment: only those of this experiment, by its whole name.
            tags: only those that bear all of these.
            words: only those that bear all of these labels, which have no value.
            tenant: only those of this one; empty = all.
            offset: how many are passed over.

        Raises:
            InputError: the limit, the cursor or the status is none.
        """
        if not 1 <= limit <= _MOST_A_PAGE:
            raise InputError(f"a limit of {limit}", where="limit", hint=f"1 to {_MOST_A_PAGE} are allowed")
        found = self._queue.list(
            limit=limit,
            cursor=cursor,
            states=states_of(status),
            kind=EVALUATION,
            name=job_name(name),
            labels=labels(tags or {}, words, experiment=experiment, tenant=tenant),
            offset=offset,
        )
        uri = self._tracking_uri
        accounts = tuple(tell(known, uri) for known in self._all_known(found.jobs))
        return AccountPage(items=accounts, total_count=found.total, next_cursor=found.next_cursor)

    def results(self, evaluation_id: str) -> EvaluationResults:
        """Metrics, counts and verdicts of an evaluation; before its end what is known."""
        known = self._known(evaluation_id)
        return self._results(known)

    def samples(
        self, evaluation_id: str, *, benchmark: str = "0", limit: int = 50, cursor: str = "", only: str = ""
    ) -> SamplePage:
        """Some samples of one benchmark, in the order of the data set; of one that runs, those that are done.

        Args:
            evaluation_id: whole, or what it alone begins with.
            benchmark: its position, its id, or ``provider/id``.
            limit: 1 to 100.
            cursor: ``next_cursor`` of the page before; empty = the first page.
            only: ``failed`` (not answered, or graded below 1), ``unscored``, or all.

        Raises:
            InputError: no benchmark is called so, or the limit, the cursor or the filter is none.
        """
        known = self._known(evaluation_id)
        account = tell(known, self._tracking_uri)
        found = find_benchmark(account.benchmarks, benchmark)
        bundle = self._bundle(account.id) if account.is_over else None
        results = None
        if bundle is not None:
            results = results_by_benchmark(known.asked.submission.benchmarks, bundle.tasks)[found.index]
        source = SampleSource(account=account, benchmark=found, results=results)
        return self._samples.page(source, limit=limit, cursor=cursor, only=only)

    def logs(self, evaluation_id: str, *, benchmark: str = "", tail: int = 1000) -> LogText:
        """The log of an evaluation, or the part of it that is about one benchmark.

        Args:
            evaluation_id: whole, or what it alone begins with.
            benchmark: its position, its id, or ``provider/id``; empty = the whole.
            tail: how many of the last lines, 1 to 10,000.

        Raises:
            InputError: no benchmark is called so, or the tail is out of bounds.
        """
        return read_log(self._settings, self.evaluation(evaluation_id), benchmark=benchmark, tail=tail)

    def compare(self, evaluation_ids: Sequence[str]) -> Comparison:
        """Evaluations side by side, metric by metric.

        Args:
            evaluation_ids: 2 to 20.

        Raises:
            InputError: there are too few or too many, or some are not known: all of these are told.
        """
        wanted = tuple(dict.fromkeys(evaluation_ids))
        _check_count(len(wanted))
        found: dict[str, Known] = {}
        unknown: list[str] = []
        for each in wanted:
            try:
                known = self._known(each)
            except InputError as error:
                if error.code not in {"unknown_id", "ambiguous_id"}:
                    raise
                unknown.append(each)
            else:
                found[known.job.id] = known
        if unknown:
            raise unknown_evaluation(*unknown)
        _check_count(len(found))
        return compare([self._results(known) for known in found.values()])

    def summary(self, evaluation_id: str) -> EvaluationSummary:
        """What people and CI want to know of an evaluation."""
        known = self._known(evaluation_id)
        return summarise(tell(known, self._tracking_uri), self._results(known))

    def events(self, job_id: str, after: int = 0) -> Happenings:
        """What happened to an evaluation, a generation or edits after an event, in order.

        Args:
            job_id: its whole id.
            after: the last event that is known already; 0 = none is.
        """
        return watch(self._queue, job_id, after)

    def cancel(self, evaluation_id: str) -> EvaluationAccount:
        """The account of an evaluation that was called off; it runs on until its workers have let go.

        Raises:
            InputError: it is over already (code ``already_ended``).
        """
        call_off(self._settings, self._queue, self._known(evaluation_id).job)
        return self.evaluation(evaluation_id)

    def delete(self, evaluation_id: str) -> None:
        """Forget an evaluation that is over, with all that this home keeps of it; runs in MLflow stay.

        Raises:
            InputError: it is not over (code ``not_ended``).
            StorageError: the disk refuses.
        """
        job = self._known(evaluation_id).job
        family = self._queue.children([job.id]).get(job.id, ())
        delete_evaluation(self._settings, self._queue, job, family)

    def _results(self, known: Known) -> EvaluationResults:
        bundle = self._bundle(known.job.id)
        return tell_results(tell(known, self._tracking_uri), known.asked.submission, bundle)

    def _known(self, evaluation_id: str) -> Known:
        try:
            detail = self._queue.show(evaluation_id)
        except InputError as error:
            if error.code != "unknown_id":
                raise
            raise unknown_evaluation(evaluation_id) from error
        if detail.job.kind != EVALUATION:
            raise unknown_evaluation(evaluation_id)
        (known,) = self._put_together([detail.job], {detail.job.id: detail.spec}, {detail.job.id: detail.units})
        return known

    def _all_known(self, jobs: Sequence[JobAccount]) -> Sequence[Known]:
        ids = [job.id for job in jobs]
        return self._put_together(jobs, self._queue.specs(ids), self._queue.units(ids)) if ids else ()

    def _put_together(
        self,
        jobs: Sequence[JobAccount],
        specs: Mapping[str, Mapping[str, Json]],
        units: Mapping[str, tuple[UnitAccount, ...]],
    ) -> Sequence[Known]:
        asked = {job.id: asked_for(specs.get(job.id, {})) for job in jobs}
        told = [job.id for job in jobs if has_family(asked[job.id], units.get(job.id, ()))]
        families = self._queue.children(told) if told else {}
        landed = landings(self._settings, [job.id for job in jobs if job.started_at is not None])
        return [
            Known(
                job=job,
                asked=asked[job.id],
                units=units.get(job.id, ()),
                family=families.get(job.id, ()),
                landing=landed.get(job.id, NOWHERE),
                empty=self._empty(job, asked[job.id], units.get(job.id, ())),
            )
            for job in jobs
        ]

    def _empty(self, job: JobAccount, asked: Asked, units: Sequence[UnitAccount]) -> Mapping[int, str]:
        """Benchmarks that only the bundle says have failed; it is opened where the units leave one in doubt."""
        failed = {benchmark_of(unit) for unit in units if unit.state == "failed"}
        is_clear = all(number in failed for number in range(len(asked.submission.benchmarks)))
        if job.state not in {"failed", "partially_failed"} or is_clear:
            return {}
        try:
            bundle = self._bundle(job.id)
        except InputError:  # its results tell why; a list with it is still a list
            return {}
        if bundle is None:
            return {}
        return empty_benchmarks(results_by_benchmark(asked.submission.benchmarks, bundle.tasks))

    def _bundle(self, evaluation_id: str) -> ResultBundle | None:
        return open_bundle(self._settings.home, evaluation_id)


def unknown_evaluation(*ids: str) -> InputError:
    """That no evaluation is called so, or none of several."""
    told = ", ".join(f"{each!r:.40}" for each in ids)
    return InputError(
        f"no evaluation has the id {told}" if len(ids) == 1 else f"no evaluations have the ids {told}",
        code="unknown_id",
        hint="GET /api/v1/evaluations lists them",
    )


def _check_count(count: int) -> None:
    if count not in _COMPARED:
        hint = f"give {_COMPARED.start} to {_COMPARED.stop - 1} different ones"
        raise InputError(f"{count} evaluations to compare", where="ids", hint=hint)


def states_of(status: str) -> tuple[JobState, ...]:
    """The queue's states that a client's word means; none where it says nothing.

    Raises:
        InputError: it is no state.
    """
    if not status:
        return ()
    if status not in _STATES:
        raise InputError(f"{status!r:.40} is no state", where="status", hint=f"one of {', '.join(_STATES)}")
    return _STATES[status]

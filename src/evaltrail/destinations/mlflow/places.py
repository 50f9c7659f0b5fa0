"""Places: experiments, and the runs that a source has there already, asked for once however many runs are sent."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from evaltrail.core.errors import EvaltrailError
from evaltrail.destinations.mlflow.port import ExperimentState, Gateway, RunState
from evaltrail.destinations.mlflow.run_plan import ExperimentLabels

Value = TypeVar("Value")

_EXPERIMENTS_KEPT = 64
_FAMILIES_KEPT = 64
_UNLABELLED = ExperimentLabels()


class Places:
    """What was found at tracking URIs while one command delivers; shared by its threads.

    The runs of a family are those that were there when it was first asked about: what this command sends meanwhile
    is known to its outbox.
    """

    def __init__(self) -> None:
        self._experiments = _Answers[ExperimentState](_EXPERIMENTS_KEPT)
        self._tags = _Answers[dict[str, str]](_EXPERIMENTS_KEPT)
        self._families = _Answers[tuple[RunState, ...]](_FAMILIES_KEPT)

    def experiment(
        self, gateway: Gateway, name: str, experiment_id: str, labels: ExperimentLabels = _UNLABELLED
    ) -> ExperimentState:
        """The experiment of that id, else of that name, which is made when there is none; it bears the labels now.

        A tag that it is known to have is not set again.
        """

        def ask() -> ExperimentState:
            if experiment_id:
                return gateway.experiment_by_id(experiment_id)
            return gateway.experiment(name, labels.whole())

        found = self._experiments.get((gateway.tracking_uri, experiment_id or f"name {name}"), ask)
        known = self._tags.get((gateway.tracking_uri, found.id), lambda: dict(found.tags))
        for tag, value in labels.missing(known).items():
            gateway.tag_experiment(found.id, tag, value)
            known[tag] = value
        return found

    def family(self, gateway: Gateway, experiment: ExperimentState, tag: str, value: str) -> tuple[RunState, ...]:
        """The active runs of the experiment that bear this tag with this value, oldest first."""
        if experiment.is_new:
            return ()
        place = (gateway.tracking_uri, experiment.id, tag, value)
        return self._families.get(place, lambda: gateway.find_runs(experiment.id, tag, value))


class _Answers(Generic[Value]):
    """Answers that are asked for once: who comes meanwhile waits for the same answer, or the same failure.

    A failure is not kept, so that a later attempt asks anew; but threads that all wait for a server that is away do
    not lose patience one after the other.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[str, ...], Future[Value]] = OrderedDict()

    def get(self, question: tuple[str, ...], ask: Callable[[], Value]) -> Value:
        with self._lock:
            answer = self._known.get(question)
            is_first = answer is None
            if answer is None:
                answer = self._known[question] = Future()
                while len(self._known) > self._most:
                    self._known.popitem(last=False)
        if is_first:
            self._ask(question, ask, answer)
        return answer.result()

    def _ask(self, question: tuple[str, ...], ask: Callable[[], Value], answer: Future[Value]) -> None:
        try:
            answer.set_result(ask())
        except EvaltrailError as error:
            answer.set_exception(error)
            self._forget(question, answer)
        finally:
            if not answer.done():  # interrupted, or a fault of ours: who waits must not wait for ever
                answer.cancel()
                self._forget(question, answer)

    def _forget(self, question: tuple[str, ...], answer: Future[Value]) -> None:
        with self._lock:
            if self._known.get(question) is answer:
                del self._known[question]

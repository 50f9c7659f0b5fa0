"""Re-score: a finished result's answers, scored by other metrics, become a result of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from evaltrail.config.settings import Settings
from evaltrail.core.delivery import DeliveryOptions
from evaltrail.core.errors import InputError
from evaltrail.core.request import EvaluationRequest, ModelTarget, RequestLimits
from evaltrail.core.result import ResultBundle, TaskResult
from evaltrail.core.values import Scalar
from evaltrail.destinations.mlflow.labels import without
from evaltrail.providers.questions.task import PROVIDER
from evaltrail.providers.slices import SliceValues
from evaltrail.providers.stored import StoredTask
from evaltrail.scoring.apply import Scorer
from evaltrail.service.evaluation.evaluate import evaluate
from evaltrail.service.evaluation.order import Order, Result
from evaltrail.service.evaluation.watch import UNWATCHED, Watch
from evaltrail.service.rescoring.sources import open_result

RESCORED_FROM = "evaltrail.rescored_from"
"""Tag of a re-scored result: the id of the result whose answers it scores."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RescoreOrder:
    """What is to be scored anew, by what, and what is to become of it."""

    source: str
    """Id, file or folder."""
    metrics: tuple[Scorer, ...]
    judge: str = ""
    """Which model judges where a metric names none: ``openai:/NAME``, ``URL#model``; empty = EVALTRAIL_JUDGE."""
    limits: RequestLimits = field(default_factory=RequestLimits)
    """Of the judges."""
    delivery: DeliveryOptions | None = field(default_factory=DeliveryOptions)
    out: Path | None = None
    fresh: bool = False
    """Start over, even where the same work was cut short."""
    allow_unscored: float = 0.0
    command: tuple[str, ...] = ()
    """How to repeat it, for the report."""


def rescore(order: RescoreOrder, settings: Settings, watch: Watch = UNWATCHED) -> Result:
    """The result of scoring stored answers anew: a bundle of its own id, delivered as a run of its own.

    The model that gave the answers is not asked; judges ask theirs. What was cut short goes on with the same order.

    Raises:
        InputError: there is no such result, it has no samples, or a metric or judge cannot be used.
        EndpointError: a judge's endpoint refuses or is gone; what was judged is kept, the same order goes on.
        StorageError: the disk refuses.
    """
    if not order.metrics:
        raise InputError("no metric is named", code="usage", hint="name some, such as --metrics exact_match")
    own = replace(settings, judge=order.judge or settings.judge)
    with open_result(order.source, settings) as bundle:
        tasks = _tasks(bundle, order.metrics, watch)
        return evaluate(_order(order, bundle, tasks), own, watch)


def _tasks(bundle: ResultBundle, metrics: Sequence[Scorer], watch: Watch) -> tuple[StoredTask, ...]:
    """The tasks whose samples were kept."""
    made: list[StoredTask] = []
    why_not: list[InputError] = []
    for task in bundle.tasks:
        try:
            values = SliceValues() if task.provider == PROVIDER else None
            made.append(StoredTask(_public(task, bundle), metrics, values))
        except InputError as error:
            if error.code != "no_samples":
                raise
            why_not.append(error)
    if not made:
        raise why_not[0] if why_not else InputError("the result has no tasks", code="no_samples", where=bundle.id)
    for left_out in why_not:
        watch.notice(f"left out: {left_out}")
    return tuple(made)


def _public(task: TaskResult, bundle: ResultBundle) -> TaskResult:
    """The task under a name, its settings without the secrets that its reader met."""
    name = task.name or bundle.origin.folder or bundle.origin.producer
    return replace(task, name=name, config=_without_secrets(task.config, bundle))


def _without_secrets(values: Mapping[str, Scalar], bundle: ResultBundle) -> dict[str, Scalar]:
    return {name: without(value, bundle.secrets) if isinstance(value, str) else value for name, value in values.items()}


def _order(order: RescoreOrder, bundle: ResultBundle, tasks: tuple[StoredTask, ...]) -> Order:
    params = {name: value for name, value in bundle.params.items() if name != "judge"}
    return Order(
        request=EvaluationRequest(
            tasks=tuple(task.name for task in tasks),
            target=ModelTarget(id=bundle.model, is_asked=False),
            limits=order.limits,
            params=_without_secrets(params, bundle),
        ),
        delivery=order.delivery,
        out=order.out,
        fresh=order.fresh,
        allow_unscored=order.allow_unscored,
        tasks=tasks,
        tags={RESCORED_FROM: bundle.id},
        command=order.command,
    )

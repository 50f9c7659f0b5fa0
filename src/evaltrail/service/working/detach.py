"""Orders that are left to the queue: accepted together, done later by workers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from evaltrail.config.settings import Settings
from evaltrail.core.errors import EvaltrailError
from evaltrail.jobs.hints import Hints, open_hints
from evaltrail.jobs.lease import LeaseQueue
from evaltrail.jobs.opening import open_queue
from evaltrail.jobs.states import JobState
from evaltrail.service.evaluation.order import Order
from evaltrail.service.working.submit import CheckedOrder, check_order, submit_order


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueChoice:
    """How orders are queued."""

    queue_name: str = "default"
    priority: int = 0
    """From -100 to 100; higher goes first."""
    idempotency_key: str = ""
    """The same key and the same order are the same evaluation; of several models each has its own below it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detached:
    """An order that the queue has."""

    job_id: str
    """Its evaluation's id too."""
    is_new: bool
    """False: it had been accepted before, under the same key."""
    state: JobState


def detach(
    orders: Sequence[Order],
    settings: Settings,
    choice: QueueChoice | None = None,
    *,
    notice: Callable[[str], None] = lambda _: None,
) -> tuple[Detached, ...]:
    """The accepted orders.

    Args:
        orders: each checked before the first one is queued.
        settings: of this process.
        choice: how they are queued; None = as usual.
        notice: told, in one sentence, that workers could not be told, that none is alive, or which orders were accepted
            before one was not.

    Raises:
        InputError: one of them cannot be carried out, and nothing was queued; or the key was used for another order.
        StorageError: the queue is away.
    """
    checked = [check_order(order, settings) for order in orders]
    chosen = choice or QueueChoice()
    with open_queue(settings) as queue, open_hints(settings, notice=notice) as hints:
        accepted: list[Detached] = []
        for each in checked:
            try:
                accepted.append(_submitted(each, settings, queue, chosen, hints=hints, models=len(orders)))
            except EvaltrailError:
                if accepted:
                    notice(
                        f"accepted before that, and not taken back: {', '.join(before.job_id for before in accepted)}"
                    )
                raise
        if not any(not worker.queues or chosen.queue_name in worker.queues for worker in queue.workers()):
            notice(f"no worker of the queue {chosen.queue_name!r} is alive: `evaltrail worker` starts one")
        return tuple(accepted)


def _submitted(
    checked: CheckedOrder, settings: Settings, queue: LeaseQueue, choice: QueueChoice, *, hints: Hints, models: int
) -> Detached:
    key = choice.idempotency_key
    accepted = submit_order(
        checked,
        settings,
        queue,
        idempotency_key=f"{key}#{checked.spec.request.target.id}" if key and models > 1 else key,
        queue_name=choice.queue_name,
        priority=choice.priority,
        hints=hints,
    )
    state = "pending" if accepted.is_new else queue.show(accepted.job_id).job.state
    return Detached(job_id=accepted.job_id, is_new=accepted.is_new, state=state)

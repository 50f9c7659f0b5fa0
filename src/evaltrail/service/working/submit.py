"""Hand an order to the queue: everything about it is checked first, then it is safe whatever happens to us."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from evaltrail.config.context_tags import context_tags
from evaltrail.config.settings import Settings
from evaltrail.core.errors import InputError
from evaltrail.core.ids import digest
from evaltrail.core.values import Json
from evaltrail.jobs.hints import Hints
from evaltrail.jobs.lease import LeaseQueue
from evaltrail.jobs.order import NewJob, NewUnit, Submitted
from evaltrail.jobs.ranges import cut
from evaltrail.providers.catalog import Task
from evaltrail.providers.native import NativeTask
from evaltrail.service.evaluation.order import Order
from evaltrail.service.evaluation.prepare import Prepared, prepare
from evaltrail.service.working.capping import endpoint_of
from evaltrail.service.working.ledger_entry import accept_entry
from evaltrail.service.working.order_spec import OrderSpec, content_digest, spec_of, spec_to_json

EVALUATION = "evaluation"
"""The kind of such jobs."""
TASK, DELIVER = "task", "deliver"
"""The kinds of their units."""
_ATTEMPTS = 5
_DELIVERY_ATTEMPTS = 10
"""A disk that is full for a while; what MLflow does not take is tried again by a job of its own."""
_NAME_CHARACTERS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedOrder:
    """An order that can be queued."""

    spec: OrderSpec
    prepared: Prepared
    identity: str
    """Digest of what was asked for, whichever commit it was asked from."""


def check_order(order: Order, settings: Settings) -> CheckedOrder:
    """The order as it can be queued; nothing is asked, written or sent.

    Args:
        order: what is to be done, as the user gave it; header values are ``host:NAME``.
        settings: of this process.

    Raises:
        InputError: it cannot be carried out, or holds what a queue may not keep.
    """
    if order.fresh or order.request.reuse_answers:
        flag = "--fresh" if order.fresh else "--reuse-answers"
        hint = "leave it out: a queued evaluation is always a new one" if order.fresh else "run it without --detach"
        raise InputError(f"{flag} means nothing to the queue", code="not_queueable", where=flag, hint=hint)
    folder = Path.cwd()
    tagged = replace(order, tags={**context_tags(settings.environ, folder), **order.tags})
    draft = spec_of(tagged, settings, folder)
    own = draft.settings(settings)
    prepared = order_of(draft, own)
    spec = replace(draft, content=content_digest(prepared), command=prepared.command(own))
    identity = digest(spec_to_json(replace(spec, tags=order.tags)))
    return CheckedOrder(spec=spec, prepared=prepared, identity=identity)


def submit_order(
    checked: CheckedOrder,
    settings: Settings,
    queue: LeaseQueue,
    *,
    idempotency_key: str = "",
    queue_name: str = "default",
    priority: int = 0,
    hints: Hints | None = None,
) -> Submitted:
    """The accepted job, whose id is the evaluation's id: it is done by workers, whatever happens to this process.

    Args:
        checked: what is to be done.
        settings: of this process.
        queue: that takes it.
        idempotency_key: the same key and the same order, queue and priority are the same job.
        queue_name: which of the queues.
        priority: from -100 to 100; higher goes first.
        hints: tell workers at once; None = they look by themselves, a moment later.

    Raises:
        InputError: the key was used for another order, or one of these cannot be.
        StorageError: the queue is away.
    """
    prepared = checked.prepared
    names = [task.name for task in prepared.tasks]
    job = NewJob(
        kind=EVALUATION,
        spec=spec_to_json(checked.spec),
        units=(*task_units(prepared), last_unit()),
        name=", ".join(names)[:_NAME_CHARACTERS],
        queue=queue_name,
        priority=priority,
        idempotency_key=idempotency_key,
        body_digest=digest([checked.identity, queue_name, priority]),
    )
    accepted = queue.submit(job)
    accept_entry(settings, accepted.job_id, prepared.order.request.target.id, names)  # also where we died before it
    if accepted.is_new and hints is not None:
        hints.send(queue_name, len(job.units))
    return accepted


def order_of(spec: OrderSpec, settings: Settings) -> Prepared:
    """A queued order, checked again where it is carried out.

    Raises:
        InputError: it cannot be carried out here.
    """
    return prepare(spec.order(settings.environ), settings)


def last_unit() -> NewUnit:
    """The unit that puts the result together and delivers it."""
    return NewUnit(kind=DELIVER, max_attempts=_DELIVERY_ATTEMPTS, total=0, is_last=True, runs_when_cancelled=True)


def task_units(prepared: Prepared, *, max_attempts: int = _ATTEMPTS, names_content: bool = False) -> Iterator[NewUnit]:
    """The units that ask an order's tasks.

    Args:
        prepared: the order.
        max_attempts: how often each is begun at most.
        names_content: each holds the identity of its task, which it then has to find again.
    """
    limits, target = prepared.order.request.limits, prepared.order.request.target
    endpoint = endpoint_of(target.url)
    for number, task in enumerate(prepared.tasks):
        for part in _ranges(task, limits.concurrency):
            place: dict[str, Json] = {"task": number}
            if part is not None:
                place |= {"start": part.start, "stop": part.stop}
            if names_content:
                place["content"] = task.identity
            total = task.total if part is None else len(part) * task.repeats
            yield NewUnit(
                kind=TASK,
                place=place,
                endpoint=endpoint,
                slots=limits.concurrency,
                max_attempts=max_attempts,
                total=total or None,
            )


def _ranges(task: Task, concurrency: int) -> tuple[range | None, ...]:
    """The parts of a task; None = the whole of it, where it cannot be cut."""
    if not isinstance(task, NativeTask):
        return (None,)
    size = task.dataset.size or 0
    parts = cut(size, concurrency, repeats=task.repeats)
    return parts if len(parts) > 1 else (None,)

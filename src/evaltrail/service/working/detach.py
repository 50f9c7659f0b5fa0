"""Orders that are left to the queue: accepted together, done later by workers."""

from __future__ import annotations

from collections.abc import Sequence

from evaltrail.config.settings import Settings
from evaltrail.jobs.opening import open_queue
from evaltrail.service.evaluation.order import Order
from evaltrail.service.working.submit import check_order, submit_order


def detach(orders: Sequence[Order], settings: Settings) -> tuple[str, ...]:
    """The id of each accepted order, which is its evaluation's and its job's.

    Args:
        orders: each checked before the first one is queued.
        settings: of this process.

    Raises:
        InputError: one of them cannot be carried out; nothing was queued.
        StorageError: the queue is away.
    """
    checked = [check_order(order, settings) for order in orders]
    with open_queue(settings) as queue:
        return tuple(submit_order(each, settings, queue).job_id for each in checked)

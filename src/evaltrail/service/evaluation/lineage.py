"""What a run says of where its data came from, and where it lands for that."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from evaltrail.config.settings import Settings
from evaltrail.core.delivery import DeliveryOptions
from evaltrail.providers.catalog import Task, names_dataset
from evaltrail.providers.native import NativeTask
from evaltrail.service.evaluation.experiment import EXPERIMENT


def lineage_tags(tasks: Iterable[Task]) -> dict[str, str]:
    """The tags that tasks have for their run; what several tasks say under one name stands there with commas."""
    found: dict[str, dict[str, None]] = {}
    for task in tasks:
        for name, value in task.tags.items() if isinstance(task, NativeTask) else ():
            found.setdefault(name, {})[value] = None
    return {name: ",".join(values) for name, values in found.items()}


def in_usual_experiment(delivery: DeliveryOptions, tasks: Sequence[str], settings: Settings) -> DeliveryOptions:
    """The delivery, which lands with other evaluations on questions where neither the user nor a variable says where.

    Args:
        delivery: as it was asked for.
        tasks: as they are named; the delivery stays as it is where they are not all data sets of questions.
        settings: may have a prefix for the experiment's name.
    """
    are_questions = bool(tasks) and all(map(names_dataset, tasks))
    return replace(delivery, default_experiment=settings.own_experiment(EXPERIMENT)) if are_questions else delivery

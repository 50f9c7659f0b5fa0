"""What waits in the outbox as people know it, and how a delivery that will never land is given up."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evaltrail.config.settings import Settings
from evaltrail.core.errors import InputError
from evaltrail.core.ids import nearest
from evaltrail.destinations.mlflow.outbox import Delivery
from evaltrail.destinations.mlflow.run_plan import ID_TAG
from evaltrail.destinations.mlflow.tracking_uri import public_uri
from evaltrail.service.deliver import open_destination, outbox_folder
from evaltrail.store.executions import database_file, read_executions
from evaltrail.store.ledger import Ledger

_MOST_LISTED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """One delivery that waits, or waited until now."""

    key: str
    """What names it."""
    run_name: str
    tracking_uri: str
    """Without a login."""
    evaluation_id: str
    """Of the evaluation or the invocation; empty = of results from elsewhere."""
    folder: str
    """Where its results lie; empty = nobody knows any more."""
    run_id: str
    """The run that was begun for it; empty = none is known."""
    attempts: int
    """That failed."""
    last_error: str


def list_waiting(settings: Settings) -> tuple[Waiting, ...]:
    """What waits in the outbox, oldest first; nothing is sent."""
    return tuple(_told(delivery, settings) for delivery in open_destination(settings).waiting())


def forget(beginning: str, settings: Settings, *, tracking_uri: str = "") -> tuple[Waiting, ...]:
    """The deliveries that wait no more: the one that is named, and the runs below it.

    What it was to land stays where it is, and can be delivered anew.

    Args:
        beginning: of its key, or the whole id of the evaluation or invocation that it is of.
        settings: where the outbox is.
        tracking_uri: where it was to land; needed only where the same waits for several.

    Raises:
        InputError: nothing that waits is named so, or several are.
        BusyError: another process is sending it.
    """
    destination = open_destination(settings)
    waiting = destination.waiting()
    named = [each for each in waiting if _is_named(each, beginning)]
    if tracking_uri:
        named = [each for each in named if tracking_uri in {each.tracking_uri, public_uri(each.tracking_uri)}]
    tops = [each for each in named if not _is_below(each, named)]
    if not tops:
        raise _unknown(beginning, waiting)
    if len(tops) > 1:
        raise _several(beginning, tops)
    (top,) = tops
    dropped = [each for each in waiting if each is top or _is_below(each, tops)]
    found = tuple(_told(each, settings) for each in dropped)
    destination.forget(dropped)
    return found


def forget_evaluation(evaluation_id: str, settings: Settings) -> None:
    """Let nothing of an evaluation wait in the outbox any more, wherever it was to land.

    Raises:
        BusyError: another process is sending it.
        StorageError: the outbox cannot be written.
    """
    if (outbox_folder(settings) / "outbox.db").is_file():
        destination = open_destination(settings)
        destination.forget([each for each in destination.waiting() if _evaluation_id(each) == evaluation_id])


def has_begun(evaluation_id: str, settings: Settings) -> bool:
    """Whether a run of an evaluation was begun that is not complete yet, as far as this home knows."""
    return (outbox_folder(settings) / "outbox.db").is_file() and any(
        each.phase != "planned" and _evaluation_id(each) == evaluation_id
        for each in open_destination(settings).waiting()
    )


def _is_named(delivery: Delivery, beginning: str) -> bool:
    return bool(beginning) and (delivery.key.startswith(beginning) or beginning == _evaluation_id(delivery))


def _is_below(delivery: Delivery, others: Sequence[Delivery]) -> bool:
    """Whether the run of a delivery is to lie below that of another one."""
    above = delivery.plan.parent_key if delivery.plan is not None else ""
    return bool(above) and any(each.key == above and each.tracking_uri == delivery.tracking_uri for each in others)


def _unknown(beginning: str, waiting: Sequence[Delivery]) -> InputError:
    names = [each.key for each in waiting] + [_evaluation_id(each) for each in waiting]
    near = nearest(beginning, filter(None, names)) if beginning else ""
    hint = near or ("`evaltrail sync --dry-run` lists what waits" if waiting else "nothing waits at all")
    return InputError(f"nothing that waits has the key {beginning!r:.80}", code="unknown_key", hint=hint)


def _several(beginning: str, found: Sequence[Delivery]) -> InputError:
    if len({each.key for each in found}) == 1:
        places = ", ".join(public_uri(each.tracking_uri) for each in found[:_MOST_LISTED])
        hint = "add --tracking-uri URI, one of them"
        return InputError(f"{beginning!r:.80} waits for several: {places}", code="ambiguous_id", hint=hint)
    keys = ", ".join(each.key for each in found[:_MOST_LISTED])
    return InputError(
        f"{beginning!r:.80} names several: {keys}", code="ambiguous_id", hint="give one key, or more of it"
    )


def _evaluation_id(delivery: Delivery) -> str:
    tags = delivery.plan.tags if delivery.plan is not None else {}
    return tags.get("invocation_id") or tags.get(ID_TAG, "")


def _told(delivery: Delivery, settings: Settings) -> Waiting:
    return Waiting(
        key=delivery.key,
        run_name=delivery.plan.run_name if delivery.plan is not None else "",
        tracking_uri=public_uri(delivery.tracking_uri),
        evaluation_id=_evaluation_id(delivery),
        folder=_folder(delivery, settings),
        run_id=delivery.run_id,
        attempts=delivery.attempts,
        last_error=delivery.last_error,
    )


def _folder(delivery: Delivery, settings: Settings) -> str:
    """Where the results of a delivery lie: of an evaluation, of jobs, else where its files were found."""
    identity = _evaluation_id(delivery)
    try:
        return str(Ledger(settings.home).find(identity).out)
    except InputError:
        pass
    jobs = [job for job in read_executions(database_file(settings.environ)).jobs if job.invocation_id == identity]
    plan, made = delivery.plan, outbox_folder(settings)
    own = plan.tags.get("job_id", "") if plan is not None else ""
    folders = [job.folder for job in jobs if job.folder is not None and own in {"", job.id}]
    folders = folders or [job.folder for job in jobs if job.folder is not None]
    files = [Path(item.file) for item in plan.artifacts] if plan is not None else []
    folders = folders or [each.parent for each in files if each.is_absolute() and not each.is_relative_to(made)]
    return os.path.commonpath(folders) if folders else ""

"""Deliver a finished bundle folder: read it, plan it, land it; what cannot land waits in the outbox."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from evaltrail.bundle.read import read_bundle
from evaltrail.config.settings import Settings
from evaltrail.core.delivery import DeliveryOptions, Receipt
from evaltrail.core.errors import DestinationError, EvaltrailError, InputError, StorageError
from evaltrail.core.result import ResultBundle
from evaltrail.core.version import VERSION
from evaltrail.destinations.mlflow.destination import MlflowDestination
from evaltrail.destinations.mlflow.outbox import Outbox
from evaltrail.destinations.mlflow.patience import Patience
from evaltrail.destinations.mlflow.tracking_uri import resolve_tracking_uri
from evaltrail.destinations.mlflow.writer import REQUIRED_MISSING

_BRIEF = Patience(retry_s=1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Landed:
    """What a delivery came to."""

    receipts: tuple[Receipt, ...] = ()
    errors: tuple[EvaltrailError, ...] = ()


def deliver_folder(
    folder: Path,
    options: DeliveryOptions,
    settings: Settings,
    *,
    fresh: bool,
    progress: Callable[[str], None],
    is_tried_again: bool = False,
) -> Landed:
    """The receipts of a bundle folder.

    Args:
        folder: holds a whole bundle.
        options: how it is to land.
        settings: fill what the options leave open.
        fresh: it was never delivered before, which saves a search.
        progress: told each step.
        is_tried_again: the caller comes again by itself: a server that is away is waited for a moment only.

    What did not land, and why, is among the errors; nothing is raised once the plan is good.

    Raises:
        InputError: the options cannot be used.
    """
    try:
        bundle = read_bundle(folder)
    except InputError as error:
        return Landed(errors=(_undelivered(error),))
    return deliver_bundle(bundle, options, settings, fresh=fresh, progress=progress, is_tried_again=is_tried_again)


def deliver_bundle(
    bundle: ResultBundle,
    options: DeliveryOptions,
    settings: Settings,
    *,
    fresh: bool,
    progress: Callable[[str], None],
    is_tried_again: bool = False,
) -> Landed:
    """The receipts of a bundle whose files stay where they are; see ``deliver_folder``."""
    try:
        receipts = open_destination(settings, _BRIEF if is_tried_again else None).deliver(
            bundle, complete_options(options, settings), fresh=fresh, progress=progress
        )
    except DestinationError as error:
        return Landed(errors=(error,))
    except (InputError, StorageError) as error:  # the results are safe, only their delivery is not
        return Landed(errors=(_undelivered(error),))
    receipts = tuple(replace(each, run_url=page_url(each.run_url, settings)) for each in receipts)
    return Landed(receipts=receipts, errors=tuple(incomplete(receipts)))


def _undelivered(error: EvaltrailError) -> DestinationError:
    return DestinationError(error.message, code=error.code, where=error.where, hint=error.hint)


def page_url(run_url: str, settings: Settings) -> str:
    """Where people see a run that MLflow's own address shows there."""
    path = run_url.partition("/#/")[2]
    return f"{settings.mlflow_ui_url}/#/{path}" if path and settings.mlflow_ui_url else run_url


def incomplete(receipts: Iterable[Receipt]) -> Iterator[DestinationError]:
    """An error for each required file that is not in a run that was delivered otherwise."""
    for receipt in receipts:
        for skipped in receipt.skipped:
            if skipped.why.startswith(REQUIRED_MISSING):
                yield DestinationError(
                    f"{skipped.what} did not land: {skipped.why}",
                    code="incomplete",
                    where=receipt.run_url or receipt.run_id,
                    hint="it is gone from where it was; put it back, or deliver the result anew",
                )


def check_delivery(bundle: ResultBundle, options: DeliveryOptions, settings: Settings) -> None:
    """Find what cannot be delivered before anything is asked.

    Raises:
        InputError: the tracking URI, the experiment's name or a tag cannot be used.
    """
    whole = complete_options(options, settings)
    destination = open_destination(settings)
    destination.check(whole)
    destination.plan(bundle, whole)


def is_settled(folder: Path, options: DeliveryOptions, settings: Settings) -> bool:
    """Whether every run of a bundle has its receipt or waits in the outbox after a failed attempt."""
    whole = complete_options(options, settings)
    uri = resolve_tracking_uri(whole.tracking_uri, settings.environ)
    plans = open_destination(settings).plan(read_bundle(folder), whole)
    with Outbox(outbox_folder(settings), is_shared=settings.has_shared_home) as outbox:
        known = [outbox.get(plan.key, uri) for plan in plans]
    return all(delivery is not None and (delivery.receipt or delivery.attempts) for delivery in known)


def complete_options(options: DeliveryOptions, settings: Settings) -> DeliveryOptions:
    """The options with what the variables say where nothing was given."""
    names_experiment = bool(options.experiment or options.experiment_id)
    return replace(
        options,
        tracking_uri=options.tracking_uri or settings.tracking_uri,
        experiment=options.experiment or ("" if names_experiment else settings.experiment),
        experiment_id=options.experiment_id
        or ("" if names_experiment or settings.experiment else settings.experiment_id),
        run_id=options.run_id or settings.run_id,
        layout=options.layout or settings.layout or "per_bundle",
        traces=settings.traces if options.traces is None else options.traces,
    )


def open_destination(settings: Settings, patience: Patience | None = None) -> MlflowDestination:
    """The destination of these settings.

    Args:
        settings: where deliveries wait, and MLflow's own variables.
        patience: how long it is waited for; None = as suits a person who waits.
    """
    return MlflowDestination(
        outbox_folder(settings),
        VERSION,
        environ=settings.environ,
        patience=patience,
        is_shared=settings.has_shared_home,
    )


def outbox_folder(settings: Settings) -> Path:
    """Where deliveries wait."""
    return settings.home / "outbox"

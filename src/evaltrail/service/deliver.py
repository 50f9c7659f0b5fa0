"""Deliver a finished bundle folder: read it, plan it, land it; what cannot land waits in the outbox."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from evaltrail.bundle.read import read_bundle
from evaltrail.config.settings import Settings
from evaltrail.core.delivery import DeliveryOptions, Receipt
from evaltrail.core.errors import EvaltrailError
from evaltrail.core.result import ResultBundle
from evaltrail.core.version import VERSION
from evaltrail.destinations.mlflow.destination import MlflowDestination
from evaltrail.destinations.mlflow.outbox import Outbox
from evaltrail.destinations.mlflow.tracking_uri import check_tracking_uri, resolve_tracking_uri


@dataclass(frozen=True, slots=True, kw_only=True)
class Landed:
    """What a delivery came to."""

    receipts: tuple[Receipt, ...] = ()
    errors: tuple[EvaltrailError, ...] = ()


def deliver_folder(
    folder: Path, options: DeliveryOptions, settings: Settings, *, fresh: bool, progress: Callable[[str], None]
) -> Landed:
    """The receipts of a bundle folder.

    Args:
        folder: holds a whole bundle.
        options: how it is to land.
        settings: fill what the options leave open.
        fresh: it was never delivered before, which saves a search.
        progress: told each step.

    Raises:
        InputError: the options cannot be used.
        DestinationUnreachableError: MLflow is away; `sync` sends it.
        DestinationError: MLflow refuses.
    """
    destination = open_destination(settings)
    receipts = destination.deliver(
        read_bundle(folder), complete_options(options, settings), fresh=fresh, progress=progress
    )
    return Landed(receipts=receipts)


def check_delivery(bundle: ResultBundle, options: DeliveryOptions, settings: Settings) -> None:
    """Find what cannot be delivered before anything is asked.

    Raises:
        InputError: the tracking URI, the experiment's name or a tag cannot be used.
    """
    whole = complete_options(options, settings)
    check_tracking_uri(resolve_tracking_uri(whole.tracking_uri, settings.environ))
    open_destination(settings).plan(bundle, whole)


def is_settled(folder: Path, options: DeliveryOptions, settings: Settings) -> bool:
    """Whether every run of a bundle has its receipt or waits in the outbox after a failed attempt."""
    whole = complete_options(options, settings)
    uri = resolve_tracking_uri(whole.tracking_uri, settings.environ)
    plans = open_destination(settings).plan(read_bundle(folder), whole)
    with Outbox(outbox_folder(settings)) as outbox:
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
    )


def open_destination(settings: Settings) -> MlflowDestination:
    """The destination of these settings."""
    return MlflowDestination(outbox_folder(settings), VERSION, environ=settings.environ)


def outbox_folder(settings: Settings) -> Path:
    """Where deliveries wait."""
    return settings.home / "outbox"

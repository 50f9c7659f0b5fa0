"""Where the runs of a generation land: in the experiments of seed 003, unless told otherwise."""

from __future__ import annotations

from dataclasses import dataclass, replace

from evaltrail.config.settings import Settings
from evaltrail.core.delivery import DeliveryOptions
from evaltrail.destinations.mlflow.tracking_uri import resolve_tracking_uri
from evaltrail.service.deliver import complete_options
from evaltrail.service.evaluation.experiment import EXPERIMENT

UPLOADS, GENERATIONS, EVALUATIONS = "data_upload_api", "data_generation", EXPERIMENT
"""The experiments, as seed 003 names them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadPlace:
    """How documents land, and the settings that fill what that leaves open."""

    options: DeliveryOptions
    settings: Settings


def generation_delivery(delivery: DeliveryOptions, settings: Settings) -> DeliveryOptions:
    """How the run of a generation lands."""
    return replace(delivery, default_experiment=settings.own_experiment(GENERATIONS), layout="per_bundle", traces=0)


def upload_delivery(delivery: DeliveryOptions, settings: Settings) -> UploadPlace:
    """How the runs of documents land that a generation brings.

    They belong to every generation of the same documents, so name, tags and the run to land in of this one are not
    theirs.
    """
    options = DeliveryOptions(
        tracking_uri=delivery.tracking_uri,
        experiment=delivery.experiment,
        experiment_id="" if delivery.parent_run_id or delivery.run_id else delivery.experiment_id,
        default_experiment=settings.own_experiment(UPLOADS),
        layout="per_bundle",
        traces=0,
    )
    return UploadPlace(options=options, settings=replace(settings, run_id=""))


def tracking_uri_of(delivery: DeliveryOptions, settings: Settings) -> str:
    """The MLflow that a delivery goes to."""
    return resolve_tracking_uri(complete_options(delivery, settings).tracking_uri, settings.environ)

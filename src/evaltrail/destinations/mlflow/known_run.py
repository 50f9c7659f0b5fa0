"""A run that somebody names: whether it is there, where, and what its tags say."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass

from evaltrail.destinations.mlflow.door import open_gateway
from evaltrail.destinations.mlflow.patience import Patience
from evaltrail.destinations.mlflow.port import Batch
from evaltrail.destinations.mlflow.tracking_uri import check_tracking_uri, resolve_tracking_uri


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownRun:
    """A run that is there and not deleted."""

    run_id: str
    experiment_id: str
    experiment_name: str
    tags: Mapping[str, str]


def find_run(
    run_id: str, tracking_uri: str, *, environ: Mapping[str, str], patience: Patience | None = None
) -> KnownRun | None:
    """The run; None where there is none, or only a deleted one.

    Args:
        run_id: as MLflow knows it.
        tracking_uri: where it is; empty = as the variables say.
        environ: the variables that MLflow's own settings are read from.
        patience: how long MLflow is waited for.

    Raises:
        InputError: the tracking URI cannot be MLflow's.
        DestinationUnreachableError: MLflow is away.
        DestinationError: MLflow refuses.
    """
    uri = resolve_tracking_uri(tracking_uri, environ)
    check_tracking_uri(uri)
    with closing(open_gateway(uri, environ=environ, patience=patience)) as gateway:
        run = gateway.get_run(run_id)
        if run is None or run.is_deleted:
            return None
        experiment = gateway.experiment_by_id(run.experiment_id)
    return KnownRun(
        run_id=run.run_id, experiment_id=experiment.id, experiment_name=experiment.name, tags=dict(run.tags)
    )


def tag_run(
    run_id: str,
    tags: Mapping[str, str],
    tracking_uri: str,
    *,
    environ: Mapping[str, str],
    patience: Patience | None = None,
) -> None:
    """Give a run further tags; repeating it changes nothing.

    Args:
        run_id: as MLflow knows it.
        tags: name to value.
        tracking_uri: where it is.
        environ: the variables that MLflow's own settings are read from.
        patience: how long MLflow is waited for.

    Raises:
        DestinationUnreachableError: MLflow is away.
        DestinationError: MLflow refuses.
    """
    check_tracking_uri(tracking_uri)
    with closing(open_gateway(tracking_uri, environ=environ, patience=patience)) as gateway:
        gateway.log_batch(run_id, Batch(tags=tuple(tags.items())))

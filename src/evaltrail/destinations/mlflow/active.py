"""What the caller's own MLflow session says, where MLflow is loaded in this process; never loads it."""

from __future__ import annotations

import sys
from dataclasses import replace

from evaltrail.core.delivery import DeliveryOptions


def join_session(options: DeliveryOptions) -> DeliveryOptions:
    """The options, landing where the caller's MLflow points and below the caller's active run.

    A tracking URI, experiment, run or parent that was given is kept. Without MLflow loaded, or without an active run
    in it, the options stay as they are.
    """
    session = sys.modules.get("mlflow")
    run = getattr(session, "active_run", lambda: None)()
    if session is None or run is None or options.run_id or options.parent_run_id:
        return options
    if options.tracking_uri and options.tracking_uri != session.get_tracking_uri():
        return options
    has_experiment = bool(options.experiment or options.experiment_id)
    return replace(
        options,
        tracking_uri=session.get_tracking_uri(),
        experiment_id=options.experiment_id if has_experiment else run.info.experiment_id,
        parent_run_id=run.info.run_id,
    )
